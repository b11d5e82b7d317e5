"""The timing of the engine against what it replaces: the three agree, and the figures are what they say."""

import numpy as np
import pytest
from small_table import small_table

from benchmarks import speed
from foretell.errors import DataError
from models.nested import Protocol


@pytest.mark.slow
def test_the_three_agree_and_ratios_follow_from_times():
    x, y, _ = small_table("hellaswag")
    protocol = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(10, 20))
    measured = speed.measure(x[:, :4], y, protocol, cores=2, rounds=1)
    assert measured.largest_difference <= 1e-6
    assert measured.ratio_sklearn == measured.ms_sklearn / measured.ms_engine
    assert measured.ratio_xgboost == measured.ms_xgboost / measured.ms_engine
    assert (measured.n_models, measured.n_features, measured.cores, measured.rounds) == (len(y), 4, 2, 1)
    assert measured.ratio_sklearn > 10


def test_the_engine_is_faster_than_its_step_by_step_kernel_and_that_than_xgboost():
    x, y, _ = small_table("hellaswag")
    by_depth = speed.measure_ensembles(x[:, :4], y, Protocol(), rounds=3)
    assert [one.depth for one in by_depth] == [2, 3, 5]
    for one in by_depth:
        assert one.trees == 100
        assert one.ms_engine < one.ms_step_by_step < one.ms_xgboost


@pytest.mark.slow
def test_a_wrong_engine_is_not_praised(monkeypatch):
    x, y, _ = small_table("hellaswag")
    protocol = Protocol(max_depth=(2,), learning_rate=(0.1,), n_estimators=(5,))
    monkeypatch.setattr(speed, "_grid_search", lambda *_: 0.5 * float(np.abs(y).mean()))
    with pytest.raises(DataError, match="do not use its results"):
        speed.measure(x[:, :2], y, protocol, cores=1, rounds=1)
