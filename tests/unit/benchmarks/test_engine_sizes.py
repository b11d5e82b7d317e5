"""The comparison at larger sizes: recorded rows as long as there are enough, drawn ones beyond; the learners agree."""

import numpy as np
import pytest

from benchmarks import engine_sizes
from benchmarks.engine_scaling import Table
from foretell.errors import DataError
from models.problem import Problem
from models.protocol import Protocol

PROTOCOL = Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(5,))


def table(n=40):
    rng = np.random.default_rng(0)
    return Table(np.round(rng.normal(size=(n, 3)), 1), rng.uniform(size=n), np.zeros(3, np.bool_))


def test_recorded_rows_are_taken_as_long_as_there_are_enough():
    recorded = table()
    ((values, x, y),) = engine_sizes.rows_of(recorded, 30)
    assert values == "recorded"
    assert {(*row, score) for row, score in zip(x.tolist(), y, strict=True)} <= {
        (*row, score) for row, score in zip(recorded.x.tolist(), recorded.y, strict=True)
    }
    drawn = {values: (x, y) for values, x, y in engine_sizes.rows_of(recorded, 100)}
    assert set(map(tuple, drawn["repeated"][0].tolist())) <= set(map(tuple, recorded.x.tolist()))
    assert np.unique(drawn["distinct"][0][:, 0]).size == 100
    assert np.unique(drawn["repeated"][1]).size == 100


def test_a_line_compares_the_two_and_fails_where_they_differ(monkeypatch):
    x, y = table().x, table().y
    problem = Problem.at_random(x, y, range(1), PROTOCOL)
    line = engine_sizes.measure_size("recorded", problem, cores=1, rounds=1)
    assert (line.n_models, line.n_features) == (40, 3)
    assert line.ratio == pytest.approx(line.ms_xgboost / line.ms_engine)
    monkeypatch.setitem(engine_sizes.LEARNERS, "xgboost", engine_sizes.LEARNERS["lightgbm"])
    with pytest.raises(DataError, match="do not use its results"):
        engine_sizes.measure_size("recorded", problem, cores=1, rounds=1)
