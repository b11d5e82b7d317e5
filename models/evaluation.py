"""Every predictor of one benchmark on the same seeds and folds: the errors that tables, tests and promotion are made
of. Random folds show how well a model is predicted whose siblings are known; family folds, where all sizes of a family
are held out together, show what a new design would meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.engine import Cell
from foretell.parallel import Spread
from models.baselines import baselines, power_law
from models.catalogue import Entry
from models.learners import LEARNERS
from models.nested import NestedResult, cell_errors, choose_cells, fold_errors, nested_cv, refit_predict
from models.problem import Baseline, Problem
from models.protocol import Protocol
from models.schemes import DRAWN, Scheme
from models.splits import Fold, Splits
from models.task import Task

Array = NDArray[np.float64]
Setting = dict[str, float | int]
Search = Callable[[str, Sequence[Setting], Callable[[Setting], Array]], Array]
"""(study name, grid cells, errors of a cell) -> the error matrices of all cells, as `models.search.search_grid`."""


@dataclass(frozen=True)
class Evaluation:
    """`errors`: predictor, scheme, seed, fold, mae, n_train, n_test. `predictions`: predictor, scheme, seed, model_id,
    actual, predicted (out of fold). `choices`: predictor, scheme, seed, fold and the grid cell chosen inside it."""

    errors: pd.DataFrame
    predictions: pd.DataFrame
    choices: pd.DataFrame


@dataclass(frozen=True)
class Plan:
    """The protocol, and how many seeds each scheme's folds are drawn with (seeds 0 to n - 1)."""

    protocol: Protocol
    n_seeds: Mapping[Scheme, int]

    def n_pieces(self, predictors: Iterable[Entry]) -> int:
        """How many times `evaluate` calls `on_done`: once for each predictor and scheme."""
        return sum(scheme in schemes_of(entry) for entry in predictors for scheme in self.n_seeds)


def schemes_of(entry: Entry) -> tuple[Scheme, ...]:
    """The schemes that a predictor of the study is evaluated on: those whose folds are drawn, a cross-check on random
    folds only. Stage `backtest` has the others."""
    return DRAWN if entry.cross_check_of is None else (Scheme.RANDOM,)


def evaluate(
    task: Task,
    features: Mapping[Entry, Sequence[str]],
    plan: Plan,
    search: Search,
    spread: Spread,
    on_done: Callable[[str], None] = lambda description: None,
) -> Evaluation:
    """Evaluate every predictor in `features` (predictor -> features that it learns from) on `task`.

    On random folds a predictor of the engine is tuned by `search`, which evaluates every grid cell (Optuna); the nested
    choice is made from its matrices. All others use the same protocol directly. `on_done` is called with a description
    of each finished piece of work, a predictor on one scheme.
    """
    splits = {scheme: scheme.splits(task, n_seeds, plan.protocol) for scheme, n_seeds in plan.n_seeds.items()}
    law = power_law(task)
    law.fit(fold.train for fold in _folds(chain(*splits.values()), inner=any(entry.offset for entry in features)))
    by_baseline = baselines(task, law)
    results: dict[tuple[Entry, Scheme], Outcome] = {}
    for scheme in plan.n_seeds:
        for entry, names in features.items():
            if scheme not in schemes_of(entry):
                continue
            if entry.learner is None:
                outcome = baseline_cv(task.scores, splits[scheme], by_baseline[entry])
            else:
                offset = by_baseline[entry.offset] if entry.offset else None
                learner = LEARNERS[entry.learner]
                problem = Problem.of(task, names, splits[scheme], plan.protocol, learner=learner, offset=offset)
                if entry.cross_check_of is not None:
                    outcome = _spread_over_seeds(problem, spread)
                elif scheme is Scheme.RANDOM:
                    outcome = tune(problem, study_name(task, entry, problem), search, spread)
                else:
                    outcome = Outcome.of(nested_cv(problem, spread.n_workers))
            results[entry, scheme] = outcome
            on_done(f"{entry.title}, {scheme.label}")
    return _frames(task, results, splits, plan.protocol)


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


