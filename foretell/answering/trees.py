"""The plain kind of predictor: one XGBoost booster that answers, and boosters that each left a calibration fold out,
from whose errors its intervals come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .boosters import Booster, contributions, importance, load_booster, predict_each, predict_rows
from .card import Card
from .intervals import Calibration, usual_error
from .model import OutOfFold, Queries, Raw
from .verdicts import Verdicts

Array = NDArray[np.float64]
FINAL = "final.ubj"


def fold_file(fold: int) -> str:
    """Name of the booster that left out calibration fold `fold`."""
    return f"fold_{fold:02d}.ubj"


@dataclass(frozen=True)
class Trees:
    """`final` is fitted on every model, `rows` [n, p] with scores `actual` [n]; `folds` each left a calibration fold
    out, with their residuals in `calibration`; `features` name the columns."""

    final: Booster
    folds: tuple[Booster, ...]
    calibration: Calibration
    features: tuple[str, ...]
    rows: Array
    actual: Array

    @classmethod
    def load(cls, folder: Path, card: Card, training: pd.DataFrame) -> Trees:
        """Read the boosters of a predictor's folder. Raises DataError naming the file that is missing or damaged, and
        KeyError where `training` lacks a column."""
        final, *folds = (load_booster(folder / name) for name in (FINAL, *map(fold_file, range(card.n_folds))))
        rows, actual = (training[names].to_numpy(dtype=np.float64) for names in (list(card.features), "actual"))
        return cls(final, tuple(folds), Calibration.of(training), card.features, rows, actual)

    @property
    def parts(self) -> tuple[str, ...]:
        """The features."""
        return self.features

    @cached_property
    def out_of_fold(self) -> OutOfFold:
        """One entry per kind of calibration folds and training model."""
        fold = self.calibration.fold
        row = np.tile(np.arange(len(self.rows)), len(fold) // len(self.rows))
        predicted = predict_each(self.folds, self.rows)[fold, row]
        return OutOfFold(fold, row, predicted, self.actual[row] - predicted, self.calibration.distance)

    def answers(self, queries: Queries, verdicts: Verdicts, level: float) -> Raw:
        """Predictions of the final booster, with CV+ intervals of the calibration's."""
        each = predict_each(self.folds, queries.encoded)
        low, high = self.calibration.interval(each, verdicts.distance, level)
        return Raw(predict_rows(self.final, queries.encoded), low, high)

    def usual_errors(self, score: Array, distance: Array) -> Array:
        """The mean error of the third of the calibration's distances that each query's falls into [q]."""
        out = self.out_of_fold
        return usual_error(out.distance, np.abs(out.error), distance)

    def contributions(self, queries: Queries) -> Array:
        """Exact tree SHAP values and the base."""
        return contributions(self.final, queries.encoded)

    def importance(self) -> Array:
        """Mean |SHAP value| of each feature over the training models, in score units."""
        return importance(self.final, self.rows)
