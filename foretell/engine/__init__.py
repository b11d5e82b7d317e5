"""Gradient-boosted trees for tiny tables, equal to XGBoost to the last bit and free of its per-call overhead.

The method needs millions of small ensembles: a few dozen language models, a handful of features, a grid of settings.
XGBoost spends nearly all of that time on overhead. This module trains the same trees (tree method "hist", squared
error, lambda 1, min_child_weight 1, depth-wise) and returns the same float32 predictions. Two statements are tested:

- predictions equal those of `xgboost.train(..., nthread=1)` bit for bit for up to 4,098 training rows, and for more
  where no column has more than 256 distinct training values; beyond that the engine refuses (DataError);
- XGBoost stays the library of record: what is registered is an XGBoost booster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Floats, Indices
from foretell.engine.bins import MAX_BINS as MAX_BINS
from foretell.engine.bins import MAX_SORTED as MAX_SORTED
from foretell.engine.bins import bin_columns
from foretell.engine.grid import boost_grid
from foretell.engine.grid import fold_errors as compiled_fold_errors
from foretell.errors import DataError

FloatArray = Floats  # the names that models/ still imports
IndexArray = Indices


class Cell(NamedTuple):
    """One cell of the grid, fields in scikit-learn's ParameterGrid order."""

    learning_rate: float
    max_depth: int
    n_estimators: int


class FoldRows(NamedTuple):
    """Rows of several folds, one after the other: fold f trains on train[train_starts[f]:train_starts[f + 1]]."""

    train: Indices
    train_starts: Indices
    test: Indices
    test_starts: Indices

    @classmethod
    def of(cls, folds: Sequence[tuple[Indices, Indices]]) -> FoldRows:
        """From (train, test) row indices per fold."""

        def starts(parts: list[Indices]) -> Indices:
            return np.cumsum([0, *(part.size for part in parts)], dtype=np.int64)

        train, test = [fold[0] for fold in folds], [fold[1] for fold in folds]
        return cls(
            np.concatenate(train).astype(np.int64), starts(train), np.concatenate(test).astype(np.int64), starts(test)
        )


@dataclass(frozen=True)
class RankedTable:
    """A feature table ranked once: every training set drawn from its rows reads its bins from these ranks.

    `codes` int32 [n, f]: rank of a value among the column's distinct float32 values, -1 where it is missing;
    `values` float32: the distinct values of all columns, one column after the other; `offsets` int64 [f + 1]: where
    each column's values start.
    """

    codes: NDArray[np.int32]
    values: NDArray[np.float32]
    offsets: Indices

    @property
    def n_columns(self) -> int:
        return int(self.codes.shape[1])

    @property
    def n_distinct(self) -> Indices:
        """Distinct values of each column, [f]."""
        return np.diff(self.offsets)


def rank_table(x: Floats) -> RankedTable:
    """Rank the columns of `x` [n, f] (NaN = missing). Raises DataError where a value is infinite in float32."""
    if x.ndim != 2:
        raise DataError(f"feature table: expected a matrix [models, features], got {x.ndim} dimension(s)")
    with np.errstate(over="ignore"):
        x32 = np.ascontiguousarray(x, dtype=np.float32)
    infinite = np.argwhere(np.isinf(x32))
    if infinite.size:
        row, column = (int(i) for i in infinite[0])
        raise DataError(
            f"feature table: row {row}, column {column} is infinite or beyond float32 ({x[row, column]!r}); "
            "expected a finite number, or NaN for an unknown value"
        )
    codes = np.full(x32.shape, -1, dtype=np.int32)
    values, offsets = [], [0]
    for c in range(x32.shape[1]):
        known = ~np.isnan(x32[:, c])
        distinct, inverse = np.unique(x32[known, c], return_inverse=True)
        codes[known, c] = inverse
        values.append(distinct)
        offsets.append(offsets[-1] + distinct.size)
    flat = np.concatenate(values) if values else np.empty(0)
    return RankedTable(codes, flat.astype(np.float32), np.asarray(offsets, dtype=np.int64))


def too_large(table: RankedTable, columns: Indices, n_train: int) -> bool:
    """Whether `predict` could refuse these columns with so many training rows: XGBoost's bins may not be known."""
    return n_train > MAX_SORTED and bool((table.n_distinct[columns] > MAX_BINS).any())


