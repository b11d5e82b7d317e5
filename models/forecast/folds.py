"""The folds inside a training part on which the forecast's weights and intervals are decided: whole families left out
and later models predicted from earlier ones, since both are asked of a forecast; and single models left out, which show
how much smaller the errors are where siblings are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.schemes import OWN_RUNS, Scheme
from models.splits import Fold, Indices, deal_families, inner_rolling, number_families
from models.task import Task

FAMILY_FOLDS = 4
TIME_FOLDS = 4
RANDOM_FOLDS = 3
FEWEST = 12  # training models; a fold with fewer says little about the forecast of a whole training part


@dataclass(frozen=True)
class InnerFold:
    """One training and test part, and how it was held out."""

    scheme: Scheme
    number: int
    fold: Fold


def inner_folds(task: Task, rows: Indices) -> Iterator[InnerFold]:
    """Folds of whole families that partition `rows` (fewer where there are fewer families), then shuffled ones, then
    folds with a rolling origin in the month of release, over the rows that were released; without those that train on
    too few models."""
    for number, (scheme, fold) in enumerate(_folds(task, rows)):
        if fold.train.size >= FEWEST:
            yield InnerFold(scheme, number, fold)


def _folds(task: Task, rows: Indices) -> Iterator[tuple[Scheme, Fold]]:
    family = number_families([task.families[row] for row in rows])
    sizes = np.bincount(family)
    n_folds = min(FAMILY_FOLDS, sizes.size)
    fold_of_row = deal_families(sizes, n_folds, np.random.default_rng(0))[family]
    for part in range(n_folds):
        yield Scheme.FAMILY, Fold(rows[fold_of_row != part], rows[fold_of_row == part])
    shuffled = np.random.default_rng(0).permutation(rows.size) % RANDOM_FOLDS
    for part in range(RANDOM_FOLDS):
        yield Scheme.RANDOM, Fold(rows[shuffled != part], rows[shuffled == part])
    months = task.release_months
    released = rows[~np.isnan(months[rows]) & (np.array(task.families)[rows] != OWN_RUNS)]
    if released.size < TIME_FOLDS + 2:
        return
    for fold in inner_rolling(months, released, TIME_FOLDS):
        yield Scheme.TIME, fold
