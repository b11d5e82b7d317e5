"""Predictors without a grid: the median, a line through log parameters and log tokens, and the power law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.catalogue import SCALE
from foretell.arithmetic import least_squares, product
from foretell.laws.benchmark import PowerLawOffset
from models.catalogue import LOG_LINEAR, MEDIAN, POWER_LAW, Entry
from models.task import Task

Array = NDArray[np.float64]


def power_law(task: Task) -> PowerLawOffset:
    """The power law in parameters and tokens on the task's models, to be fitted on any rows of them."""
    scale = task.columns(SCALE)
    return PowerLawOffset.of(scale[:, 0], scale[:, 1], task.scores, task.target.lower_is_better)


def baselines(task: Task, law: PowerLawOffset) -> dict[Entry, Callable[[NDArray[np.int64]], Array]]:
    """Every baseline of the catalogue as a function of the rows that it is fitted on; it returns predictions for all n
    rows of the task. `law` is `power_law(task)`, which remembers the training sets it was fitted on."""
    scale, scores = task.columns(SCALE), task.scores
    return {
        MEDIAN: lambda train: median_fit_predict(scale[train], scores[train], scale),
        LOG_LINEAR: lambda train: log_linear_fit_predict(scale[train], scores[train], scale),
        POWER_LAW: law,
    }


def median_fit_predict(train: Array, scores: Array, test: Array) -> Array:
    """The training scores' median for every row of `test` [m, f]; `train` is not looked at."""
    return np.full(len(test), np.median(scores))


def log_linear_fit_predict(train: Array, scores: Array, test: Array) -> Array:
    """Least squares s = a + b log N + c log D: `train` [n, 2] and `test` [m, 2] hold (log N, log D)."""
    return np.asarray(product(_with_one(test), least_squares(_with_one(train), scores)))


def _with_one(rows: Array) -> Array:
    return np.column_stack([np.ones(len(rows)), rows])
