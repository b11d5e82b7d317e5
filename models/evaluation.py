"""Every predictor of one benchmark on the same seeds and folds: the errors that tables, tests and promotion are made
of. Random folds show how well a sibling is guessed; family folds, where all sizes of a family are held out together,
show what a new design would meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import SCALE
from foretell.engine import Cell
from foretell.laws.benchmark import PowerLawOffset
from foretell.parallel import Spread
from models.baselines import log_linear_fit_predict, median_fit_predict
from models.learners import LEARNERS
from models.nested import (
    Fold,
    NestedResult,
    Offset,
    Protocol,
    Splits,
    cell_errors,
    choose_cells,
    family_splits,
    fold_errors,
    nested_cv,
    random_splits,
    refit_predict,
)
from models.problem import Task

Array = NDArray[np.float64]
Setting = dict[str, float | int]
Search = Callable[[str, Sequence[Setting], Callable[[Setting], Array], str], Array]

BASELINES = ("median", "log_linear", "power_law")
LAW_PLUS_TREES = "law_plus_trees"
CROSS_CHECKED = ("scale_only", "all_features")
RANDOM, FAMILY = "random", "family"


@dataclass(frozen=True)
class Evaluation:
    """`errors`: predictor, scheme, seed, fold, mae, n_train, n_test. `predictions`: predictor, scheme, seed, model_id,
    actual, predicted (out of fold). `choices`: predictor, scheme, seed, fold and the grid cell chosen inside it."""

    errors: pd.DataFrame
    predictions: pd.DataFrame
    choices: pd.DataFrame


@dataclass(frozen=True)
class Plan:
    """Seeds 0..n-1 for random folds, the number of family re-draws, and whether LightGBM cross-checks."""

    protocol: Protocol
    n_seeds: int
    n_family_seeds: int
    lightgbm: bool

    def pieces(self, feature_sets: Mapping[str, Sequence[str]]) -> int:
        """How many pieces of work `evaluate` announces as done."""
        return 2 * (len(BASELINES) + len(feature_sets)) + len(CROSS_CHECKED) * self.lightgbm


def evaluate(
    task: Task,
    feature_sets: Mapping[str, Sequence[str]],
    plan: Plan,
    search: Search,
    storage: str,
    spread: Spread,
    on_done: Callable[[str], None] = lambda what: None,
) -> Evaluation:
    """Evaluate the baselines and the tree predictors named in `feature_sets` (predictor -> features) on `task`.

    `search(study name, cells, errors_of, storage)` evaluates every grid cell (Optuna); the nested choice is made from
    its matrices. Family folds and the LightGBM cross-check use the same protocol directly. `on_done` hears each piece.
    """
    n = len(task.scores)
    schemes = {
        RANDOM: [random_splits(n, seed, plan.protocol) for seed in range(plan.n_seeds)],
        FAMILY: [family_splits(task.families, seed, plan.protocol) for seed in range(plan.n_family_seeds)],
    }
    scale = task.columns(SCALE)
    law = PowerLawOffset.of(scale[:, 0], scale[:, 1], task.scores, task.lower_is_better)
    law.fit(fold.train for fold in _folds(chain(*schemes.values()), inner=LAW_PLUS_TREES in feature_sets))
    baselines: Mapping[str, Offset] = {
        "median": lambda train: median_fit_predict(scale[train], task.scores[train], scale),
        "log_linear": lambda train: log_linear_fit_predict(scale[train], task.scores[train], scale),
        "power_law": law,
    }
    results: dict[tuple[str, str], Outcome] = {}
    for scheme, splits in schemes.items():
        for name in BASELINES:
            results[name, scheme] = baseline_cv(task.scores, splits, baselines[name])
            on_done(f"{name}, {scheme} folds")
        for name, features in feature_sets.items():
            columns = task.columns(features)
            offset = law if name == LAW_PLUS_TREES else None
            if scheme == RANDOM:
                study = study_name(task, name, columns, plan)
                grid = _Grid(study, columns, task.scores, splits, plan.protocol, offset)
                results[name, scheme] = grid.search(search, storage, spread)
            else:
                done = nested_cv(columns, task.scores, splits, plan.protocol, offset=offset, n_threads=spread.n_workers)
                results[name, scheme] = Outcome.of(done)
            on_done(f"{name}, {scheme} folds")
    if plan.lightgbm:
        for name in CROSS_CHECKED:
            work = _CrossCheck(task.columns(feature_sets[name]), task.scores, plan.protocol)
            parts = spread.without_gil.map(work, [[one] for one in schemes[RANDOM]])
            results[f"{name}_lightgbm", RANDOM] = Outcome.joined(parts)
            on_done(f"{name}, LightGBM")
    return _frames(task, results, schemes, plan.protocol)


@dataclass(frozen=True)
class Outcome:
    """`fold_mae` [seeds, outer], out-of-fold `predictions` [seeds, n] and the chosen `cell` [seeds, outer] (None for a
    predictor without a grid)."""

    fold_mae: Array
    predictions: Array
    cell: NDArray[np.int64] | None

    @classmethod
    def of(cls, result: NestedResult) -> Outcome:
        """The outcome of a nested cross-validation."""
        return cls(result.fold_mae, result.predictions, result.cell)

    @classmethod
    def joined(cls, parts: Sequence[NestedResult]) -> Outcome:
        """One outcome of parts over consecutive seeds."""
        names = ("fold_mae", "predictions", "cell")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _folds(splits: Iterable[Splits], inner: bool) -> Iterator[Fold]:
    """The outer folds, and the inner ones where they are asked for."""
    for split in splits:
        yield from split.outer
        if inner:
            yield from chain(*split.inner)


def baseline_cv(scores: Array, splits: Sequence[Splits], baseline: Offset) -> Outcome:
    """Out-of-fold errors of a predictor without a grid, on the same outer folds."""
    predictions = np.full((len(splits), len(scores)), np.nan)
    for seed, split in enumerate(splits):
        for fold in split.outer:
            predictions[seed, fold.test] = baseline(fold.train)[fold.test]
    return Outcome(fold_errors(scores, predictions, splits), predictions, None)


@dataclass(frozen=True)
class _Grid:
    """Nested cross-validation whose grid a study holds."""

    study: str
    columns: Array
    scores: Array
    splits: Sequence[Splits]
    protocol: Protocol
    offset: Offset | None

    def search(self, search: Search, storage: str, spread: Spread) -> Outcome:
        """Evaluate every cell, choose per seed and outer fold, refit, predict."""
        chunks = np.array_split(np.arange(len(self.splits)), min(len(self.splits), spread.n_workers))
        batches = [[self.splits[i] for i in chunk] for chunk in chunks]

        def errors_of(setting: Setting) -> Array:
            scorer = _CellScorer(self.columns, self.scores, self.protocol, _cell(setting), self.offset)
            return np.concatenate(spread.map(scorer, batches))

        inner = search(self.study, [cell._asdict() for cell in self.protocol.cells], errors_of, storage)
        chosen = choose_cells(inner)
        predictions = refit_predict(self.columns, self.scores, self.splits, self.protocol, chosen, offset=self.offset)
        return Outcome(fold_errors(self.scores, predictions, self.splits), predictions, chosen)


def _cell(setting: Setting) -> Cell:
    return Cell(float(setting["learning_rate"]), int(setting["max_depth"]), int(setting["n_estimators"]))


@dataclass(frozen=True)
class _CellScorer:
    columns: Array
    scores: Array
    protocol: Protocol
    cell: Cell
    offset: Offset | None

    def __call__(self, splits: list[Splits]) -> Array:
        return cell_errors(self.columns, self.scores, splits, self.protocol, self.cell, offset=self.offset)


def study_name(task: Task, predictor: str, columns: Array, plan: Plan) -> str:
    """A study's name: it changes with the data, the features and the protocol, so that shared studies never mix."""
    content = hashlib.sha256(np.ascontiguousarray(columns).tobytes() + task.scores.tobytes())
    content.update(repr((plan.protocol, plan.n_seeds)).encode())
    return f"{task.benchmark}-{predictor}-{content.hexdigest()[:16]}"


