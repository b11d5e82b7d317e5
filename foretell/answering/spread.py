"""How far a forecast may be off: intervals from the errors that were made inside the training data, when models were
left out singly, by whole families, and when later models were predicted from earlier ones.

Errors are not equally large: they shrink where siblings are known and at the ends of the scale, where scores crowd. So
an error is taken in units of what is usual at its score and distance, a formula that the errors themselves decide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError
from .model import SMALLEST_ERROR
from .verdicts import Verdicts

Array = NDArray[np.float64]
SMALLEST_SHARE = 0.02  # of the scale; usual errors do not vanish at its ends
NEAREST = 0.01  # distance; siblings that are equal in all that is known still differ
SHRINKAGE = 1 / 3  # of the formula's slopes, as a share of the errors' own weight
FLOOR = 0.1  # of the mean error is added to each before its logarithm is taken
BEYOND = 0.3  # e-folds of compute beyond all that is known widen an interval by this share each
LATER_WEIGHT = 4.0  # an error on a later model counts for four: that is the question asked
BY_VERDICT = {"inside": 0.8, "edge": 1.2, "outside": 1.4}
"""What an answer's support verdict makes of its interval; with the two weights above, chosen on the backtests."""
SMALL_SAMPLE = 6.0  # models; an interval from n models is widened by this / n


@dataclass(frozen=True)
class Errors:
    """Out-of-fold errors, one entry [m] per fold and model that it left out: the number of the `fold`, its `weight` in
    quantiles, the `predicted` score, the absolute `error`, and the model's `distance` to the nearest model of the
    fold's training part. `bounds` are the target's lowest and highest score, `n_models` the training models."""

    fold: NDArray[np.intp]
    weight: Array
    predicted: Array
    error: Array
    distance: Array
    bounds: tuple[float, float]
    n_models: int

    @classmethod
    def of(cls, table: pd.DataFrame, bounds: tuple[float, float]) -> Errors:
        """The errors in a predictor's errors.csv: columns model_id, fold, later (1 where the fold predicted later
        models from earlier ones), actual, predicted, distance. Raises KeyError when a column is missing, DataError
        when a number is not finite or there is none."""
        names = ["fold", "later", "actual", "predicted", "distance"]
        fold, later, actual, predicted, distance = (table[name].to_numpy(dtype=np.float64) for name in names)
        if not len(table) or not np.isfinite(table[names].to_numpy(dtype=np.float64)).all():
            raise DataError(f"errors.csv: expected at least one row and finite numbers in {', '.join(names)}")
        weight = np.where(later > 0, LATER_WEIGHT, 1.0)
        error, n_models = np.abs(actual - predicted), table["model_id"].nunique()
        return cls(fold.astype(np.intp), weight, predicted, error, distance, bounds, n_models)

    def interval(self, score: Array, verdicts: Verdicts, level: float) -> tuple[Array, Array]:
        """Intervals [q] around scores [q]: the score -+ the weighted quantile `level` of the errors over the usual
        ones, times the usual error at the query's score and distance from the nearest training model (split conformal
        with normalised residuals, Papadopoulos et al. 2002; Lei et al. 2018), widened with how far its compute lies
        beyond the largest known, and by its verdict. Raises DataError for a level that is not between 0 and 1."""
        if not 0 < level < 1:
            raise DataError(f"interval level {level} is not between 0 and 1")
        ratio = self.error / self._usual(self.predicted, self.distance)
        order = np.argsort(ratio, kind="stable")
        share = np.cumsum(self.weight[order]) / self.weight.sum()
        wanted = min(1.0, level * (1 + 1 / self.n_models))
        quantile = ratio[order][min(len(order) - 1, int(np.searchsorted(share, wanted - 1e-12)))]
        widening = (1 + SMALL_SAMPLE / self.n_models) * (1 + BEYOND * verdicts.beyond)
        widening *= np.array([BY_VERDICT[word] for word in verdicts.verdict])
        half = quantile * widening * self._usual(score, verdicts.distance)
        return score - half, score + half

    def usual(self, score: Array, distance: Array) -> Array:
        """The mean absolute error [q] to expect at scores and distances [q]; never 0."""
        mean_ratio = np.average(self.error / self._usual(self.predicted, self.distance), weights=self.weight)
        return np.asarray(np.maximum(mean_ratio * self._usual(score, distance), SMALLEST_ERROR))

    def _usual(self, score: Array, distance: Array) -> Array:
        """The usual error at scores and distances, up to a factor; never more than e^(1/2) above, nor below, what it is
        anywhere among the training models."""
        slopes, centre, scale, (lowest, highest) = self._formula
        log_usual = ((self._traits(score, distance) - centre) / scale) @ slopes
        return np.asarray(np.exp(np.clip(log_usual, lowest, highest + 0.5)))

    @cached_property
    def _formula(self) -> tuple[Array, Array, Array, tuple[float, float]]:
        """Ridge regression of log errors on the two traits, standardised: slopes, centre, scale, and the range of the
        log usual errors of the training models."""
        traits = self._traits(self.predicted, self.distance)
        centre, scale = traits.mean(axis=0), traits.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        standard = (traits - centre) / scale
        target = np.log(self.error + FLOOR * self.error.mean() + 1e-12)
        n = len(target)
        gram = standard.T @ standard + SHRINKAGE * n * np.eye(2)
        slopes = np.linalg.solve(gram, standard.T @ (target - target.mean()))
        fitted = standard @ slopes
        return slopes, centre, scale, (float(fitted.min()), float(fitted.max()))

    def _traits(self, score: Array, distance: Array) -> Array:
        """[n, 2]: log share (1 - share) of the scale, and log distance."""
        share = np.clip(
            (score - self.bounds[0]) / (self.bounds[1] - self.bounds[0]), SMALLEST_SHARE, 1 - SMALLEST_SHARE
        )
        return np.column_stack([np.log(share * (1 - share)), np.log(distance + NEAREST)])
