"""What is predicted: a task, one benchmark's models with their scores, families and encoded design; and a problem, the
features, target and folds of one nested cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import View
from features.schema import BENCHMARKS
from foretell.answering.encoding import Encoding
from foretell.engine import FloatArray
from foretell.errors import DataError
from models.learners import ENGINE, Learner
from models.splits import Indices, Protocol, Splits, random_splits

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


@dataclass(frozen=True)
class Task:
    """`design` has one row per model in the order of `scores` [n] and `families` [n]; rows are sorted by model_id, so
    that the seeds' splits do not depend on how the tables were stored."""

    benchmark: str
    design: pd.DataFrame
    scores: Array
    encoding: Encoding

    @classmethod
    def of(cls, benchmark: str, design: pd.DataFrame, target: pd.DataFrame, encoding: Encoding) -> Task:
        """Join a design table with one benchmark's scores (columns model_id, score).

        Raises DataError when a score's model has no design row, a score is not finite, or a model occurs twice.
        """
        unknown = sorted(set(target["model_id"]) - set(design["model_id"]))
        if unknown:
            raise DataError(f"{benchmark}: scores of models without a design row: {unknown[:5]}")
        if target["model_id"].duplicated().any() or not np.isfinite(target["score"].astype(float)).all():
            raise DataError(f"{benchmark}: scores must be finite, one per model")
        joined = design.merge(target, on="model_id", validate="one_to_one").sort_values("model_id", ignore_index=True)
        return cls(benchmark, joined.drop(columns="score"), joined["score"].to_numpy(dtype=np.float64), encoding)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The models, in row order."""
        return tuple(self.design["model_id"].astype(str))

    @property
    def families(self) -> tuple[str, ...]:
        """Each row's family."""
        return tuple(self.design["family"].astype(str))

    @property
    def lower_is_better(self) -> bool:
        """True where the score is a Brier score."""
        return BENCHMARKS[self.benchmark].lower_is_better

    @property
    def view(self) -> View:
        """Which facts the design is made of."""
        return cast("View", self.encoding.view)

    def columns(self, names: Sequence[str]) -> Array:
        """Encoded features [n, len(names)], NaN = unknown."""
        return self.encoding.matrix(self.design, names)

    def problem(
        self,
        features: Sequence[str],
        splits: Iterable[Splits],
        protocol: Protocol,
        *,
        learner: Learner = ENGINE,
        offset: Baseline | None = None,
    ) -> Problem:
        """Predicting the scores from these features, on these folds."""
        return Problem(self.columns(features), self.scores, tuple(splits), protocol, learner, offset)

    def subset(self, rows: NDArray[np.intp]) -> Task:
        """The task restricted to `rows` (in ascending order)."""
        design = self.design.iloc[rows].reset_index(drop=True)
        return Task(self.benchmark, design, self.scores[rows], self.encoding)
