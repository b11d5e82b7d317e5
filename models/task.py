"""One benchmark's prediction task: the models measured on it, their scores, families and encoded design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import View
from features.targets import Target
from foretell.answering.encoding import RELEASE_MONTH, Encoding
from foretell.answering.verdicts import month_numbers
from foretell.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """`design` has one row per model in the order of `scores` [n] and `families` [n]; rows are sorted by model_id, so
    that the seeds' splits do not depend on how the tables were stored."""

    target: Target
    design: pd.DataFrame
    scores: Array
    encoding: Encoding

    @classmethod
    def of(cls, target: Target, design: pd.DataFrame, scores: pd.DataFrame, encoding: Encoding) -> Task:
        """Join a design table with the target's scores (columns model_id, score).

        Raises DataError when a score's model has no design row, a score is not finite, or a model occurs twice.
        """
        unknown = sorted(set(scores["model_id"]) - set(design["model_id"]))
        if unknown:
            raise DataError(f"{target.slug}: scores of models without a design row: {unknown[:5]}")
        if scores["model_id"].duplicated().any() or not np.isfinite(scores["score"].astype(float)).all():
            raise DataError(f"{target.slug}: scores must be finite, one per model")
        joined = design.merge(scores, on="model_id", validate="one_to_one").sort_values("model_id", ignore_index=True)
        return cls(target, joined.drop(columns="score"), joined["score"].to_numpy(dtype=np.float64), encoding)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The models, in row order."""
        return tuple(self.design["model_id"].astype(str))

    @property
    def families(self) -> tuple[str, ...]:
        """Each row's family."""
        return tuple(self.design["family"].astype(str))

    @property
    def release_months(self) -> Array:
        """Each row's month of release as a number (see `month_numbers`), NaN = unknown."""
        return month_numbers(self.design[RELEASE_MONTH]) if RELEASE_MONTH in self.design else self.scores * np.nan

    @property
    def benchmark(self) -> str:
        """The target's slug."""
        return self.target.slug

    @property
    def view(self) -> View:
        """Which facts the design is made of."""
        return cast("View", self.encoding.view)

    def columns(self, names: Sequence[str]) -> Array:
        """Encoded features [n, len(names)], NaN = unknown."""
        return self.encoding.matrix(self.design, names)

    def subset(self, rows: NDArray[np.intp]) -> Task:
        """The task restricted to `rows` (in ascending order)."""
        design = self.design.iloc[rows].reset_index(drop=True)
        return Task(self.target, design, self.scores[rows], self.encoding)
