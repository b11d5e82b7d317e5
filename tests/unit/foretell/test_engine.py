"""The engine says what XGBoost says, to the last bit."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from small_table import BENCHMARKS, small_table

from foretell import engine
from foretell.engine import Cell, grid, kernels, large, small
from foretell.engine.grid import boost_grid
from foretell.errors import DataError
from models.protocol import Protocol
from models.splits import random_splits

GRID = tuple(Cell(rate, depth, trees) for rate in (0.01, 0.1, 0.3) for depth in (2, 3, 5) for trees in (8, 20))


def xgboost_predictions(x, y, train, test, cells):
    known = xgboost.DMatrix(x[train].astype(np.float32), y[train].astype(np.float32), nthread=1)
    asked = xgboost.DMatrix(x[test].astype(np.float32), nthread=1)
    rows = []
    for cell in cells:
        params = {"max_depth": cell.max_depth, "learning_rate": cell.learning_rate, "nthread": 1}
        rows.append(xgboost.train(params, known, cell.n_estimators).predict(asked))
    return np.stack(rows)


def assert_equal_to_xgboost(x, y, train, test, cells=GRID):
    ours = engine.predict(engine.rank_table(x), y, train, test, cells)
    theirs = xgboost_predictions(x, y, train, test, cells)
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(ours.view(np.int32), theirs.view(np.int32))


def column(kind, n, rng):
    drawn = rng.standard_normal(n)
    return {
        "continuous": drawn,
        "tenths": np.round(drawn, 1),
        "integers": rng.integers(-3, 4, n).astype(float),
        "binary": rng.integers(0, 2, n).astype(float),
        "constant": np.full(n, 2.5),
        "huge": drawn * 1e30,
        "tiny": drawn * 1e-30,
        "all missing": np.full(n, np.nan),
    }[kind]


KINDS = ("continuous", "tenths", "integers", "binary", "constant", "huge", "tiny", "all missing")
TARGETS = ("scores", "tenths", "integers", "constant", "wide range")


def target(kind, n, rng):
    return {
        "scores": rng.random(n),
        "tenths": np.round(rng.random(n), 1),
        "integers": rng.integers(-5, 6, n).astype(float),
        "constant": np.full(n, 0.3),
        "wide range": rng.standard_normal(n) * 10.0 ** rng.uniform(-10, 10, n),
    }[kind]


@st.composite
def tables(draw, most=90):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, most))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=9))
    x = np.stack([column(kind, n, rng) for kind in kinds], axis=1)
    for c in range(len(kinds)):
        x[rng.random(n) < draw(st.sampled_from((0.0, 0.0, 0.1, 0.6))), c] = np.nan
    if draw(st.booleans()):
        x = x[rng.integers(0, n, n)]
    return x, target(draw(st.sampled_from(TARGETS)), n, rng), rng.permutation(n)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_equals_xgboost_on_any_table(table):
    x, y, rows = table
    train = rows[: max(1, 2 * len(rows) // 3)]
    assert_equal_to_xgboost(x, y, train, np.arange(len(rows)))


def both_paths(x, y, train, test):
    """Predictions of the step-by-step kernel and of the grid as it is run, and how many ensembles went the fast way."""
    bins = engine.bin_rows(engine.rank_table(x), train, test, np.arange(x.shape[1]))
    bins = (*bins, y[train].astype(np.float32))
    cells = (np.repeat(np.float32([0.01, 0.1, 0.3]), 3), np.tile(np.int64([2, 3, 5]), 3), np.int64([20, 60]))
    slow, fast = np.empty((2, 9, 2, test.size), np.float32)
    kernels.boost(*bins, *cells, slow)
    return slow, fast, boost_grid(*bins, *cells, fast)


@settings(max_examples=100, deadline=None)
@given(tables())
def test_fast_and_step_by_step_kernels_agree(table):
    x, y, rows = table
    slow, fast, _ = both_paths(x, y, rows[: max(1, 2 * len(rows) // 3)], np.arange(min(64, len(rows))))
    np.testing.assert_array_equal(slow.view(np.int32), fast.view(np.int32))


@settings(max_examples=40, deadline=None)
@given(tables(most=700))
def test_kernels_agree_on_larger_tables(table):
    x, y, rows = table
    slow, fast, _ = both_paths(x, y, rows[: max(1, 2 * len(rows) // 3)], rows)
    np.testing.assert_array_equal(slow.view(np.int32), fast.view(np.int32))


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_real_models_take_the_fast_path(benchmark):
    x, y, _ = small_table(benchmark)
    for fold in random_splits(len(y), 1, Protocol()).outer:
        slow, fast, n_fast = both_paths(x, y, fold.train, fold.test)
        assert n_fast == 9
        np.testing.assert_array_equal(slow.view(np.int32), fast.view(np.int32))


def test_sums_that_float64_would_round_leave_the_fast_path():
    rng = np.random.default_rng(0)
    # pairs of opposite sign: the start value is 0, so gradients keep the targets' twenty orders of magnitude
    wide = 10.0 ** rng.uniform(-10, 10, 20)
    x, y, rows = rng.random((40, 3)), np.column_stack([wide, -wide]).ravel(), np.arange(40)
    assert both_paths(x, y, rows, rows)[2] == 0
    assert_equal_to_xgboost(x, y, rows, rows)
    x, y, rows = np.tile(x, (2, 1)), np.tile(y, 2), np.arange(80)
    assert both_paths(x, y, rows, rows)[2] == 0
    assert_equal_to_xgboost(x, y, rows, rows)


@pytest.mark.parametrize(("n_train", "n_test"), [(64, 64), (65, 20), (30, 65), (2, 65), (200, 100)])
def test_sizes_around_one_word_and_above_equal_xgboost(n_train, n_test):
    rng = np.random.default_rng(n_train)
    x, y = np.round(rng.standard_normal((n_train + n_test, 4)), 1), rng.random(n_train + n_test)
    x[rng.random(x.shape) < 0.2] = np.nan
    assert_equal_to_xgboost(x, y, np.arange(n_train), np.arange(n_train, n_train + n_test))


def test_fold_errors_are_those_of_the_predictions():
    x, y, _ = small_table("truthfulqa")
    table, cells = engine.rank_table(x), Protocol().cells
    splits = random_splits(len(y), 2, Protocol())
    errors = engine.fold_errors(table, y[np.newaxis], splits.inner_rows, cells)
    folds = [fold for of_outer in splits.inner for fold in of_outer]
    for f, fold in enumerate(folds):
        predicted = engine.predict(table, y, fold.train, fold.test, cells)
        np.testing.assert_allclose(errors[:, f], np.abs(predicted - y[fold.test]).mean(axis=1), rtol=1e-14)
    each = np.stack([y + f for f in range(len(folds))])
    errors = engine.fold_errors(table, each, splits.inner_rows, cells)
    for f, fold in enumerate(folds):
        predicted = engine.predict(table, each[f], fold.train, fold.test, cells)
        np.testing.assert_allclose(errors[:, f], np.abs(predicted - each[f, fold.test]).mean(axis=1), rtol=1e-13)


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        (small, ("bins", "kernels", "simd")),
        (large, ("kernels", "lanes", "simd")),
        (grid, ("bins", "kernels", "lanes", "large", "small")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_compiled_code_is_renewed_when_a_file_it_calls_changes(caller, called):
    engine_folder = Path(small.__file__).parent
    sources = b"".join((engine_folder / f"{name}.py").read_bytes() for name in called)
    digest = hashlib.sha256(sources).hexdigest()[:16]
    assert digest == caller.CALLED_SOURCES, f"write {digest} as CALLED_SOURCES into {caller.__name__}"


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_equals_xgboost_on_every_fold_of_two_seeds(benchmark):
    x, y, _ = small_table(benchmark)
    for seed in (3, 4):
        splits = random_splits(len(y), seed, Protocol())
        for fold in (*splits.outer, *(fold for folds in splits.inner for fold in folds)):
            assert_equal_to_xgboost(x, y, fold.train, fold.test, Protocol().cells)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_equals_xgboost_on_real_models(benchmark):
    x, y, _ = small_table(benchmark)
    splits = random_splits(len(y), 0, Protocol())
    assert_equal_to_xgboost(x, y, splits.outer[0].train, splits.outer[0].test, Protocol().cells)
    for fold in splits.inner[1]:
        assert_equal_to_xgboost(x[:, :6], y, fold.train, fold.test)


def test_start_value_divides_before_it_adds():
    # the mean 5/12 lies half way between two float32: adding first rounds it the other way
    y = np.array([0.2, 0.3, 0.4, 0.5, 0.5, 0.6])
    x = np.zeros((6, 1))
    assert_equal_to_xgboost(x, y, np.arange(6), np.arange(6), [Cell(0.1, 2, 3)])


def test_of_equal_splits_the_earlier_column_wins():
    # both columns part the training rows alike; row 2 shows which one was used
    x = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    y = np.array([0.0, 1.0, 0.0])
    train, asked, cells = np.array([0, 1]), np.array([2]), [Cell(0.3, 2, 10)]
    table = engine.rank_table(x)
    by_first = engine.predict(table, y, train, asked, cells, np.array([0, 1]))
    by_second = engine.predict(table, y, train, asked, cells, np.array([1, 0]))
    assert by_first == engine.predict(table, y, train, asked, cells, np.array([0]))
    assert by_second == engine.predict(table, y, train, asked, cells, np.array([1]))
    assert by_first < 0.5 < by_second
    assert_equal_to_xgboost(x, y, train, np.arange(3), cells)
    assert_equal_to_xgboost(x[:, ::-1], y, train, np.arange(3), cells)


def test_a_threshold_is_the_next_training_value_not_the_midpoint():
    # the split between 0 and 10 is at 10: 9 goes with 0
    x = np.array([[0.0], [0.0], [10.0], [10.0], [9.0]])
    y = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    predicted = engine.predict(engine.rank_table(x), y, np.arange(4), np.array([0, 4, 3]), [Cell(0.3, 2, 20)])[0]
    assert predicted[0] == predicted[1] < predicted[2]


def test_a_value_missing_only_in_test_goes_right():
    x = np.array([[0.0], [0.0], [10.0], [10.0], [np.nan]])
    y = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    predicted = engine.predict(engine.rank_table(x), y, np.arange(4), np.array([0, 4, 3]), [Cell(0.3, 2, 20)])[0]
    assert predicted[0] < predicted[1] == predicted[2]


def test_one_row_and_no_column_predict_the_mean():
    y = np.array([0.25, 0.75])
    table = engine.rank_table(np.zeros((2, 3)))
    cells = [Cell(0.1, 2, 5)]
    assert engine.predict(table, y, np.array([0]), np.array([1]), cells)[0, 0] == np.float32(0.25)
    none = np.array([], dtype=np.int64)
    assert engine.predict(table, y, np.array([0, 1]), np.array([1]), cells, none)[0, 0] == np.float32(0.5)


def test_a_smaller_ensemble_is_a_prefix_of_a_larger_one():
    x, y, _ = small_table("hellaswag")
    table, rows = engine.rank_table(x), np.arange(len(y))
    both = engine.predict(table, y, rows[:60], rows[60:], [Cell(0.1, 3, 100), Cell(0.1, 3, 50)])
    alone = engine.predict(table, y, rows[:60], rows[60:], [Cell(0.1, 3, 50)])
    np.testing.assert_array_equal(both[1], alone[0])


def test_permuting_rows_changes_nothing():
    x, y, _ = small_table("humaneval")
    rng = np.random.default_rng(1)
    rows = np.arange(len(y))
    moved = rng.permutation(rows)
    place = np.argsort(moved)
    cells = Protocol().cells
    here = engine.predict(engine.rank_table(x), y, rows[:60], rows[60:], cells)
    there = engine.predict(engine.rank_table(x[moved]), y[moved], place[:60], place[60:], cells)
    np.testing.assert_array_equal(here, there)


def test_refuses_what_it_cannot_equal():
    rng = np.random.default_rng(0)
    cells = [Cell(0.1, 2, 5)]
    with pytest.raises(DataError, match=r"column 0 is infinite"):
        engine.rank_table(np.array([[np.inf]]))
    with pytest.raises(DataError, match="column 0 has more than 256 distinct values"):
        table = engine.rank_table(rng.random((4_099, 1)))
        engine.predict(table, np.zeros(4_099), np.arange(4_099), np.array([0]), cells)
    with pytest.raises(DataError, match="finite target"):
        engine.predict(engine.rank_table(np.zeros((2, 1))), np.array([np.nan, 1]), np.arange(2), np.array([0]), cells)
    assert_equal_to_xgboost(rng.random((256, 2)), rng.random(256), np.arange(256), np.arange(256), [Cell(0.1, 5, 10)])
