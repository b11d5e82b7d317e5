"""The arithmetic behind docs/scale.md, on cases worked by hand, and the measurement itself on small tables."""

import math

import numpy as np
import pytest

from benchmarks import engine_scaling
from benchmarks.engine_scaling import (
    Table,
    measure_costs,
    measure_inner_fold,
    measure_seeds,
    measure_targets,
    resample,
)
from benchmarks.extrapolation import Cost, crossover, exponent, exponents, nested_seconds_at, selection_hours
from foretell.errors import DataError
from models.protocol import Protocol

PROTOCOL = Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(5,))


def small(n: int = 40) -> Table:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 3, n), rng.normal(size=n)])
    x[::5, 2] = np.nan
    return Table(x, rng.uniform(size=n), np.array([False, True, False]))


def test_exponent_of_a_power_law():
    assert exponent([1, 10, 100], [3, 3 * 10**0.7, 3 * 100**0.7]) == pytest.approx(0.7)
    assert math.isnan(exponent([10], [1.0]))


def test_crossover_is_where_the_ratio_is_one():
    sizes = [100, 1_000, 10_000]
    ratios = [(n / 2_000) ** -0.5 for n in sizes]  # a power law through 1 at 2,000
    assert crossover(sizes, ratios) == pytest.approx(2_000)
    assert math.isnan(crossover(sizes, [3, 2, 1.5]))
    assert crossover(sizes, [2, 1, 0.5]) == pytest.approx(1_000)


def test_hours_of_a_selection():
    assert selection_hours(36.0, 13, 100, 5, 50, 4) == pytest.approx(13 * 100 * 5 * 36 / 3600 / 200)


@pytest.mark.parametrize(("values", "at_most"), [("binned", 256), ("distinct", 1_000)])
def test_resampled_tables_keep_words_and_gaps(values, at_most):
    table = small()
    grown, scores = resample(table, 1_000, values)
    assert grown.shape == (1_000, 3)
    assert set(grown[:, 1]) == set(table.x[:, 1])
    assert np.isnan(grown[:, 2]).mean() == pytest.approx(np.isnan(table.x[:, 2]).mean(), abs=0.05)
    distinct = np.unique(grown[:, 0]).size
    assert at_most * 0.5 < distinct <= at_most
    assert scores.mean() == pytest.approx(table.y.mean(), abs=0.05)
    np.testing.assert_array_equal(grown, resample(table, 1_000, values)[0])


def test_the_engine_is_timed_where_it_runs_and_only_there():
    costs = list(measure_costs(small(), PROTOCOL, [60, 4_200], [2, 3], rounds=1))
    assert [(c.values, c.n_models) for c in costs[::2]] == [
        ("recorded", 40), ("binned", 60), ("distinct", 60), ("binned", 4_200), ("distinct", 4_200),
    ]  # fmt: skip
    for cost in costs:
        handed_over = cost.values == "distinct" and cost.n_models == 4_200
        assert math.isnan(cost.engine_seconds) == handed_over == math.isnan(cost.ratio)
        assert cost.xgboost_seconds > 0
        if not handed_over:
            assert cost.ratio == pytest.approx(cost.xgboost_seconds / cost.engine_seconds)


def test_one_inner_fold_is_a_part_of_the_search():
    folds = list(measure_inner_fold(small(), PROTOCOL, [300], 2, rounds=1))
    assert [(fold.values, fold.n_models, fold.n_features) for fold in folds] == [
        ("binned", 300, 2), ("distinct", 300, 2),
    ]  # fmt: skip
    assert folds[0].engine_seconds > 0


def test_engines_that_differ_are_not_compared(monkeypatch):
    wrong = engine_scaling.LEARNERS["lightgbm"]
    monkeypatch.setitem(engine_scaling.LEARNERS, "engine", wrong)
    with pytest.raises(DataError, match="do not use its results"):
        list(measure_costs(small(), PROTOCOL, [], [3], rounds=1))


def made_up(values: str, n: int, width: int, scale: float = 1.0) -> Cost:
    """A cost that grows as models * features on XGBoost and as models**2 on the engine."""
    engine = scale * n**2 if values == "binned" else math.nan
    return Cost(values, n, width, engine, scale * n * width, scale * n * width / engine)


def test_growth_and_extrapolation_from_made_up_costs():
    kinds, sizes = ("binned", "distinct"), (10, 100)
    costs = [made_up(values, n, width) for n in sizes for values in kinds for width in (2, 4)]
    folds = [made_up(values, n, 4, 0.01) for n in (100, 1_000) for values in kinds]
    powers = exponents(costs)
    assert powers["models from 10 to 100 (engine, binned)"] == pytest.approx(2)
    assert powers["models from 10 to 100 (XGBoost, distinct)"] == pytest.approx(1)
    assert powers["features (engine, binned)"] == pytest.approx(0)
    assert powers["features (XGBoost, binned)"] == pytest.approx(1)
    at = nested_seconds_at(1_000, costs, folds)
    assert at == pytest.approx({"engine, binned": 1e6, "XGBoost, binned": 4_000, "XGBoost, distinct": 4_000})


def test_growth_is_the_exponent_of_the_seconds_measured():
    table = small()
    seeds = measure_seeds(table.x, table.y, PROTOCOL, (1, 4), rounds=1)
    targets = measure_targets([(table.x, table.y)] * 4, PROTOCOL, (1, 4), rounds=1)
    for growth in (seeds, targets):
        assert growth.sizes == (1, 4)
        assert growth.exponent == pytest.approx(exponent(growth.sizes, growth.seconds))
