"""Which models train and which test: the index sets of nested cross-validation, made once and shared by everything.

Three ways to split: at random, row by row, as the reference analysis does; by family, whole families on one side,
because siblings (a model and its deduplicated twin) on both sides flatter every tree; and in an order (of release, of
size), where what comes before a cut-off predicts what comes after it, as whoever plans a model must.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.engine import FoldRows
from foretell.errors import DataError
from models.protocol import Protocol

Indices = NDArray[np.int64]


class Fold(NamedTuple):
    """Row indices of one training and its test part."""

    train: Indices
    test: Indices


@dataclass(frozen=True)
class Splits:
    """One seed's nested folds over `n` rows: `outer[o]`, its inner folds `inner[o][i]`, and the rows `set_aside[o]`.

    The inner folds are made of `outer[o].train` (at random and by family they partition it); rows set aside are in
    neither part of outer fold o. `cutoffs` names each outer fold's cut-off where rows are split in an order.
    """

    seed: int
    n: int
    outer: tuple[Fold, ...]
    inner: tuple[tuple[Fold, ...], ...]
    set_aside: tuple[Indices, ...]
    cutoffs: tuple[str, ...] = ()

    @cached_property
    def inner_rows(self) -> FoldRows:
        """All inner folds, those of the first outer fold first."""
        return FoldRows.of([fold for folds in self.inner for fold in folds])


@lru_cache(maxsize=1024)
def random_splits(n: int, seed: int, protocol: Protocol) -> Splits:
    """Shuffled K-folds over `n` rows, seeded by `seed` on both levels, as scikit-learn's KFold makes them.

    Made once per seed and kept, because a selection needs the same ones thousands of times; do not write into them.
    With a holdout, scikit-learn's train_test_split takes that share out of each outer training part; it is never used.
    Raises DataError where there are too few rows for the folds.
    """
    from sklearn.model_selection import KFold, train_test_split

    def folds(rows: Indices, k: int) -> tuple[Fold, ...]:
        if rows.size < k:
            raise DataError(f"{rows.size} rows cannot make {k} folds: lower the folds or the holdout, or add models")
        parts = KFold(k, shuffle=True, random_state=seed).split(rows)
        return tuple(Fold(rows[train], rows[test]) for train, test in parts)

    outer, inner, set_aside = [], [], []
    for fold in folds(np.arange(n), protocol.outer_folds):
        train, rest = fold.train, np.empty(0, np.int64)
        if protocol.holdout > 0:
            train, rest = train_test_split(train, test_size=protocol.holdout, random_state=seed)
        outer.append(Fold(train, fold.test))
        inner.append(folds(train, protocol.inner_folds))
        set_aside.append(rest)
    return Splits(seed, n, tuple(outer), tuple(inner), tuple(set_aside))


def number_families(groups: Sequence[Hashable]) -> Indices:
    """Each row's family as a number [n], from 0 in the order of first appearance."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    return np.asarray([numbers[name] for name in groups], dtype=np.int64)


def deal_families(sizes: Indices, n_folds: int, rng: np.random.Generator) -> Indices:
    """The fold of each family: in an order shuffled by `rng`, each goes to the fold with the fewest rows so far (the
    first of equals), so that no fold stays empty where there are at least as many families as folds.

    `sizes` holds each family's number of rows. scikit-learn's group K-folds deal differently (the largest groups first,
    or without regard to size), which would change every recorded error.
    """
    n_rows = np.zeros(n_folds, dtype=np.int64)
    fold_of = np.empty(sizes.size, dtype=np.int64)
    for position in rng.permutation(sizes.size):
        fold_of[position] = np.argmin(n_rows)
        n_rows[fold_of[position]] += sizes[position]
    return fold_of


