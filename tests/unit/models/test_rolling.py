"""Schemes over time and by size: what comes before a cut-off predicts what comes after it, and nothing else."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import simulated_task

from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.verdicts import month_numbers, month_text
from models.protocol import Protocol
from models.schemes import AHEAD, DRAWN, OWN_RUNS, Scheme
from models.splits import inner_rolling, rolling_splits
from models.task import Task

PROTOCOL = Protocol()


@pytest.fixture(scope="module")
def task() -> Task:
    return simulated_task(0)


def test_every_scheme_is_drawn_or_looks_ahead() -> None:
    assert (*DRAWN, *AHEAD) == tuple(Scheme)
    assert AHEAD == (Scheme.TIME, Scheme.SIZE)


def test_over_time_every_later_model_is_predicted_once_by_earlier_ones(task: Task) -> None:
    [split] = Scheme.TIME.splits(task, 3, PROTOCOL)
    months = task.release_months
    cutoffs = month_numbers(split.cutoffs)
    assert split.cutoffs[0] == PROTOCOL.first_cutoff
    for cutoff, fold in zip(cutoffs, split.outer, strict=True):
        assert months[fold.train].max() < cutoff <= months[fold.test].min()
        assert set(fold.train) == set(np.flatnonzero(months < cutoff))
        assert fold.train.size >= PROTOCOL.min_train_models
    tested = np.concatenate([fold.test for fold in split.outer])
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(months >= cutoffs[0]))


def test_by_size_larger_models_are_predicted_by_smaller_ones(task: Task) -> None:
    params = task.design["total_params"].to_numpy()
    [split] = Scheme.SIZE.splits(task, 1, PROTOCOL)
    assert split.cutoffs == tuple(f"{limit:g}" for limit in PROTOCOL.size_limits)[: len(split.cutoffs)]
    for limit, fold in zip(PROTOCOL.size_limits, split.outer, strict=False):
        assert params[fold.train].max() <= limit < params[fold.test].min()


def test_the_studys_own_runs_are_in_neither_part(task: Task) -> None:
    families = task.design["family"].where(task.design.index >= 6, OWN_RUNS)
    own = replace(task, design=task.design.assign(family=families))
    [split] = Scheme.TIME.splits(own, 1, PROTOCOL)
    for fold, aside in zip(split.outer, split.set_aside, strict=True):
        assert set(aside) == set(range(6))
        assert not set(aside) & {*fold.train, *fold.test}


def test_without_a_cutoff_there_are_no_folds(task: Task) -> None:
    undated = replace(task, design=task.design.drop(columns=RELEASE_MONTH))
    assert Scheme.TIME.splits(undated, 1, PROTOCOL) == ()
    unknown = replace(task, design=task.design.assign(**{RELEASE_MONTH: pd.Series([None] * 150, dtype="object")}))
    assert Scheme.TIME.splits(unknown, 1, PROTOCOL) == ()
    assert Scheme.TIME.splits(task, 1, Protocol(min_train_models=149)) == ()
    assert Scheme.SIZE.splits(task, 1, Protocol(size_limits=(1e5,))) == ()


def test_cutoffs_without_models_of_their_own_are_left_out() -> None:
    order = np.repeat([0.0, 1.0, 3.0], [30, 6, 6])
    split = rolling_splits(order, order.astype(int), ("one", "two", "three"), np.zeros(42, dtype=bool), PROTOCOL)
    assert split is not None
    assert split.cutoffs == ("one", "three")
    assert [fold.test.size for fold in split.outer] == [6, 6]
    assert split.inner_rows.train_starts.size - 1 == 2 * PROTOCOL.inner_folds


@pytest.mark.parametrize("ties", [False, True])
def test_inner_folds_go_forward_too(ties: bool) -> None:
    rng = np.random.default_rng(0)
    order = rng.integers(0, 12, 60).astype(float) if ties else rng.permutation(60).astype(float)
    rows = np.sort(rng.permutation(60)[:45])
    folds = inner_rolling(order, rows, 3)
    for before, after in itertools.pairwise(folds):
        np.testing.assert_array_equal(np.sort([*before.train, *before.test]), after.train)
    for fold in folds:
        assert fold.test.size and set(fold.train) <= set(rows)
        assert order[fold.train].max() <= order[fold.test].min()
        assert ties or order[fold.train].max() < order[fold.test].min()
    np.testing.assert_array_equal(np.sort([*folds[-1].train, *folds[-1].test]), rows)


def test_one_order_for_all_still_makes_folds_with_rows() -> None:
    folds = inner_rolling(np.zeros(30), np.arange(30), 3)
    assert all(fold.train.size and fold.test.size for fold in folds)


def test_months_survive_being_counted() -> None:
    for text in ("2021-01", "2023-12", "2024-06"):
        assert month_text(month_numbers([text])[0]) == text