def _folds(splits: Iterable[Splits], inner: bool) -> Iterator[Fold]:
    """The outer folds, and the inner ones with `inner`."""
    for split in splits:
        yield from split.outer
        if inner:
            yield from chain(*split.inner)


def baseline_cv(scores: Array, splits: Sequence[Splits], baseline: Baseline) -> Outcome:
    """Out-of-fold errors of a predictor without a grid, on the same outer folds."""
    predictions = np.full((len(splits), len(scores)), np.nan)
    for seed, split in enumerate(splits):
        for fold in split.outer:
            predictions[seed, fold.test] = baseline(fold.train)[fold.test]
    return Outcome(fold_errors(scores, predictions, splits), predictions, None)


def tune(problem: Problem, study: str, search: Search, spread: Spread) -> Outcome:
    """Nested cross-validation whose grid a study holds: evaluate every cell, choose per seed and outer fold, refit,
    predict."""
    chunks = np.array_split(np.arange(len(problem.splits)), min(len(problem.splits), spread.n_workers))
    batches = [problem.with_splits([problem.splits[i] for i in chunk]) for chunk in chunks]

    def errors_of(setting: Setting) -> Array:
        cell = Cell(float(setting["learning_rate"]), int(setting["max_depth"]), int(setting["n_estimators"]))
        return np.concatenate(spread.map(partial(cell_errors, cell=cell), batches))

    inner = search(study, [cell._asdict() for cell in problem.protocol.cells], errors_of)
    chosen = choose_cells(inner)
    predictions = refit_predict(problem, chosen)
    return Outcome(fold_errors(problem.y, predictions, problem.splits), predictions, chosen)


def study_name(task: Task, predictor: Entry, problem: Problem) -> str:
    """A study's name: it changes with the data, the features, the seeds and the protocol, so that shared studies never
    mix."""
    content = hashlib.sha256(np.ascontiguousarray(problem.x).tobytes() + problem.y.tobytes())
    content.update(repr((problem.protocol, len(problem.splits))).encode())
    return f"{task.benchmark}-{predictor.name}-{content.hexdigest()[:16]}"


def _spread_over_seeds(problem: Problem, spread: Spread) -> Outcome:
    """Nested cross-validation with each seed a piece of work by itself, in processes: LightGBM holds the interpreter's
    lock too long for threads."""
    by_seed = [problem.with_splits([split]) for split in problem.splits]
    return Outcome.of(NestedResult.joined(spread.without_gil.map(nested_cv, by_seed)))


def _frames(
    task: Task,
    results: Mapping[tuple[Entry, Scheme], Outcome],
    splits: Mapping[Scheme, Sequence[Splits]],
    protocol: Protocol,
) -> Evaluation:
    errors, predictions, choices = [], [], []
    for (predictor, scheme), result in results.items():
        for seed, split in enumerate(splits[scheme]):
            about: dict[str, Any] = {"predictor": predictor.name, "scheme": scheme.value, "seed": seed}
            for index, fold in enumerate(split.outer):
                sizes = {"n_train": len(fold.train), "n_test": len(fold.test)}
                errors.append({**about, "fold": index, "mae": result.fold_mae[seed, index], **sizes})
                if result.cell is not None:
                    choices.append({**about, "fold": index, **protocol.cells[result.cell[seed, index]]._asdict()})
            predicted = pd.DataFrame({"model_id": task.model_ids, "actual": task.scores})
            predictions.append(predicted.assign(**about, predicted=result.predictions[seed]))
    columns = ["predictor", "scheme", "seed", "model_id", "actual", "predicted"]
    return Evaluation(pd.DataFrame(errors), pd.concat(predictions)[columns], pd.DataFrame(choices))