def family_splits(groups: Sequence[Hashable], seed: int, protocol: Protocol) -> Splits:
    """Nested folds in which every family lies whole on one side, on both levels and in the part set aside.

    `groups` [n] names each row's family. Families are dealt by `deal_families`; those that still fit into the holdout's
    share are set aside in an order shuffled by the seed. Raises DataError where there are fewer families than folds.
    """
    family = number_families(groups)

    def folds(rows: Indices, k: int, rng: np.random.Generator) -> Iterator[Fold]:
        ids, sizes = np.unique(family[rows], return_counts=True)
        if ids.size < k:
            raise DataError(f"{ids.size} families cannot make {k} folds that hold whole families: lower the folds")
        fold_of_row = deal_families(sizes, k, rng)[np.searchsorted(ids, family[rows])]
        for part in range(k):
            yield Fold(rows[fold_of_row != part], rows[fold_of_row == part])

    outer, inner, set_aside = [], [], []
    rng = np.random.default_rng(seed)
    for fold in folds(np.arange(family.size), protocol.outer_folds, rng):
        train, rest = fold.train, np.empty(0, np.int64)
        if protocol.holdout > 0:
            out = np.zeros(train.size, dtype=bool)
            for number in rng.permutation(np.unique(family[train])):
                members = family[train] == number
                if np.count_nonzero(out | members) <= protocol.holdout * train.size:
                    out |= members
            train, rest = train[~out], train[out]
        outer.append(Fold(train, fold.test))
        inner.append(tuple(folds(train, protocol.inner_folds, rng)))
        set_aside.append(rest)
    return Splits(seed, int(family.size), tuple(outer), tuple(inner), tuple(set_aside))


def rolling_splits(
    order: NDArray[np.float64],
    period: Indices,
    cutoffs: Sequence[str],
    set_aside: NDArray[np.bool_],
    protocol: Protocol,
) -> Splits | None:
    """Nested folds with a rolling origin: outer fold k trains on the periods before k and tests on period k.

    `order` [n] is what rows are ordered by (month of release, size), `period` [n] counts the `cutoffs` that lie before
    a row, `set_aside` [n] marks rows that are in neither part. A cut-off counts where `min_train_models` rows lie
    before it and `min_test_models` behind it; a period without rows belongs to the cut-off before. The inner folds of
    a training part are made in the same way, at quantiles of its order (`inner_rolling`). None where no cut-off counts.
    """
    usable = np.flatnonzero(~set_aside)
    outer, names = [], []
    for number, name in enumerate(cutoffs, start=1):
        before, behind = usable[period[usable] < number], usable[period[usable] >= number]
        test = behind[period[behind] == number]
        if test.size and before.size >= protocol.min_train_models and behind.size >= protocol.min_test_models:
            outer.append(Fold(before, test))
            names.append(name)
    if not outer:
        return None
    inner = tuple(inner_rolling(order, fold.train, protocol.inner_folds) for fold in outer)
    return Splits(0, order.size, tuple(outer), inner, (np.flatnonzero(set_aside),) * len(outer), tuple(names))


def inner_rolling(order: NDArray[np.float64], rows: Indices, n_folds: int) -> tuple[Fold, ...]:
    """`n_folds` folds with a rolling origin inside `rows`: the later part of them, in `order`, is cut into as many
    pieces of nearly equal size, each predicted by all that come before it. Rows of equal order are kept together as
    far as this leaves every piece a row."""
    ordered = rows[np.argsort(order[rows], kind="stable")]
    n = ordered.size
    starts = [round(n * (2 + piece) / (n_folds + 2)) for piece in range(n_folds)]
    values = order[ordered]
    for piece, start in enumerate(starts):
        first = int(np.searchsorted(values, values[start], side="left"))
        low = starts[piece - 1] + 1 if piece else 2
        starts[piece] = first if first >= low else start
    ends = [*starts[1:], n]
    return tuple(Fold(np.sort(ordered[:a]), np.sort(ordered[a:b])) for a, b in zip(starts, ends, strict=True))
