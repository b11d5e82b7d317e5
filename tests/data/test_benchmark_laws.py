"""Why the benchmark law is a law of the odds of error: on the project's own scores it foretells held-out models better
than Kaplan's form on the error itself, than a log-linear fit and than the median."""

from collections.abc import Callable

import numpy as np
import pytest
from known_targets import PAPER

from features.raw import read_raw
from features.tabulate import INPUTS, tabulate
from foretell.laws.benchmark import FORM, PowerLawOffset
from foretell.laws.newton import minimise_huber
from models.baselines import log_linear_fit_predict, median_fit_predict

Array = np.ndarray
FitPredict = Callable[[Array, Array, Array, bool], Array]


def error_law(train: Array, scores: Array, test: Array, lower_is_better: bool) -> Array:
    """Kaplan's form on the error itself, fitted in score space (Huber threshold 0.03)."""
    error = scores if lower_is_better else 1 - scores
    centre = train.mean(axis=0)
    x = train - centre
    starts = FORM.starts(x, np.log(np.maximum(error, 1e-3)))
    cost = np.abs(np.exp(FORM.log_value(starts, x)) - error).mean(axis=1)
    found = minimise_huber(FORM, starts[np.argsort(cost)[:6]], x, error, delta=0.03, space="linear", max_iter=60)
    best = found.theta[[np.argmin(found.objective)]]
    predicted = np.clip(np.exp(FORM.log_value(best, test - centre))[0], 0, 2 if lower_is_better else 1)
    return predicted if lower_is_better else 1 - predicted


def odds_law(train: Array, scores: Array, test: Array, lower_is_better: bool) -> Array:
    rows = np.concatenate([train, test])
    known = np.concatenate([scores, np.full(len(test), 0.5)])  # the test rows' scores are never looked at
    return PowerLawOffset.of(*rows.T, known, lower_is_better)(np.arange(len(train)))[len(train) :]


CONTENDERS: dict[str, FitPredict] = {
    "odds law": odds_law,
    "error law": error_law,
    "log-linear": lambda train, scores, test, _: log_linear_fit_predict(train, scores, test),
    "median": lambda train, scores, test, _: median_fit_predict(train, scores, test),
}


@pytest.mark.slow
def test_the_law_of_the_odds_wins() -> None:
    tables = tabulate({table.name: read_raw(table) for table in INPUTS}, "verified", list(PAPER.values()), 30)
    means: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for slug, benchmark in PAPER.items():
        rows = tables.scores[tables.scores["benchmark"] == slug].merge(tables.design, on="model_id")
        scale = np.log(rows[["total_params", "tokens_billions"]].to_numpy(dtype=float))
        scores = rows["score"].to_numpy(dtype=float)
        errors: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(scores.size)
            for fold in range(3):
                test = np.sort(order[fold::3])
                train = np.setdiff1d(order, test)
                for name, contender in CONTENDERS.items():
                    predicted = contender(scale[train], scores[train], scale[test], benchmark.lower_is_better)
                    errors[name].append(float(np.abs(predicted - scores[test]).mean()))
        for name, values in errors.items():
            means[name].append(float(np.mean(values)))
    overall = {name: float(np.mean(values)) for name, values in means.items()}
    print(overall)
    assert overall["odds law"] < overall["log-linear"] < overall["error law"] < overall["median"]
