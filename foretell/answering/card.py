"""What a predictor's folder says about itself (predictor.yaml): how to encode a query, read the boosters and bound the
answer. It describes every feature in full, so that a stored predictor does not depend on the project's catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import DataError
from .encoding import RELEASE_MONTH, Encoding

FORMAT = 3
"""Number of the folder's layout; it changes when an older foretell could not read the folder, or would misread it."""


@dataclass(frozen=True)
class Card:
    """`benchmark` (slug) and `title` name the target, `metric` its unit, `bounds` its lowest and highest value.

    `predictor` is the entry of the catalogue of predictors; `predictable` says whether it beat the median on held-out
    model families; `features` are the boosters' columns in order, described by `encoding` among all features a query
    may name. `cell` is the grid cell, `n_models` and `n_families` count the training data, `n_folds` the calibration
    boosters, `level` is the default level of the interval and `examples` are training designs in raw words and units.
    `importance` is each feature's mean |contribution| over the training models and `typical_error` the mean absolute
    out-of-fold error, both in score units. `blend` describes the members of a blend (empty: plain trees, see `trees`).
    """

    benchmark: str
    title: str
    metric: str
    lower_is_better: bool
    bounds: tuple[float, float]
    predictor: str
    predictable: bool
    features: tuple[str, ...]
    encoding: Encoding
    cell: Mapping[str, float]
    n_models: int
    n_families: int
    n_folds: int
    level: float
    examples: tuple[Mapping[str, Any], ...]
    importance: Mapping[str, float]
    typical_error: float
    blend: tuple[Mapping[str, Any], ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """What contributes to a score: the features, and for a blend the month of release."""
        return (*self.features, RELEASE_MONTH) if self.blend else self.features

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for YAML."""
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"format": FORMAT, **plain, "encoding": self.encoding.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Card:
        """The inverse of `to_dict`. Raises DataError for another format, and KeyError, TypeError or ValueError when
        `plain` is something else."""
        if plain.get("format") != FORMAT:
            raise DataError(
                f"format {plain.get('format', 1)} of predictor.yaml, this foretell reads format {FORMAT}; "
                "mlflow.pyfunc.load_model reads any registered predictor with the code that was stored with it"
            )
        values = {key: value for key, value in plain.items() if key != "format"}
        low, high = values["bounds"]
        values |= {"bounds": (float(low), float(high)), "encoding": Encoding.from_dict(values["encoding"])}
        values |= {name: tuple(values[name]) for name in ("features", "examples", "blend")}
        return cls(**values)
