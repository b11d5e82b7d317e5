"""A registered forecast: one design's predicted scores with their intervals, by which predictors from which facts, and
whether each named rival is expected to be beaten. It is sealed when it is registered and never changes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from foretell.errors import DataError

FORMAT = 1
"""Number of the record's layout."""
WIN, LOSE, UNCERTAIN = "win", "lose", "uncertain"
RECORDED, REGISTERED = "recorded", "registered"
FROM_COMPARISON = "interval of the difference"
FROM_INTERVALS = "both intervals, errors taken as independent"
FROM_SCORE = "interval of the forecast against the recorded score"


class Difference(NamedTuple):
    """The forecast's score minus a rival's, with its interval at a level, in the unit of the score; `chance_better` is
    the probability that the forecast's is the better score (None where none is given), `basis` says what the interval
    comes from."""

    estimate: float
    low: float
    high: float
    level: float
    basis: str
    chance_better: float | None = None

    def verdict(self, lower_is_better: bool) -> str:
        """`win` or `lose` where the whole interval lies on that side of 0, `uncertain` otherwise."""
        if self.low <= 0 <= self.high:
            return UNCERTAIN
        return WIN if (self.low > 0) != lower_is_better else LOSE


@dataclass(frozen=True)
class Outlook:
    """What is expected against one rival on one target.

    kind: `recorded` (a known model; `score` is its recorded score) or `registered` (another forecast; `score`
        is its point, and `rival_sha256` the hash of its record).
    """

    kind: str
    score: float
    difference: Difference
    verdict: str
    rival_sha256: str = ""


@dataclass(frozen=True)
class TargetForecast:
    """The forecast of one target.

    bounds: the lowest and highest possible score.
    predictor: the kind of predictor, as in the catalogue; `registered_model` and `version` name what answered.
    data_version, stage_hash: of the facts and of the stages behind that version, as the registry records them ("" where
        it records none).
    point, low, high: the predicted score and its interval at `level`, in the unit of `metric`.
    support: inside, edge or outside, for `support_reason`.
    rivals: name of each rival -> what is expected against it.
    """

    title: str
    metric: str
    lower_is_better: bool
    bounds: tuple[float, float]
    predictor: str
    registered_model: str
    version: str
    data_version: str
    stage_hash: str
    point: float
    low: float
    high: float
    level: float
    support: str
    support_reason: str
    predictable: bool
    rivals: Mapping[str, Outlook]


@dataclass(frozen=True)
class Forecast:
    """A record: `name` of the planned model, `registered` the moment in UTC (ISO 8601), `foretell` the version of this
    program, `design` the raw feature names and values that were asked about, `targets` by slug."""

    name: str
    registered: str
    foretell: str
    design: Mapping[str, str | float | int]
    targets: Mapping[str, TargetForecast]

    @property
    def slug(self) -> str:
        """The name of the record's file."""
        return slug_of(self.name)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"format": FORMAT, "slug": self.slug, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: str) -> Forecast:
        """The inverse of `to_dict`; `path` is where `values` were read. Raises DataError for another format."""
        if values.get("format") != FORMAT:
            raise DataError(
                f"{path}: a forecast of format {values.get('format')!r}; this foretell reads format {FORMAT}, another "
                "version of it reads this one"
            )
        try:
            targets = {slug: _target(target) for slug, target in values["targets"].items()}
            named = (values["name"], values["registered"], values["foretell"], values["design"])
            return cls(*named, targets)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"{path}: not a registered forecast ({type(error).__name__}: {error})") from None


def _target(values: Mapping[str, Any]) -> TargetForecast:
    low, high = values["bounds"]
    rivals = {
        name: Outlook(**{**outlook, "difference": Difference(*outlook["difference"])})
        for name, outlook in values["rivals"].items()
    }
    return TargetForecast(**{**values, "bounds": (low, high), "rivals": rivals})


def slug_of(name: str) -> str:
    """A model's name as a file's: lower-case, `--` for `/`, `-` for anything but letters, digits, dots and dashes.

    Raises DataError for a name that holds no letter or digit.
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.strip().lower().replace("/", "--")).strip("-._")
    if not slug:
        raise DataError(f"{name!r} cannot name a forecast: it needs a letter (a to z) or a digit")
    return slug


def plain_design(design: Mapping[str, Any]) -> dict[str, str | float | int]:
    """The design as JSON holds it; what is None or NaN is unknown and left out.

    Raises DataError for a value that is neither a word nor a finite number, and for a design without any value.
    """
    values: dict[str, str | float | int] = {}
    for name, given in design.items():
        value = given.item() if hasattr(given, "item") else given
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        if not isinstance(value, str | int | float) or (isinstance(value, float) and math.isinf(value)):
            raise DataError(f"design: {name}: {value!r} is neither a word nor a number")
        values[str(name)] = value
    if not values:
        raise DataError("design: nothing is known of it; give at least its parameters and training tokens")
    return values


def against_score(point: float, low: float, high: float, level: float, score: float) -> Difference:
    """The difference from a score that is known: the forecast's own interval, shifted by it."""
    return Difference(point - score, low - score, high - score, level, FROM_SCORE)


def against_interval(own: TargetForecast, rival: TargetForecast) -> Difference:
    """The difference of two forecasts from their intervals, with errors taken as independent: the distances from point
    to end are added in quadrature, as those of independent normal errors are. Two designs' errors are alike rather than
    independent, so that this is wide."""
    estimate = own.point - rival.point
    below = math.hypot(own.point - own.low, rival.high - rival.point)
    above = math.hypot(own.high - own.point, rival.point - rival.low)
    return Difference(estimate, estimate - below, estimate + above, min(own.level, rival.level), FROM_INTERVALS)
