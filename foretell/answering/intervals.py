"""Prediction intervals from out-of-fold residuals. With a few dozen models a parametric interval would be a guess;
cross-conformal ones need only that models are exchangeable, and their coverage is measured on held-out models and
families. A model of a known family is easier to predict than the first of a new one: so residuals are taken from both
kinds of folds, and a query is compared with those whose distance to the training models is like its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError
from .model import SMALLEST_ERROR

Array = NDArray[np.float64]
Folds = NDArray[np.intp]
GROUPS = 3  # near, middling and far from the models known
CHUNK = 4096  # queries whose sorted residuals are held at once


def cv_plus(
    fold_predictions: Array, residuals: Array, fold_of_row: Folds, level: float, finite_sample: bool = True
) -> tuple[Array, Array]:
    """CV+ interval (Barber, Candes, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+", section 3).

    `fold_predictions` [K, q] are the predictions for q queries by the K models that each left one fold out;
    `residuals` [n] are |y_i - prediction of y_i by the model that left out fold k(i)|; `fold_of_row` [n] is k(i).
    With a = 1 - level and m = n + 1: low = the floor(a m)-th smallest of prediction_k(i)(x) - residual_i, high = the
    ceil((1-a) m)-th smallest of prediction_k(i)(x) + residual_i. Returns (low [q], high [q]); a bound that n rows
    cannot give at this level is -inf or inf. Its guarantee is 1 - 2a; in practice it covers a little more than level.
    Without `finite_sample` m = n (plain cross-conformal quantiles): no guarantee, and coverage closer to level.
    """
    if not 0 < level < 1:
        raise DataError(f"interval level {level} is not between 0 and 1")
    if len(residuals) != len(fold_of_row) or not np.isfinite(residuals).all():
        raise DataError(f"{len(residuals)} residuals for {len(fold_of_row)} rows, all of which must be finite")
    n, miss = len(residuals), 1 - level
    m = n + 1 if finite_sample else n
    rank_low = int(np.floor(miss * m + 1e-9))
    rank_high = int(np.ceil(level * m - 1e-9))
    q = fold_predictions.shape[1]
    low, high = np.full(q, -np.inf), np.full(q, np.inf)
    for start in range(0, q, CHUNK):
        part = slice(start, start + CHUNK)
        centre = fold_predictions[:, part].T[:, fold_of_row]
        if rank_low >= 1:
            low[part] = np.partition(centre - residuals, rank_low - 1, axis=1)[:, rank_low - 1]
        if 1 <= rank_high <= n:
            high[part] = np.partition(centre + residuals, rank_high - 1, axis=1)[:, rank_high - 1]
    return low, high


CALIBRATION_FOLDS = ("", "family_")
"""Prefixes of the calibration's columns in training.csv: shuffled folds, and folds of whole families."""


@dataclass(frozen=True)
class Calibration:
    """Out-of-fold residuals of both kinds of folds, one entry per kind and training model [m]: `fold` is the number of
    the booster that left the model out, `residual` its absolute error on it, `distance` how far the model lies from the
    nearest model outside the fold."""

    fold: Folds
    residual: Array
    distance: Array

    @classmethod
    def of(cls, training: pd.DataFrame) -> Calibration:
        """The calibration in a predictor's training.csv. Raises KeyError when a column is missing."""

        def pooled(name: str) -> Array:
            columns = [training[prefix + name].to_numpy(dtype=np.float64) for prefix in CALIBRATION_FOLDS]
            return np.concatenate(columns)

        return cls(pooled("fold").astype(np.intp), pooled("residual"), pooled("distance"))

    def interval(self, fold_predictions: Array, query_distances: Array, level: float) -> tuple[Array, Array]:
        """CV+ within groups of like distance (Mondrian conformal prediction, Vovk, Gammerman and Shafer 2005, ch. 4).

        `fold_predictions` [K, q] are the calibration boosters' predictions for q queries; `query_distances` [q] is how
        far each query lies from all training models. Thirds of `distance` are the groups; each query is answered from
        its own group's residuals, by `cv_plus` without the finite-sample correction. Returns (low [q], high [q]).
        """
        edges = np.unique(np.quantile(self.distance, np.arange(1, GROUPS) / GROUPS))
        edges = edges[edges > self.distance.min()]  # every group has calibration rows
        group_of_row = np.searchsorted(edges, self.distance, side="right")
        group_of_query = np.searchsorted(edges, query_distances, side="right")
        low, high = np.empty(len(query_distances)), np.empty(len(query_distances))
        for group in np.unique(group_of_query):
            rows, queries = group_of_row == group, group_of_query == group
            low[queries], high[queries] = cv_plus(
                fold_predictions[:, queries], self.residual[rows], self.fold[rows], level, finite_sample=False
            )
        return low, high


def usual_error(distance: Array, error: Array, at: Array) -> Array:
    """The mean absolute out-of-fold `error` [m] of the third of `distance` [m] (how far each model lay from what was
    known) that each of `at` [q] falls into: the groups that single answers' intervals are calibrated in. Never 0."""
    edges = np.unique(np.quantile(distance, np.arange(1, GROUPS) / GROUPS))
    edges = edges[edges > distance.min()]
    group = np.searchsorted(edges, distance, side="right")
    total = np.bincount(group, error, len(edges) + 1) / np.bincount(group, minlength=len(edges) + 1)
    return np.maximum(total, SMALLEST_ERROR)[np.searchsorted(edges, at, side="right")]


def bounded(score: Array, low: Array, high: Array, bounds: tuple[float, float]) -> tuple[Array, Array, Array]:
    """Scores and interval ends [q] such that bounds[0] <= low <= score <= high <= bounds[1]: a score beyond what is
    possible becomes the nearest possible one, and an interval that misses its own score is widened to it."""
    possible = np.clip(score, *bounds)
    return possible, np.clip(np.minimum(low, possible), *bounds), np.clip(np.maximum(high, possible), *bounds)


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of `actual` [n] inside [low, high] (bounds included)."""
    return float(np.mean((actual >= low) & (actual <= high)))
