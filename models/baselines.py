"""Predictors without a search: the median, and a line through log parameters and log tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def median_fit_predict(train: Array, scores: Array, test: Array) -> Array:
    """The training scores' median for every row of `test` [m, f]; `train` is not looked at."""
    return np.full(len(test), np.median(scores))


def log_linear_fit_predict(train: Array, scores: Array, test: Array) -> Array:
    """Least squares s = a + b log N + c log D: `train` [n, 2] and `test` [m, 2] hold (log N, log D)."""
    coefficients, *_ = np.linalg.lstsq(_with_one(train), scores, rcond=None)
    return _with_one(test) @ coefficients


def _with_one(rows: Array) -> Array:
    return np.column_stack([np.ones(len(rows)), rows])
