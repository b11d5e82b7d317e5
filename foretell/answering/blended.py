"""The forecasting kind of predictor: a blend of members that go on beyond the largest model known, with intervals from
the errors that were made when whole families, and later models, were predicted without them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .blend import Blend, Part
from .boosters import load_booster
from .card import Card
from .encoding import RELEASE_MONTH
from .model import OutOfFold, Queries, Raw
from .spread import Errors
from .trees import FINAL
from .verdicts import Verdicts, month_numbers

Array = NDArray[np.float64]
ERRORS = "errors.csv"


@dataclass(frozen=True)
class Blended:
    """`blend` answers; `errors` are those of its folds, `rows` [m] the training models that they were made on, with
    scores `actual` [n]; `features` name the columns and `months` [n] the training models' releases."""

    blend: Blend
    errors: Errors
    rows: NDArray[np.intp]
    features: tuple[str, ...]
    actual: Array
    months: Array

    @classmethod
    def load(cls, folder: Path, card: Card, training: pd.DataFrame) -> Blended:
        """Read a predictor's folder. Raises DataError naming the file that is missing or damaged, and KeyError or
        ValueError where a table lacks a column or a model."""
        known, actual = (training[names].to_numpy(dtype=np.float64) for names in (list(card.features), "actual"))
        months = month_numbers(training[RELEASE_MONTH])
        parts = tuple(Part.from_dict(plain) for plain in card.blend)
        trees = load_booster(folder / FINAL)
        table = pd.read_csv(folder / ERRORS)
        position = {name: row for row, name in enumerate(training["model_id"].astype(str))}
        rows = np.array([position[name] for name in table["model_id"].astype(str)], dtype=np.intp)
        blend = Blend(parts, trees, card.bounds, known, float(np.nanmax(months, initial=0.0)))
        return cls(blend, Errors.of(table, card.bounds), rows, card.features, actual, months)

    @property
    def parts(self) -> tuple[str, ...]:
        """The features and the month of release."""
        return (*self.features, RELEASE_MONTH)

    @cached_property
    def out_of_fold(self) -> OutOfFold:
        """One entry per fold and training model that it left out."""
        errors = self.errors
        error = self.actual[self.rows] - errors.predicted
        return OutOfFold(errors.fold, self.rows, errors.predicted, error, errors.distance)

    def answers(self, queries: Queries, verdicts: Verdicts, level: float) -> Raw:
        """The blend's scores, with intervals from the folds' errors, as wide as they are for queries as far away."""
        score = self.blend.scores(queries.encoded, queries.months)
        return Raw(score, *self.errors.interval(score, verdicts, level))

    def usual_errors(self, score: Array, distance: Array) -> Array:
        """The mean error at scores and distances [q], as the formula of the intervals has it."""
        return self.errors.usual(score, distance)

    def contributions(self, queries: Queries) -> Array:
        """What each feature and the month of release adds, and the base."""
        return self.blend.contributions(queries.encoded, queries.months)

    def importance(self) -> Array:
        """Mean |contribution| of each feature over the training models, in score units."""
        return self.blend.importance(self.months)
