"""Nested cross-validation: the protocol that every error in this project comes from, implemented once.

Outer folds measure, inner folds choose the grid cell, the chosen cell is refitted on the outer training part. The grid
search, the forward selection and the evaluation all call these functions; Optuna drives the same parts cell by cell
(`cell_errors`, `choose_cells`, `refit_predict`), and `nested_cv` is exactly their composition.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.engine import Cell, FloatArray, IndexArray
from foretell.errors import DataError
from models.problem import Problem
from models.splits import Splits

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NestedResult:
    """Errors and predictions of one nested cross-validation over seeds; errors are mean absolute errors.

    `mae` [seeds]: mean over outer folds; `fold_mae` [seeds, outer]; `cell` [seeds, outer]: chosen index into
    `protocol.cells`; `inner_mae` [cells, seeds, outer, inner]; `predictions` [seeds, n]: out of fold.
    """

    mae: Array
    fold_mae: Array
    cell: NDArray[np.int64]
    inner_mae: Array
    predictions: Array

    @classmethod
    def joined(cls, parts: Sequence[NestedResult]) -> NestedResult:
        """One result of results over some seeds each, in the order of the seeds."""
        return cls(
            mae=np.concatenate([part.mae for part in parts]),
            fold_mae=np.concatenate([part.fold_mae for part in parts]),
            cell=np.concatenate([part.cell for part in parts]),
            inner_mae=np.concatenate([part.inner_mae for part in parts], axis=1),
            predictions=np.concatenate([part.predictions for part in parts]),
        )


def nested_cv(problem: Problem, n_threads: int = 1) -> NestedResult:
    """Nested cross-validation of all of the problem's features.

    The result does not depend on `n_threads`. Raises DataError for an offset's prediction or an inner error that is not
    finite.
    """
    return nested_cv_many(problem, [np.arange(problem.x.shape[1])], n_threads)[0]


def nested_cv_many(
    problem: Problem, column_sets: Sequence[Sequence[int] | IndexArray], n_threads: int = 1
) -> list[NestedResult]:
    """`nested_cv` of several feature sets, each a sequence of columns of `problem.x`, on a pool of threads.

    The order of columns in a set matters only for ties (the earlier column wins). The table is ranked once for all
    sets; a unit of work is one set and one seed. Equal for any `n_threads`.
    """
    table = problem.learner.prepare(problem.x)
    sets = [np.asarray(columns, dtype=np.int64) for columns in column_sets]
    work = list(product(sets, problem.splits))
    one_seed = partial(_nested_one_seed, problem, table)
    if n_threads == 1:
        results = [one_seed(columns, split) for columns, split in work]
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            results = list(pool.map(one_seed, *zip(*work, strict=True)))
    starts = range(0, len(work) + 1, len(problem.splits))
    return [NestedResult.joined(results[first:end]) for first, end in pairwise(starts)]


def cell_errors(problem: Problem, cell: Cell) -> Array:
    """Inner-fold mean absolute errors of one grid cell, [seeds, outer, inner]."""
    table, columns = problem.learner.prepare(problem.x), np.arange(problem.x.shape[1])
    return np.stack([_inner_errors(problem, table, columns, split, [cell])[0] for split in problem.splits])


def choose_cells(inner_mae: Array) -> NDArray[np.int64]:
    """Index of the best cell per seed and outer fold, [seeds, outer], from errors [cells, seeds, outer, inner].

    The best has the lowest mean over inner folds; of equal means the first cell wins, as in GridSearchCV. Raises
    DataError where an error is missing, which would otherwise count as best.
    """
    if not np.isfinite(inner_mae).all():
        raise DataError(
            f"{np.count_nonzero(~np.isfinite(inner_mae))} of {inner_mae.size} inner errors are not finite: "
            "every cell must be evaluated on every inner fold before one is chosen"
        )
    return np.asarray(np.argmin(inner_mae.mean(axis=-1), axis=0), dtype=np.int64)


def refit_predict(problem: Problem, chosen: NDArray[np.int64]) -> Array:
    """Out-of-fold predictions [seeds, n]: each outer training part refitted with its chosen cell.

    `chosen` [seeds, outer] holds indices into `protocol.cells`, as `choose_cells` returns them.
    """
    table, columns = problem.learner.prepare(problem.x), np.arange(problem.x.shape[1])
    by_seed = zip(problem.splits, chosen, strict=True)
    return np.stack([_refit(problem, table, columns, split, cells) for split, cells in by_seed])


def fold_errors(y: FloatArray, predictions: Array, splits: Sequence[Splits]) -> Array:
    """Mean absolute error of each outer test part, [seeds, outer], of out-of-fold predictions [seeds, n]."""
    return np.array(
        [
            [np.abs(predicted[fold.test] - y[fold.test]).mean() for fold in split.outer]
            for predicted, split in zip(predictions, splits, strict=True)
        ]
    )


def _nested_one_seed(problem: Problem, table: Any, columns: IndexArray, split: Splits) -> NestedResult:
    inner = _inner_errors(problem, table, columns, split, problem.protocol.cells)[:, np.newaxis]
    chosen = choose_cells(inner)
    predictions = _refit(problem, table, columns, split, chosen[0])[np.newaxis]
    per_fold = fold_errors(problem.y, predictions, [split])
    return NestedResult(per_fold.mean(axis=1), per_fold, chosen, inner, predictions)


def _inner_errors(
    problem: Problem, table: Any, columns: IndexArray, split: Splits, cells: Sequence[Cell]
) -> NDArray[np.float64]:
    """Inner-fold mean absolute errors of one seed, [cells, outer, inner]."""
    targets = problem.y[np.newaxis]
    if problem.offset is not None:
        targets = np.stack([problem.y - problem.baseline(fold.train) for folds in split.inner for fold in folds])
    errors = problem.learner.errors(table, columns, targets, split.inner_rows, cells)
    return errors.reshape(len(cells), len(split.outer), len(split.inner[0]))


def _refit(
    problem: Problem, table: Any, columns: IndexArray, split: Splits, chosen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Out-of-fold predictions [n] of one seed's chosen cells [outer]."""
    predictions = np.full(problem.y.size, np.nan)
    for fold, index in zip(split.outer, chosen, strict=True):
        cell, baseline = problem.protocol.cells[int(index)], problem.baseline(fold.train)
        learned = problem.learner.predict(table, columns, problem.y - baseline, fold.train, fold.test, [cell])[0]
        predictions[fold.test] = baseline[fold.test] + learned
    return predictions
