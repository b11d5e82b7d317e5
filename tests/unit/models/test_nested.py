"""Nested cross-validation agrees with scikit-learn's, leaks nothing, and does not depend on threads or order."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, train_test_split
from small_table import small_table
from xgboost import XGBRegressor

from foretell.errors import ConfigError, DataError
from models import nested
from models.learners import LEARNERS
from models.nested import NestedResult, nested_cv, nested_cv_many
from models.problem import Problem
from models.protocol import Protocol
from models.splits import Fold, Splits, deal_families, family_splits, random_splits

SMALL = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(10, 20))


def problem_of(x, y, splits, protocol, **settings) -> Problem:
    """A problem on splits, or on the random folds of seeds."""
    if isinstance(splits[0], Splits):
        return Problem(x, y, tuple(splits), protocol, **settings)
    return Problem.at_random(x, y, splits, protocol, **settings)


def solve(x, y, splits, protocol, *, n_threads=1, **settings) -> NestedResult:
    return nested_cv(problem_of(x, y, splits, protocol, **settings), n_threads)


def test_cells_are_in_the_order_of_scikit_learns_grid():
    protocol = Protocol()
    grid = {"max_depth": [2, 3, 5], "learning_rate": [0.01, 0.1, 0.3], "n_estimators": [50, 100]}
    assert [cell._asdict() for cell in protocol.cells] == list(ParameterGrid(grid))


@pytest.mark.parametrize("holdout", [0.0, 0.2])
def test_agrees_with_grid_search_over_xgboost(holdout):
    x, y, _ = small_table("hellaswag")
    x = x[:, :6]
    protocol = Protocol(holdout=holdout, max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(5, 10))
    grid = {"max_depth": [2, 3], "learning_rate": [0.1, 0.3], "n_estimators": [5, 10]}
    ours = solve(x, y, [0, 3], protocol)
    for s, seed in enumerate((0, 3)):
        for o, (train, test) in enumerate(KFold(3, shuffle=True, random_state=seed).split(x)):
            if holdout:
                train, _ = train_test_split(train, test_size=holdout, random_state=seed)
            search = GridSearchCV(
                XGBRegressor(n_jobs=1), grid, scoring="neg_mean_absolute_error",
                cv=KFold(3, shuffle=True, random_state=seed),
            ).fit(x[train], y[train])  # fmt: skip
            assert search.best_index_ == ours.cell[s, o]
            inner = np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(3)], axis=1)
            np.testing.assert_allclose(ours.inner_mae[:, s, o], -inner, rtol=0, atol=1e-12)
            np.testing.assert_array_equal(ours.predictions[s, test], search.predict(x[test]))
            error = np.abs(search.predict(x[test]) - y[test]).mean()
            np.testing.assert_allclose(ours.fold_mae[s, o], error, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.mae, ours.fold_mae.mean(axis=1))


def test_engine_and_xgboost_learner_give_the_same_result():
    x, y, _ = small_table("humaneval")
    ours = solve(x, y, [1], SMALL)
    theirs = solve(x, y, [1], SMALL, learner=LEARNERS["xgboost"])
    for field in ("mae", "fold_mae", "cell", "inner_mae", "predictions"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field))


def test_a_table_too_large_for_the_engine_goes_to_xgboost():
    rng = np.random.default_rng(0)
    x, y = rng.random((9_300, 2)), rng.random(9_300)  # inner folds of 4,133 rows
    protocol = Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(2, 5))
    ours = solve(x, y, [0], protocol)
    theirs = solve(x, y, [0], protocol, learner=LEARNERS["xgboost"])
    np.testing.assert_array_equal(ours.predictions, theirs.predictions)


def test_lightgbm_beats_the_median_and_repeats_itself():
    x, y, _ = small_table("hellaswag")
    once = solve(x, y, [0], SMALL, learner=LEARNERS["lightgbm"])
    again = solve(x, y, [0], SMALL, learner=LEARNERS["lightgbm"], n_threads=2)
    np.testing.assert_array_equal(once.predictions, again.predictions)
    assert once.mae[0] < 0.7 * np.abs(y - np.median(y)).mean()


def test_the_parts_compose_to_the_whole():
    x, y, _ = small_table("truthfulqa")
    splits = [random_splits(len(y), seed, SMALL) for seed in (0, 1)]
    problem = Problem(x, y, tuple(splits), SMALL)
    whole = nested_cv(problem)
    inner = np.stack([nested.cell_errors(problem, cell) for cell in SMALL.cells])
    np.testing.assert_array_equal(inner, whole.inner_mae)
    chosen = nested.choose_cells(inner)
    np.testing.assert_array_equal(chosen, whole.cell)
    predictions = nested.refit_predict(problem, chosen)
    np.testing.assert_array_equal(predictions, whole.predictions)
    np.testing.assert_array_equal(nested.fold_errors(y, predictions, splits), whole.fold_mae)


def test_the_first_of_equally_good_cells_is_chosen():
    errors = np.full((4, 1, 2, 3), 0.5)
    errors[2, 0, 1] = errors[3, 0, 1] = 0.25
    np.testing.assert_array_equal(nested.choose_cells(errors), [[0, 2]])
    errors[1, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match="1 of 24 inner errors"):
        nested.choose_cells(errors)


@pytest.mark.parametrize("holdout", [0.0, 0.2])
@pytest.mark.parametrize("by_family", [False, True])
def test_folds_partition_the_rows_and_never_overlap(holdout, by_family):
    _, y, families = small_table("xnli")
    protocol = Protocol(holdout=holdout)
    family = np.asarray(families)
    for seed in range(5):
        splits = family_splits(families, seed, protocol) if by_family else random_splits(len(y), seed, protocol)
        np.testing.assert_array_equal(np.sort(np.concatenate([f.test for f in splits.outer])), np.arange(len(y)))
        for outer, inner, aside in zip(splits.outer, splits.inner, splits.set_aside, strict=True):
            parts = np.concatenate([outer.train, outer.test, aside])
            np.testing.assert_array_equal(np.sort(parts), np.arange(len(y)))
            assert (aside.size > 0) == (holdout > 0)
            tested = np.concatenate([fold.test for fold in inner])
            np.testing.assert_array_equal(np.sort(tested), np.sort(outer.train))
            for fold in inner:
                np.testing.assert_array_equal(np.sort(np.concatenate([fold.train, fold.test])), np.sort(outer.train))
            if by_family:
                sides = [outer.test, aside, *(fold.test for fold in inner)]
                for k, one in enumerate(sides):
                    for other in sides[k + 1 :]:
                        assert not set(family[one]) & set(family[other])


def test_family_folds_repeat_by_seed_and_are_balanced():
    _, _, families = small_table("hellaswag")
    sizes = []
    for seed in range(20):
        first, again = (family_splits(families, seed, Protocol()) for _ in range(2))
        for one, other in zip(first.outer, again.outer, strict=True):
            np.testing.assert_array_equal(one.test, other.test)
        sizes.append([fold.test.size for fold in first.outer])
    assert np.min(sizes) >= len(families) // 5
    assert len({tuple(family_splits(families, s, Protocol()).outer[0].test) for s in range(20)}) > 15


def test_families_are_dealt_to_the_fold_with_the_fewest_rows():
    sizes = np.array([5, 1, 1, 1, 4])
    fold_of = deal_families(sizes, 2, np.random.default_rng(0))
    rows, expected = [0, 0], np.empty(5, dtype=int)
    for family in np.random.default_rng(0).permutation(5):
        expected[family] = int(rows[1] < rows[0])
        rows[expected[family]] += sizes[family]
    np.testing.assert_array_equal(fold_of, expected)


def test_a_shuffled_target_scores_like_the_median():
    x, y, _ = small_table("hellaswag")
    shuffled = np.random.default_rng(0).permutation(y)
    splits = [random_splits(len(y), seed, SMALL) for seed in range(3)]
    told = solve(x, y, splits, SMALL).mae.mean()
    untold = solve(x, shuffled, splits, SMALL).mae.mean()
    median = np.mean(
        [np.abs(y[f.test] - np.median(y[f.train])).mean() for one in splits for f in one.outer]
    )  # fmt: skip
    assert told < 0.7 * median
    assert untold > 0.9 * median


def test_outer_test_scores_do_not_reach_their_own_predictions():
    x, y, _ = small_table("hellaswag")
    [splits] = [random_splits(len(y), 0, SMALL)]
    rows = splits.outer[0].test
    changed = y.copy()
    changed[rows] = 1 - changed[rows]
    before = solve(x, y, [splits], SMALL).predictions[0, rows]
    np.testing.assert_array_equal(before, solve(x, changed, [splits], SMALL).predictions[0, rows])


def test_rows_set_aside_are_never_used():
    x, y, _ = small_table("humaneval")
    protocol = Protocol(holdout=0.2, max_depth=(2,), n_estimators=(10,))
    splits = random_splits(len(y), 0, protocol)
    changed = y.copy()
    changed[splits.set_aside[0]] += 5
    before, after = (solve(x, t, [splits], protocol) for t in (y, changed))
    np.testing.assert_array_equal(before.inner_mae[:, 0, 0], after.inner_mae[:, 0, 0])
    rows = splits.outer[0].test[~np.isin(splits.outer[0].test, splits.set_aside[0])]
    np.testing.assert_array_equal(before.predictions[0, rows], after.predictions[0, rows])


def test_permuting_rows_with_their_splits_changes_nothing():
    x, y, _ = small_table("truthfulqa")
    moved = np.random.default_rng(3).permutation(len(y))
    place = np.argsort(moved)
    splits = random_splits(len(y), 0, SMALL)

    def relabel(fold):
        return Fold(place[fold.train], place[fold.test])

    there = Splits(
        0, splits.n, tuple(map(relabel, splits.outer)), tuple(tuple(map(relabel, f)) for f in splits.inner),
        tuple(place[rows] for rows in splits.set_aside),
    )  # fmt: skip
    one, other = solve(x, y, [splits], SMALL), solve(x[moved], y[moved], [there], SMALL)
    np.testing.assert_array_equal(one.inner_mae, other.inner_mae)
    np.testing.assert_array_equal(one.predictions[0], other.predictions[0, place])


def test_offset_is_fitted_on_the_training_rows_and_added_back():
    x, y, _ = small_table("hellaswag")
    design = np.column_stack([np.ones(len(y)), x[:, :2]])
    asked = []

    def law(train):
        asked.append(train)
        return design @ np.linalg.lstsq(design[train], y[train], rcond=None)[0]

    splits = random_splits(len(y), 0, SMALL)
    ours = solve(x, y, [splits], SMALL, offset=law)
    assert {train.tobytes() for train in asked} == {
        fold.train.tobytes() for fold in (*splits.outer, *(f for folds in splits.inner for f in folds))
    }
    for o, fold in enumerate(splits.outer):
        baseline = law(fold.train)
        cell = SMALL.cells[ours.cell[0, o]]
        booster = XGBRegressor(**cell._asdict(), n_jobs=1).fit(x[fold.train], (y - baseline)[fold.train])
        manual = baseline[fold.test] + booster.predict(x[fold.test])
        np.testing.assert_array_equal(ours.predictions[0, fold.test], manual)


def test_threads_and_company_change_nothing():
    x, y, _ = small_table("humaneval")
    sets = [[0, 1], [0, 1, 5], [0, 1, 7], [0, 1, 9, 3]]
    alone = [solve(x[:, columns], y, [0, 1], SMALL) for columns in sets]
    for n_threads in (1, 3):
        for one, many in zip(
            alone, nested_cv_many(Problem.at_random(x, y, [0, 1], SMALL), sets, n_threads), strict=True
        ):
            for field in ("mae", "fold_mae", "cell", "inner_mae", "predictions"):
                np.testing.assert_array_equal(getattr(one, field), getattr(many, field))


def test_mistakes_are_named():
    x, y, _ = small_table("xnli")
    with pytest.raises(DataError, match="1 not finite"):
        solve(x, np.where(np.arange(len(y)) == 4, np.nan, y), [0], SMALL)
    with pytest.raises(DataError, match="each over the target's"):
        solve(x, y, [random_splits(10, 0, SMALL)], SMALL)
    with pytest.raises(DataError, match="cannot make 3 folds"):
        random_splits(4, 0, Protocol())
    with pytest.raises(DataError, match="2 families cannot make 3 folds"):
        family_splits(["a"] * 5 + ["b"] * 5, 0, Protocol())
    with pytest.raises(DataError, match="offset: expected"):
        solve(x, y, [0], SMALL, offset=lambda train: np.full(len(y), np.nan))
    with pytest.raises(ConfigError, match="outer_folds: Input should be greater than or equal to 2"):
        Protocol(outer_folds=1)
    assert set(LEARNERS) == {"engine", "xgboost", "lightgbm"}