def predict(
    table: RankedTable,
    y: Floats,
    train: Indices,
    test: Indices,
    cells: Sequence[Cell],
    columns: Indices | None = None,
) -> NDArray[np.float32]:
    """Train every cell of the grid on rows `train` and predict rows `test`, in one call that releases the GIL.

    `y` [n] holds a target for every row of the table (only those of `train` are read); `columns` picks and orders the
    features (of equally good splits the earlier column wins). Cells that differ only in `n_estimators` share one
    ensemble. Returns float32 [cells, len(test)]. Raises DataError where a training target is not finite, a training
    set is empty or a column has more than 256 distinct training values.
    """
    y32 = _finite_targets(np.asarray(y, dtype=np.float64)[train])
    grid = _ensembles(tuple(cells))
    out = np.empty((grid.rates.size, grid.sizes.size, len(test)), np.float32)
    boost_grid(*bin_rows(table, train, test, _picked(table, columns)), y32, grid.rates, grid.depths, grid.sizes, out)
    return out[grid.ensemble_of, grid.size_of]


def bin_rows(
    table: RankedTable, train: Indices, test: Indices, columns: Indices
) -> tuple[NDArray[np.int32], NDArray[np.int32], Indices]:
    """Bins of the training rows [n_train, c] and test rows [n_test, c], as XGBoost makes them, and where each column's
    bins start [c + 1]; the kernels' input. Raises DataError as `predict` does."""
    train, test, columns = (np.asarray(rows, dtype=np.int64) for rows in (train, test, columns))
    train_bins, test_bins = (np.empty((rows.size, columns.size), np.int32) for rows in (train, test))
    starts = np.empty(columns.size + 1, np.int64)
    wide = bin_columns(table.codes, table.values, table.offsets, columns, train, test, train_bins, test_bins, starts)
    _refuse_wide(wide, columns)
    return train_bins, test_bins, starts


def fold_errors(
    table: RankedTable, targets: Floats, folds: FoldRows, cells: Sequence[Cell], columns: Indices | None = None
) -> Floats:
    """Mean absolute test errors of every cell on every fold, [cells, folds], in one call that releases the GIL.

    `targets` is [1, n], the same for all folds, or [folds, n]. Raises DataError as `predict` does.
    """
    picked = _picked(table, columns)
    targets = np.ascontiguousarray(targets, dtype=np.float64)
    _finite_targets(targets)
    if folds.train_starts.size < 2 or np.diff(folds.train_starts).min() < 1 or np.diff(folds.test_starts).min() < 1:
        raise DataError("folds: expected at least one, each with a row to train on and one to test")
    grid = _ensembles(tuple(cells))
    errors = np.empty((grid.rates.size, grid.sizes.size, folds.train_starts.size - 1))
    wide = compiled_fold_errors(
        table.codes, table.values, table.offsets, picked, targets, *folds, grid.rates, grid.depths, grid.sizes, errors
    )
    _refuse_wide(wide, picked)
    return errors[grid.ensemble_of, grid.size_of]


class _Grid(NamedTuple):
    """Distinct ensembles of a grid, the tree counts at which they are read, and where each cell is found."""

    rates: NDArray[np.float32]
    depths: Indices
    sizes: Indices
    ensemble_of: Indices
    size_of: Indices


@lru_cache(maxsize=256)
def _ensembles(cells: tuple[Cell, ...]) -> _Grid:
    ensembles = list(dict.fromkeys((cell.learning_rate, cell.max_depth) for cell in cells))
    sizes = sorted({cell.n_estimators for cell in cells})
    return _Grid(
        np.asarray([rate for rate, _ in ensembles], dtype=np.float32),
        np.asarray([depth for _, depth in ensembles], dtype=np.int64),
        np.asarray(sizes, dtype=np.int64),
        np.asarray([ensembles.index((cell.learning_rate, cell.max_depth)) for cell in cells], dtype=np.int64),
        np.asarray([sizes.index(cell.n_estimators) for cell in cells], dtype=np.int64),
    )


def _picked(table: RankedTable, columns: Indices | None) -> Indices:
    return np.asarray(np.arange(table.n_columns) if columns is None else columns, dtype=np.int64)


def _finite_targets(y: Floats) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        y32 = y.astype(np.float32)
    if y32.size == 0 or not np.isfinite(y32).all():
        raise DataError("training rows: expected at least one row and a finite target (in float32) in each")
    return y32


def _refuse_wide(wide: int, picked: Indices) -> None:
    if wide >= 0:
        raise DataError(
            f"feature column {int(picked[wide])} has more than {MAX_BINS} distinct values and more than {MAX_SORTED} "
            "known ones in the training rows; the engine equals XGBoost only up to there: use the learner 'xgboost' "
            "for tables of this size"
        )
