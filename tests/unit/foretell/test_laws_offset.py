"""The power law as the baseline of trees: the nested cross-validation takes it as its `offset`."""

import numpy as np

from foretell.laws.benchmark import PowerLawOffset
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol

PROTOCOL = Protocol(outer_folds=3, inner_folds=3, holdout=0.0, max_depth=(2,), learning_rate=(0.1,), n_estimators=(50,))


def test_trees_on_the_residual_of_a_law_need_only_learn_what_scale_leaves() -> None:
    rng = np.random.default_rng(0)
    log_n, log_d = rng.uniform(np.log(1e8), np.log(7e10), 90), rng.uniform(np.log(100), np.log(15000), 90)
    code = rng.uniform(0, 40, 90)
    odds = np.exp(-0.5 * (log_n - 22) - 0.4 * (log_d - 7)) * np.exp(-0.01 * code)
    scores = np.clip(1 / (1 + odds) + rng.normal(0, 0.01, 90), 0, 1)
    x = np.column_stack([log_n, log_d, code])
    alone = nested_cv(Problem.at_random(x, scores, [0, 1, 2], PROTOCOL))
    law = PowerLawOffset.of(log_n, log_d, scores)
    with_law = nested_cv(Problem.at_random(x, scores, [0, 1, 2], PROTOCOL, offset=law))
    assert float(np.mean(with_law.mae)) < 0.8 * float(np.mean(alone.mae))
