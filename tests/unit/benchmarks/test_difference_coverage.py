"""The measured coverage of differences: pairs are of unseen models, and the figures are what they say."""

import numpy as np
import pandas as pd

from benchmarks.difference_coverage import measure, predictor_of, summary
from models.protocol import Protocol
from models.task import Task


def test_pairs_of_unseen_models_are_measured(small_task: Task) -> None:
    known, new = np.arange(0, len(small_task.scores), 2), np.arange(1, len(small_task.scores), 2)
    protocol = Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(20,))
    predictor = predictor_of(small_task.subset(known), protocol, 5, 0.9)
    assert set(predictor.support.model_ids).isdisjoint(np.array(small_task.model_ids)[new])
    table = measure(predictor, small_task, new, seed=0)
    differences = small_task.scores[new][:, None] - small_task.scores[new]
    assert set(table["actual"]) <= set(differences.ravel())
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_the_figures_are_means_over_benchmarks() -> None:
    pair = {"scheme": "family", "siblings": False, "difference": 0.1, "low": 0.0, "high": 0.2, "independent": 0.2}
    rows = [
        {**pair, "benchmark": "a", "actual": 0.1, "chance_higher": 0.9, "single": 1.0},
        {**pair, "benchmark": "a", "actual": 0.3, "chance_higher": 0.7, "single": 0.5},
        {**pair, "benchmark": "b", "actual": -0.1, "chance_higher": 0.2, "single": 0.0},
    ]
    (row,) = summary(pd.DataFrame(rows))
    assert row == {
        "held out": "held-out families",
        "pairs": "3 others",
        "coverage": "25.0%",
        "lowest benchmark": "0.0%",
        "single": "37.5%",
        "width / independent": "0.50",
        "claimed": "80.0%",
        "right": "100.0%",
    }
