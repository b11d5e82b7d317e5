"""The timing of the engine against what it replaces: the three agree, and the figures are what they say."""

import numpy as np
import pytest
from small_table import small_table

from benchmarks import engine_speed
from foretell.errors import DataError
from models.problem import Problem
from models.protocol import Protocol
from models.splits import random_splits


@pytest.mark.slow
def test_the_three_agree_and_ratios_follow_from_times():
    x, y, _ = small_table("hellaswag")
    protocol = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(10, 20))
    measured = engine_speed.measure(x[:, :4], y, protocol, cores=2, rounds=1)
    assert measured.largest_difference <= 1e-6
    assert measured.ratio_sklearn == measured.ms_sklearn / measured.ms_engine
    assert measured.ratio_xgboost == measured.ms_xgboost / measured.ms_engine
    assert (measured.n_models, measured.n_features, measured.cores, measured.rounds) == (len(y), 4, 2, 1)


def test_every_depth_of_the_grid_is_timed_on_the_largest_ensemble():
    x, y, _ = small_table("hellaswag")
    by_depth = engine_speed.measure_ensembles(Problem.at_random(x[:, :4], y, [0], Protocol()), rounds=1)
    assert [speed.depth for speed in by_depth] == [2, 3, 5]
    for speed in by_depth:
        assert speed.trees == 100
        assert speed.n_train == len(random_splits(len(y), 0, Protocol()).inner[0][0].train)
        assert min(speed.ms_xgboost, speed.ms_step_by_step, speed.ms_engine) > 0


@pytest.mark.slow
def test_a_wrong_engine_is_not_praised(monkeypatch):
    x, y, _ = small_table("hellaswag")
    protocol = Protocol(max_depth=(2,), learning_rate=(0.1,), n_estimators=(5,))
    monkeypatch.setattr(engine_speed, "_grid_search", lambda *_: 0.5 * float(np.abs(y).mean()))
    with pytest.raises(DataError, match="do not use its results"):
        engine_speed.measure(x[:, :2], y, protocol, cores=1, rounds=1)
