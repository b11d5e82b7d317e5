"""From registered predictors and a design to the forecast of each target, with what is expected against each rival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretell.answering.answer import Answer
from foretell.answering.predictor import Predictor
from foretell.errors import DataError
from models.ledger.entries import (
    FROM_COMPARISON,
    RECORDED,
    REGISTERED,
    Difference,
    Forecast,
    Outlook,
    TargetForecast,
    against_interval,
    against_score,
)

SAME_SCORE = 1e-9  # two answers of one predictor to one design differ by rounding at most


@dataclass(frozen=True)
class RecordedRival:
    """A known model and its recorded scores, by target."""

    scores: Mapping[str, float]


@dataclass(frozen=True)
class RegisteredRival:
    """Another forecast on record, and the hash of its record."""

    forecast: Forecast
    sha256: str


Rival = RecordedRival | RegisteredRival


@dataclass(frozen=True)
class Origin:
    """Where a predictor comes from: the registered model and its version, and what the registry records of the facts
    and stages behind it ("" = nothing)."""

    registered_model: str
    version: str
    data_version: str
    stage_hash: str


def forecast_target(
    predictor: Predictor,
    origin: Origin,
    design: Mapping[str, Any],
    rivals: Mapping[str, Rival],
    level: float | None = None,
) -> TargetForecast:
    """The forecast of one predictor's target for `design`, its interval at `level` (default: the predictor's own).

    A rival that has neither a recorded score nor a forecast of this target is not compared with here. Raises DataError
    as `Predictor.predict` does.
    """
    answer, card = predictor.predict(design, level), predictor.card
    own = TargetForecast(
        title=card.title,
        metric=card.metric,
        lower_is_better=card.lower_is_better,
        bounds=card.bounds,
        predictor=card.predictor,
        registered_model=origin.registered_model,
        version=origin.version,
        data_version=origin.data_version,
        stage_hash=origin.stage_hash,
        point=answer.score,
        low=answer.low,
        high=answer.high,
        level=answer.level,
        support=answer.support,
        support_reason=answer.support_reason,
        predictable=answer.predictable,
        rivals={},
    )
    outlooks = {}
    for name, rival in rivals.items():
        outlook = _outlook(predictor, design, own, answer, rival)
        if outlook is not None:
            outlooks[name] = outlook
    return TargetForecast(**{**vars(own), "rivals": outlooks})


def _outlook(
    predictor: Predictor, design: Mapping[str, Any], own: TargetForecast, answer: Answer, rival: Rival
) -> Outlook | None:
    slug = answer.benchmark
    if isinstance(rival, RecordedRival):
        if slug not in rival.scores:
            return None
        score = rival.scores[slug]
        difference = against_score(own.point, own.low, own.high, own.level, score)
        return Outlook(RECORDED, score, difference, difference.verdict(own.lower_is_better))
    if slug not in rival.forecast.targets:
        return None
    other = rival.forecast.targets[slug]
    compared = _compared(predictor, rival.forecast.design, other.point, design, own.level)
    difference = compared or against_interval(own, other)
    return Outlook(REGISTERED, other.point, difference, difference.verdict(own.lower_is_better), rival.sha256)


def _compared(
    predictor: Predictor, rival_design: Mapping[str, Any], rival_point: float, design: Mapping[str, Any], level: float
) -> Difference | None:
    """The difference with its own interval; None where this predictor answers otherwise about the rival than the
    forecast on record, or cannot read its design: they are then of different predictors."""
    try:
        compared = predictor.compare(rival_design, design, level)
    except DataError:
        return None
    if abs(compared.first.score - rival_point) > SAME_SCORE:
        return None
    of = compared.difference
    return Difference(of.difference, of.low, of.high, of.level, FROM_COMPARISON, compared.chance_better)


def check_rivals(rivals: Sequence[str], targets: Mapping[str, TargetForecast]) -> None:
    """Raise DataError for a rival that is compared with on no target."""
    unmet = [name for name in rivals if not any(name in target.rivals for target in targets.values())]
    if unmet:
        raise DataError(
            f"rival {unmet[0]}: no score is recorded or forecast of it on {', '.join(targets)}; leave it out or ask "
            "about a target that it has"
        )
