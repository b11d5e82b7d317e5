"""Nested cross-validation: the protocol that every error in this project comes from, implemented once.

Outer folds measure, inner folds choose the grid cell, the chosen cell is refitted on the outer training part. The grid
search, the forward selection and the evaluation all call these functions; Optuna drives the same parts cell by cell
(`cell_errors`, `choose_cells`, `refit_predict`), and `nested_cv` is exactly their composition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.engine import Cell, FloatArray, IndexArray
from foretell.errors import DataError
from models.learners import ENGINE, Learner
from models.splits import Fold, Protocol, Splits, family_splits, random_splits

__all__ = [
    "Cell", "Fold", "NestedResult", "Offset", "Protocol", "Splits", "cell_errors", "choose_cells", "family_splits",
    "fold_errors", "nested_cv", "nested_cv_many", "random_splits", "refit_predict",
]  # fmt: skip

Offset = Callable[[NDArray[np.int64]], FloatArray]
"""Rows to fit on -> baseline predictions for all n rows; trees then learn what the baseline leaves over."""


@dataclass(frozen=True)
class NestedResult:
    """Errors and predictions of one nested cross-validation over seeds; errors are mean absolute errors.

    `mae` [seeds]: mean over outer folds; `fold_mae` [seeds, outer]; `cell` [seeds, outer]: chosen index into
    `protocol.cells`; `inner_mae` [cells, seeds, outer, inner]; `predictions` [seeds, n]: out of fold.
    """

    mae: NDArray[np.float64]
    fold_mae: NDArray[np.float64]
    cell: NDArray[np.int64]
    inner_mae: NDArray[np.float64]
    predictions: NDArray[np.float64]


def nested_cv(
    x: FloatArray,
    y: FloatArray,
    splits: Sequence[Splits] | Sequence[int],
    protocol: Protocol,
    *,
    learner: Learner = ENGINE,
    offset: Offset | None = None,
    n_threads: int = 1,
) -> NestedResult:
    """Nested cross-validation of the columns `x` [n, f] (NaN = missing) against the target `y` [n].

    `splits` are made beforehand, or seeds for which `random_splits` makes them. With `offset`, trees are trained on
    y - baseline and the baseline is added to their predictions; it is fitted on the same training rows as the trees.
    The result does not depend on `n_threads`. Raises DataError for a target or a prediction that is not finite.
    """
    x = np.asarray(x)
    columns = np.arange(x.shape[1])
    return nested_cv_many(
        x, y, [columns], splits, protocol, learner=learner, offset=offset, n_threads=n_threads
    )[0]  # fmt: skip


def nested_cv_many(
    x: FloatArray,
    y: FloatArray,
    column_sets: Sequence[IndexArray],
    splits: Sequence[Splits] | Sequence[int],
    protocol: Protocol,
    *,
    learner: Learner = ENGINE,
    offset: Offset | None = None,
    n_threads: int = 1,
) -> list[NestedResult]:
    """`nested_cv` of several feature sets, each a sequence of columns of `x`, on a pool of threads.

    The order of columns in a set matters only for ties (the earlier column wins). The table is ranked once for all
    sets; a unit of work is one set and one seed. Equal for any `n_threads`.
    """
    target, seeds = _checked(y, splits, protocol)
    table = learner.prepare(np.asarray(x))
    sets = [np.asarray(columns, dtype=np.int64) for columns in column_sets]

    def one_seed(work: tuple[IndexArray, Splits]) -> NestedResult:
        columns, one = work
        return _nested(table, columns, target, [one], protocol, learner, offset)

    work = list(product(sets, seeds))
    if n_threads == 1:
        done = [one_seed(item) for item in work]
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            done = list(pool.map(one_seed, work))
    starts = range(0, len(work) + 1, len(seeds))
    return [_joined(done[first:end]) for first, end in pairwise(starts)]


def cell_errors(
    x: FloatArray,
    y: FloatArray,
    splits: Sequence[Splits] | Sequence[int],
    protocol: Protocol,
    cell: Cell,
    *,
    learner: Learner = ENGINE,
    offset: Offset | None = None,
) -> NDArray[np.float64]:
    """Inner-fold mean absolute errors of one grid cell, [seeds, outer, inner]."""
    target, seeds = _checked(y, splits, protocol)
    x = np.asarray(x)
    return _inner_errors(learner.prepare(x), np.arange(x.shape[1]), target, seeds, [cell], learner, offset)[0]


def choose_cells(inner_mae: NDArray[np.float64]) -> NDArray[np.int64]:
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


def refit_predict(
    x: FloatArray,
    y: FloatArray,
    splits: Sequence[Splits] | Sequence[int],
    protocol: Protocol,
    chosen: NDArray[np.int64],
    *,
    learner: Learner = ENGINE,
    offset: Offset | None = None,
) -> NDArray[np.float64]:
    """Out-of-fold predictions [seeds, n]: each outer training part refitted with its chosen cell.

    `chosen` [seeds, outer] holds indices into `protocol.cells`, as `choose_cells` returns them.
    """
    target, seeds = _checked(y, splits, protocol)
    x = np.asarray(x)
    return _refit(learner.prepare(x), np.arange(x.shape[1]), target, seeds, protocol, chosen, learner, offset)


def fold_errors(y: FloatArray, predictions: NDArray[np.float64], splits: Sequence[Splits]) -> NDArray[np.float64]:
    """Mean absolute error of each outer test part, [seeds, outer], of out-of-fold predictions [seeds, n]."""
    return np.array(
        [
            [np.abs(predictions[s, fold.test] - y[fold.test]).mean() for fold in one.outer]
            for s, one in enumerate(splits)
        ]
    )


def _nested(
    table: Any,
    columns: IndexArray,
    y: FloatArray,
    splits: Sequence[Splits],
    protocol: Protocol,
    learner: Learner,
    offset: Offset | None,
) -> NestedResult:
    inner = _inner_errors(table, columns, y, splits, protocol.cells, learner, offset)
    chosen = choose_cells(inner)
    predictions = _refit(table, columns, y, splits, protocol, chosen, learner, offset)
    per_fold = fold_errors(y, predictions, splits)
    return NestedResult(per_fold.mean(axis=1), per_fold, chosen, inner, predictions)


def _inner_errors(
    table: Any,
    columns: IndexArray,
    y: FloatArray,
    splits: Sequence[Splits],
    cells: Sequence[Cell],
    learner: Learner,
    offset: Offset | None,
) -> NDArray[np.float64]:
    """Inner-fold mean absolute errors, [cells, seeds, outer, inner]."""
    errors = []
    for one in splits:
        targets = y[np.newaxis]
        if offset is not None:
            targets = np.stack([y - _baseline(offset, fold.train, y.size) for folds in one.inner for fold in folds])
        shape = (len(cells), len(one.outer), len(one.inner[0]))
        errors.append(learner.errors(table, columns, targets, one.inner_rows, cells).reshape(shape))
    return np.stack(errors, axis=1)


def _refit(
    table: Any,
    columns: IndexArray,
    y: FloatArray,
    splits: Sequence[Splits],
    protocol: Protocol,
    chosen: NDArray[np.int64],
    learner: Learner,
    offset: Offset | None,
) -> NDArray[np.float64]:
    """Out-of-fold predictions of the chosen cells, [seeds, n]."""
    predictions = np.full((len(splits), y.size), np.nan)
    for s, one in enumerate(splits):
        for o, fold in enumerate(one.outer):
            cell = protocol.cells[int(chosen[s, o])]
            baseline = np.zeros(y.size) if offset is None else _baseline(offset, fold.train, y.size)
            learned = learner.predict(table, columns, y - baseline, fold.train, fold.test, [cell])[0]
            predictions[s, fold.test] = baseline[fold.test] + learned
    return predictions


def _baseline(offset: Offset, train: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """The offset's predictions [n], fitted on these rows; raises DataError where they are not n finite numbers."""
    baseline = np.asarray(offset(train), dtype=np.float64)
    if baseline.shape != (n,) or not np.isfinite(baseline).all():
        raise DataError(
            f"offset: expected {n} finite baseline predictions, one per row, got shape {baseline.shape} with "
            f"{np.count_nonzero(~np.isfinite(baseline))} not finite"
        )
    return baseline


def _checked(
    y: FloatArray, splits: Sequence[Splits] | Sequence[int], protocol: Protocol
) -> tuple[NDArray[np.float64], list[Splits]]:
    target = np.asarray(y, dtype=np.float64)
    if target.ndim != 1 or not np.isfinite(target).all():
        raise DataError(
            f"target: expected a vector of finite scores, got shape {target.shape} with "
            f"{np.count_nonzero(~np.isfinite(target))} not finite: leave out the models without a score"
        )
    made = [one if isinstance(one, Splits) else random_splits(target.size, one, protocol) for one in splits]
    if not made or any(one.n != target.size for one in made):
        raise DataError(f"splits: expected at least one, each over the target's {target.size} rows")
    return target, made


def _joined(parts: Sequence[NestedResult]) -> NestedResult:
    """One result of one-seed results, in the order of the seeds."""
    return NestedResult(
        mae=np.concatenate([part.mae for part in parts]),
        fold_mae=np.concatenate([part.fold_mae for part in parts]),
        cell=np.concatenate([part.cell for part in parts]),
        inner_mae=np.concatenate([part.inner_mae for part in parts], axis=1),
        predictions=np.concatenate([part.predictions for part in parts]),
    )