@dataclass(frozen=True)
class _CrossCheck:
    columns: Array
    scores: Array
    protocol: Protocol

    def __call__(self, splits: list[Splits]) -> NestedResult:
        return nested_cv(self.columns, self.scores, splits, self.protocol, learner=LEARNERS["lightgbm"])


def _frames(
    task: Task, results: Mapping[tuple[str, str], Outcome], schemes: Mapping[str, list[Splits]], protocol: Protocol
) -> Evaluation:
    errors, predictions, choices = [], [], []
    for (predictor, scheme), result in results.items():
        for seed, split in enumerate(schemes[scheme]):
            about: dict[str, Any] = {"predictor": predictor, "scheme": scheme, "seed": seed}
            for index, fold in enumerate(split.outer):
                sizes = {"n_train": len(fold.train), "n_test": len(fold.test)}
                errors.append({**about, "fold": index, "mae": result.fold_mae[seed, index], **sizes})
                if result.cell is not None:
                    choices.append({**about, "fold": index, **protocol.cells[result.cell[seed, index]]._asdict()})
            predicted = pd.DataFrame({"model_id": task.model_ids, "actual": task.scores})
            predictions.append(predicted.assign(**about, predicted=result.predictions[seed]))
    columns = ["predictor", "scheme", "seed", "model_id", "actual", "predicted"]
    return Evaluation(pd.DataFrame(errors), pd.concat(predictions)[columns], pd.DataFrame(choices))
