"""Evaluation: every predictor on the same folds, tables that are whole, the same bytes wherever it runs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from features.catalogue import SCALE
from foretell.errors import DataError
from foretell.parallel import Spread
from models.catalogue import (
    ALL_FEATURES,
    EVALUATED,
    EVERY_DESIGN,
    LAW_PLUS_TREES,
    LOG_LINEAR,
    MEDIAN,
    SCALE_ONLY,
    Entry,
    features_of,
)  # fmt: skip
from models.evaluation import Evaluation, Plan, evaluate, study_name
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.results import (
    beats_median,
    chosen_cells,
    compare,
    fold_matrix,
    mae_interval,
    order_accuracy,
)
from models.schemes import Scheme
from models.search import search_grid
from models.splits import family_splits, random_splits
from models.task import Task

PROTOCOL = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(10, 20))
SEEDS = {Scheme.RANDOM: 3, Scheme.FAMILY: 2}
PLAN = Plan(PROTOCOL, SEEDS)
SELECTIONS = dict.fromkeys(("selected_design", "all_features"), (*SCALE, "pct_code", "activation"))
FEATURES = {
    entry: features_of(entry, "verified", SELECTIONS)
    for entry in EVALUATED
    if entry not in (EVERY_DESIGN, LAW_PLUS_TREES)
}
TREES = (SCALE_ONLY, ALL_FEATURES)


def run(task: Task, spread: Spread, said: list[str] | None = None) -> Evaluation:
    return evaluate(task, FEATURES, PLAN, search_grid, spread, (said if said is not None else []).append)


@pytest.fixture(scope="module")
def found(small_task: Task) -> Evaluation:
    return run(small_task, Spread("threads", 1))


def test_every_predictor_has_every_seed_and_fold(small_task: Task, found: Evaluation) -> None:
    counts = found.errors.groupby(["scheme", "predictor"]).size().to_dict()
    expected = {("random", entry.name): 9 for entry in FEATURES}
    expected |= {("family", entry.name): 6 for entry in FEATURES if entry.cross_check_of is None}
    assert counts == expected
    assert np.isfinite(found.errors["mae"]).all()
    assert (found.errors["n_train"] + found.errors["n_test"] == len(small_task.scores)).all()


def test_predictions_are_out_of_fold_and_errors_follow_from_them(small_task: Task, found: Evaluation) -> None:
    assert np.isfinite(found.predictions["predicted"]).all()
    actual = dict(zip(small_task.model_ids, small_task.scores, strict=True))
    assert (found.predictions["actual"] == found.predictions["model_id"].map(actual)).all()
    table = found.predictions.set_index(["predictor", "scheme", "seed", "model_id"])["predicted"].sort_index()
    errors = found.errors.set_index(["predictor", "scheme", "seed", "fold"])["mae"]
    for (predictor, scheme, seed, fold), mae in errors.items():
        by_family = family_splits(small_task.families, seed, PROTOCOL)
        split = by_family if scheme == "family" else random_splits(len(actual), seed, PROTOCOL)
        test = split.outer[fold].test
        models = [small_task.model_ids[row] for row in test]
        predicted = table.loc[predictor, scheme, seed].loc[models]
        assert mae == pytest.approx(np.abs(predicted - small_task.scores[test]).mean(), rel=1e-12)


def test_tree_errors_are_nested_cross_validations(small_task: Task, found: Evaluation) -> None:
    splits = [random_splits(len(small_task.scores), seed, PROTOCOL) for seed in range(3)]
    for entry in TREES:
        expected = nested_cv(Problem.of(small_task, FEATURES[entry], splits, PROTOCOL))
        np.testing.assert_array_equal(fold_matrix(found.errors, entry.name, Scheme.RANDOM), expected.fold_mae)
        cells = chosen_cells(found.choices, entry.name, Scheme.RANDOM, 3, 3)
        assert cells == [[PROTOCOL.cells[cell] for cell in row] for row in expected.cell]


def test_log_linear_and_median_are_the_plain_ones(small_task: Task, found: Evaluation) -> None:
    columns, scores = small_task.columns(SCALE), small_task.scores
    for seed in range(3):
        for fold, (train, test) in enumerate(KFold(3, shuffle=True, random_state=seed).split(columns)):
            line = LinearRegression().fit(columns[train], scores[train]).predict(columns[test])
            errors = fold_matrix(found.errors, LOG_LINEAR.name, Scheme.RANDOM)
            assert errors[seed, fold] == pytest.approx(np.abs(line - scores[test]).mean(), rel=1e-9)
            middle = np.abs(np.median(scores[train]) - scores[test]).mean()
            assert fold_matrix(found.errors, MEDIAN.name, Scheme.RANDOM)[seed, fold] == pytest.approx(middle, rel=1e-12)


def test_families_are_never_on_both_sides(small_task: Task) -> None:
    families = np.array(small_task.families)
    assert len(set(families)) < len(families)
    for seed in range(20):
        split = family_splits(small_task.families, seed, PROTOCOL)
        for fold, inner in zip(split.outer, split.inner, strict=True):
            assert not set(families[fold.train]) & set(families[fold.test])
            for part in inner:
                assert not set(families[part.train]) & set(families[part.test])


@pytest.mark.parametrize(
    "spread",
    [
        pytest.param(Spread("threads", 4), id="4 threads"),
        pytest.param(Spread("loky", 2), id="2 processes", marks=pytest.mark.slow),
    ],
)
def test_the_same_tables_wherever_it_runs(small_task: Task, found: Evaluation, spread: Spread) -> None:
    again = run(small_task, spread)
    for name in ("errors", "predictions", "choices"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name), check_exact=True)


def test_it_announces_as_many_pieces_as_it_promised(small_task: Task) -> None:
    said: list[str] = []
    run(small_task, Spread("threads", 1), said)
    assert len(said) == PLAN.n_pieces(FEATURES) == 14


def test_a_study_changes_its_name_with_data_features_and_protocol(small_task: Task) -> None:
    def name_of(entry: Entry, task: Task, features: Sequence[str], protocol: Protocol, n_seeds: int) -> str:
        splits = Scheme.RANDOM.splits(task, n_seeds, protocol)
        return study_name(task, entry, Problem.of(task, features, splits, protocol))

    moved = Task(small_task.target, small_task.design, small_task.scores + 1e-9, small_task.encoding)
    names = [
        name_of(SCALE_ONLY, small_task, SCALE, PROTOCOL, 3),
        name_of(SCALE_ONLY, moved, SCALE, PROTOCOL, 3),
        name_of(SCALE_ONLY, small_task, SCALE[::-1], PROTOCOL, 3),
        name_of(EVERY_DESIGN, small_task, SCALE, PROTOCOL, 3),
        name_of(SCALE_ONLY, small_task, SCALE, Protocol(holdout=0.2), 3),
        name_of(SCALE_ONLY, small_task, SCALE, PROTOCOL, 4),
    ]
    assert len(set(names)) == len(names)
    assert name_of(SCALE_ONLY, small_task, SCALE, PROTOCOL, 3) == names[0]


def errors_table(rows: Sequence[tuple[str, str, int, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["predictor", "scheme", "seed", "fold", "mae"])
    return table.assign(n_train=60, n_test=30)


HAND = errors_table(
    [("median", scheme, seed, fold, 0.2) for scheme in ("random", "family") for seed in (0, 1) for fold in (0, 1)]
    + [("trees", "random", seed, fold, 0.1 + 0.01 * seed + 0.02 * fold) for seed in (0, 1) for fold in (0, 1)]
    + [("trees", "family", seed, fold, 0.25) for seed in (0, 1) for fold in (0, 1)]
)


def test_comparisons_by_hand() -> None:
    # seeds' means 0.11 and 0.12 against 0.2: 42.5 percent; differences 0.09, 0.08: t = 0.085 / (0.00707 / sqrt 2) = 17
    found = compare(HAND, "median", "trees")
    assert found.improvement == pytest.approx(42.5)
    assert found.over_seeds.t == pytest.approx(17.0)
    # fold differences 0.10 0.08 0.09 0.07: variance 1.6667e-4, k = 4, ratio 1/2
    assert found.corrected.t == pytest.approx(0.085 / np.sqrt(0.75 * np.var([0.10, 0.08, 0.09, 0.07], ddof=1)))
    assert mae_interval(HAND, "trees").estimate == pytest.approx(0.115)
    assert not beats_median(HAND, "trees")  # held-out families decide


def test_a_missing_error_is_refused() -> None:
    with pytest.raises(DataError, match="trees, random folds: 4 errors, all of which must be there"):
        compare(HAND[~((HAND["predictor"] == "trees") & (HAND["seed"] == 1) & (HAND["fold"] == 1))], "median", "trees")
    with pytest.raises(DataError, match="forest, random folds: 0 errors"):
        fold_matrix(HAND, "forest", Scheme.RANDOM)


def test_missing_choices_are_refused(found: Evaluation) -> None:
    with pytest.raises(DataError, match=r"no chosen cell for \(seed, fold\) \[\(3, 0\), \(3, 1\), \(3, 2\)\]"):
        chosen_cells(found.choices, SCALE_ONLY.name, Scheme.RANDOM, 5, 3)


def test_order_accuracy_is_the_mean_over_seeds() -> None:
    rows = [(0, 1, 1), (0, 2, 2), (1, 1, 2), (1, 2, 1)]
    table = pd.DataFrame(rows, columns=["seed", "actual", "predicted"]).assign(predictor="t", scheme="random")
    assert order_accuracy(table, "t", Scheme.RANDOM) == 0.5
