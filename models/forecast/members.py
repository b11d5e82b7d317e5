"""The members of the forecast. Each takes what compute, or parameters and tokens, say about a score (its offset, fitted
to log odds), and lets trees learn what that leaves: trees alone repeat their outermost answer beyond the largest model
that they have seen, which is where a forecast is wanted, and an offset goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foretell.answering.blend import tree_columns
from foretell.answering.offsets import LawOffset, LineOffset, Offset, log_compute, logits
from foretell.arithmetic import log
from foretell.laws.benchmark import PowerLawOffset
from models.baselines import power_law
from models.catalogue import LAW_EXTRA_TREES, LINE_BOOSTED_TREES, LINE_EXTRA_TREES, MEMBERS, Entry
from models.splits import Indices
from models.task import Task

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor
    from xgboost import Booster

Array = NDArray[np.float64]
FORESTED = (LINE_EXTRA_TREES, LAW_EXTRA_TREES)
RIDGE = 1.0
"""How much the slope of a line is shrunk, in models: its sum of squares counts as if these many more had a slope 0."""
EXTRA_TREES: dict[str, Any] = {"n_estimators": 60, "max_depth": 8, "max_features": 0.7, "random_state": 0}
BOOSTED_TREES: dict[str, Any] = {"tree_method": "hist", "learning_rate": 0.05, "max_depth": 4, "nthread": 1}
BOOSTING_ROUNDS = 100


@dataclass(frozen=True)
class Inputs:
    """What members learn from: `task`, and the design features `names` (parameters and tokens first)."""

    task: Task
    names: tuple[str, ...]

    @cached_property
    def encoded(self) -> Array:
        """The features of all models [n, p]."""
        return self.task.columns(self.names)

    @cached_property
    def log_odds(self) -> Array:
        """The scores [n] as log odds."""
        return logits(self.task.scores, self.bounds, log)

    @cached_property
    def law(self) -> PowerLawOffset:
        """The power law, which remembers the training sets it was fitted on."""
        return power_law(self.task)

    @property
    def bounds(self) -> tuple[float, float]:
        """The target's lowest and highest score."""
        return self.task.target.low, self.task.target.high

    def newest(self, rows: Indices) -> float:
        """The latest month of release among `rows`; 0 where none is known."""
        return float(np.nanmax(self.task.release_months[rows], initial=0.0))

    def columns(self, rows: Indices, newest: float) -> NDArray[np.float32]:
        """What the trees read of `rows`."""
        return tree_columns(self.encoded[rows], self.task.release_months[rows], newest).astype(np.float32)


def fit_line(inputs: Inputs, rows: Indices) -> LineOffset:
    """Least squares of log odds on log compute over `rows`, the slope shrunk by RIDGE."""
    compute = log_compute(inputs.encoded[rows, 0], inputs.encoded[rows, 1])
    target, centred = inputs.log_odds[rows], compute - compute.mean()
    spread = float((centred**2).mean())
    slope = float((centred * (target - target.mean())).sum() / (spread * (len(rows) + RIDGE))) if spread > 0 else 0.0
    return LineOffset(float(target.mean() - slope * compute.mean()), slope)


def offset_values(entry: Entry, inputs: Inputs, rows: Indices) -> Array:
    """The offset of a member fitted on `rows`, for all models [n], in log odds."""
    if entry is LAW_EXTRA_TREES:
        return logits(inputs.law(rows), inputs.bounds, log)
    return fit_line(inputs, rows)(inputs.encoded[:, 0], inputs.encoded[:, 1], inputs.bounds)


@dataclass(frozen=True)
class FittedTrees:
    """What trees learned of one training part: `forest` answers with one number per member of FORESTED, `boosted` with
    that of the boosted member."""

    forest: ExtraTreesRegressor
    boosted: Booster

    @classmethod
    def on(cls, inputs: Inputs, rows: Indices, rests: Mapping[Entry, Array]) -> FittedTrees:
        """Fit to what each member's offset leaves of `rows`, `rests` [len(rows)]. The members of one forest share its
        splits, which are chosen for both."""
        import xgboost
        from sklearn.ensemble import ExtraTreesRegressor

        columns = inputs.columns(rows, inputs.newest(rows))
        forest = ExtraTreesRegressor(**EXTRA_TREES).fit(columns, np.column_stack([rests[entry] for entry in FORESTED]))
        data = xgboost.DMatrix(columns, rests[LINE_BOOSTED_TREES], nthread=1)
        return cls(forest, xgboost.train(BOOSTED_TREES, data, BOOSTING_ROUNDS))

    def predict(self, columns: NDArray[np.float32]) -> dict[Entry, Array]:
        """What each member's trees say of `columns` [q]."""
        import xgboost

        of_forest = self.forest.predict(columns).T
        boosted = self.boosted.predict(xgboost.DMatrix(columns, nthread=1)).astype(np.float64)
        return {**dict(zip(FORESTED, of_forest, strict=True)), LINE_BOOSTED_TREES: boosted}


def fit_members(inputs: Inputs, train: Indices) -> tuple[dict[Entry, Array], FittedTrees]:
    """Each member's offset, for all models [n], and the trees on what it leaves, both fitted on `train`."""
    offsets = {entry: offset_values(entry, inputs, train) for entry in MEMBERS}
    rests = {entry: inputs.log_odds[train] - offset[train] for entry, offset in offsets.items()}
    return offsets, FittedTrees.on(inputs, train, rests)


def predict_members(inputs: Inputs, train: Indices, test: Indices) -> Array:
    """The log odds [len(test), members] that each of MEMBERS, fitted on `train`, gives to the scores of `test`."""
    offsets, trees = fit_members(inputs, train)
    answers = trees.predict(inputs.columns(test, inputs.newest(train)))
    return np.column_stack([offsets[entry][test] + answers[entry] for entry in MEMBERS])


def final_offset(entry: Entry, inputs: Inputs, rows: Indices) -> Offset:
    """The offset of a member fitted on `rows`, as it is stored."""
    if entry is not LAW_EXTRA_TREES:
        return fit_line(inputs, rows)
    law = inputs.law.law(rows)
    c_params, c_tokens, ratio, power = map(float, law.theta)
    centre = (float(law.centre[0]), float(law.centre[1]))
    return LawOffset(c_params, c_tokens, ratio, power, centre, law.best, law.worst)
