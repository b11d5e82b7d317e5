"""What the two kinds of registered predictors have in common: plain boosted trees (`trees`) and a blend of forecasters
(`blended`) answer the same questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .verdicts import Verdicts

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
SMALLEST_ERROR = 1e-6  # to expect, where all predictions are exact


@dataclass(frozen=True)
class Raw:
    """Scores [q] and intervals [q] before they are kept within what is possible."""

    score: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Queries:
    """What is asked, in numbers: encoded features [q, p], months of release [q] (NaN = unknown)."""

    encoded: Array
    months: Array


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of training models by fits that left them out, one entry [m] per kind of folds and model: the number
    of the `fold`, the model's `row`, the `predicted` score, the `error` (actual - predicted), and the model's
    `distance` to the nearest model of its fit."""

    fold: Indices
    row: Indices
    predicted: Array
    error: Array
    distance: Array


class Model(Protocol):
    """What `Predictor` asks of either kind. `parts` names the columns of `contributions` before the base."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of what contributes to a score: the features, and what else the model reads."""
        ...

    @property
    def out_of_fold(self) -> OutOfFold:
        """The training models as they were predicted without them."""
        ...

    def answers(self, queries: Queries, verdicts: Verdicts, level: float) -> Raw:
        """Scores with their intervals at `level`."""
        ...

    def usual_errors(self, score: Array, distance: Array) -> Array:
        """The mean absolute error [q] to expect at scores [q] and distances to the nearest training model [q]; never
        0."""
        ...

    def contributions(self, queries: Queries) -> Array:
        """[q, parts + 1]: what each part adds, and the base; rows sum to the score."""
        ...

    def importance(self) -> Array:
        """Mean |contribution| of each feature over the training models, in score units."""
        ...
