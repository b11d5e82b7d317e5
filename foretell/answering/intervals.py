"""Prediction intervals from out-of-fold residuals. With a few dozen models a parametric interval would be a guess;
cross-conformal ones need only that models are exchangeable, and their coverage is measured on held-out models and
families. A model of a known family is easier to foretell than the first of a new one: so residuals are taken from both
kinds of folds, and a query is held against those whose distance to the known models is like its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

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


def cv_plus_by_distance(
    fold_predictions: Array, residuals: Array, fold_of_row: Folds, distances: Array, asked: Array, level: float
) -> tuple[Array, Array]:
    """CV+ within groups of like distance (Mondrian conformal prediction, Vovk, Gammerman and Shafer 2005, chapter 4).

    `distances` [n] is how far each calibration row lay from the models that were known without its fold; `asked` [q]
    how far each query lies from all known models. Thirds of `distances` are the groups; each query is answered from
    its own group's residuals, by `cv_plus` without the finite-sample correction. Returns (low [q], high [q]).
    """
    edges = np.unique(np.quantile(distances, np.arange(1, GROUPS) / GROUPS))
    edges = edges[edges > distances.min()]  # every group has calibration rows
    group_of_row = np.searchsorted(edges, distances, side="right")
    group_of_query = np.searchsorted(edges, asked, side="right")
    low, high = np.empty(len(asked)), np.empty(len(asked))
    for group in np.unique(group_of_query):
        rows, queries = group_of_row == group, group_of_query == group
        low[queries], high[queries] = cv_plus(
            fold_predictions[:, queries], residuals[rows], fold_of_row[rows], level, finite_sample=False
        )
    return low, high


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of `actual` [n] inside [low, high] (bounds included)."""
    return float(np.mean((actual >= low) & (actual <= high)))
