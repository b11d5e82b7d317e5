"""Prediction intervals from out-of-fold residuals. With a few dozen models a parametric interval would be a guess;
CV+ needs only that models are exchangeable, and its coverage is measured on held-out models and families."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.errors import DataError

Array = NDArray[np.float64]


def cv_plus(
    fold_predictions: Array, residuals: Array, fold_of_row: NDArray[np.intp], level: float
) -> tuple[Array, Array]:
    """CV+ interval (Barber, Candes, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+", section 3).

    `fold_predictions` [K, q] are the predictions for q queries by the K models that each left one fold out;
    `residuals` [n] are |y_i - prediction of y_i by the model that left out fold k(i)|; `fold_of_row` [n] is k(i).
    With a = 1 - level: low = the floor(a (n+1))-th smallest of prediction_k(i)(x) - residual_i, high = the
    ceil((1-a)(n+1))-th smallest of prediction_k(i)(x) + residual_i. Returns (low [q], high [q]); a bound that n rows
    cannot give at this level is -inf or inf. Its guarantee is 1 - 2a; in practice coverage is close to level.
    """
    if not 0 < level < 1:
        raise DataError(f"interval level {level} is not between 0 and 1")
    if len(residuals) != len(fold_of_row) or not np.isfinite(residuals).all():
        raise DataError(f"{len(residuals)} residuals for {len(fold_of_row)} rows, all of which must be finite")
    n, miss = len(residuals), 1 - level
    centre = fold_predictions[fold_of_row]
    below, above = np.sort(centre - residuals[:, None], axis=0), np.sort(centre + residuals[:, None], axis=0)
    rank_low = int(np.floor(miss * (n + 1) + 1e-9))
    rank_high = int(np.ceil(level * (n + 1) - 1e-9))
    q = fold_predictions.shape[1]
    low = below[rank_low - 1] if rank_low >= 1 else np.full(q, -np.inf)
    high = above[rank_high - 1] if rank_high <= n else np.full(q, np.inf)
    return low, high


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of `actual` [n] inside [low, high] (bounds included)."""
    return float(np.mean((actual >= low) & (actual <= high)))
