"""A problem: the features, target, folds, protocol and learner of one nested cross-validation, as one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foretell.engine import FloatArray
from foretell.errors import DataError
from models.learners import ENGINE, Learner
from models.protocol import Protocol
from models.splits import Indices, Splits, random_splits

if TYPE_CHECKING:
    from models.task import Task

Array = NDArray[np.float64]
Baseline = Callable[[Indices], Array]
"""Rows to fit on -> a baseline's predictions for all n rows; as an offset, trees learn what it leaves over."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One nested cross-validation: features `x` [n, f] (NaN = missing), target `y` [n], the folds of each seed, and the
    protocol whose grid the `learner` is tuned on.

    With `offset`, trees are trained on y - baseline and the baseline is added to their predictions; it is fitted on the
    same training rows as the trees. Raises DataError for a target that is not n finite numbers, and for splits of
    another number of rows.
    """

    x: Array
    y: Array
    splits: tuple[Splits, ...]
    protocol: Protocol
    learner: Learner = ENGINE
    offset: Baseline | None = None

    def __post_init__(self) -> None:
        if self.y.ndim != 1 or not np.isfinite(self.y).all():
            raise DataError(
                f"target: expected a vector of finite scores, got shape {self.y.shape} with "
                f"{np.count_nonzero(~np.isfinite(self.y))} not finite: leave out the models without a score"
            )
        if not self.splits or any(split.n != self.y.size for split in self.splits):
            raise DataError(f"splits: expected at least one, each over the target's {self.y.size} rows")

    @classmethod
    def at_random(
        cls,
        x: FloatArray,
        y: FloatArray,
        seeds: Iterable[int],
        protocol: Protocol,
        *,
        learner: Learner = ENGINE,
        offset: Baseline | None = None,
    ) -> Problem:
        """A problem on the random folds of each seed."""
        target = np.asarray(y, dtype=np.float64)
        splits = tuple(random_splits(target.size, seed, protocol) for seed in seeds)
        return cls(np.asarray(x, dtype=np.float64), target, splits, protocol, learner, offset)

    @classmethod
    def of(
        cls,
        task: Task,
        features: Sequence[str],
        splits: Iterable[Splits],
        protocol: Protocol,
        *,
        learner: Learner = ENGINE,
        offset: Baseline | None = None,
    ) -> Problem:
        """Predicting the task's scores from these features, on these folds."""
        return cls(task.columns(features), task.scores, tuple(splits), protocol, learner, offset)

    def with_splits(self, splits: Iterable[Splits]) -> Problem:
        """The same problem on other folds."""
        return replace(self, splits=tuple(splits))

    def baseline(self, train: Indices) -> Array:
        """The offset's predictions [n], fitted on the rows `train`; zeros without an offset. Raises DataError where
        they are not n finite numbers."""
        if self.offset is None:
            return np.zeros(self.y.size)
        baseline = np.asarray(self.offset(train), dtype=np.float64)
        if baseline.shape != (self.y.size,) or not np.isfinite(baseline).all():
            raise DataError(
                f"offset: expected {self.y.size} finite baseline predictions, one per row, got shape {baseline.shape} "
                f"with {np.count_nonzero(~np.isfinite(baseline))} not finite"
            )
        return baseline
