"""Every idea for the forecast answers, from what was known alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import FEATURES, simulated_task

from benchmarks.forecast_variants import IDEAS, Setting, fill_in, is_known
from models.forecast.members import Inputs
from models.protocol import Protocol
from models.schemes import Scheme

TASK = simulated_task(0, n=90)
FOLDS = {scheme: scheme.splits(TASK, 1, Protocol())[0].outer[-1] for scheme in Scheme}


def setting(scheme: Scheme, scores: np.ndarray) -> Setting:
    """The last fold of a scheme; a second benchmark is measured on two models of three."""
    inputs = Inputs(replace(TASK, scores=scores), FEATURES)
    other = np.where(np.arange(90) % 3 > 0, inputs.log_odds * 0.5, np.nan)
    every = pd.DataFrame({"mmlu_5shot": inputs.log_odds, "other": other}, index=pd.Index(TASK.model_ids))
    return Setting(inputs, scheme, FOLDS[scheme], every, TASK.design)


@pytest.mark.parametrize("idea", IDEAS.values(), ids=list(IDEAS))
def test_an_idea_answers_without_the_test_models_scores(idea: Callable[[Setting], np.ndarray]) -> None:
    answers = idea(setting(Scheme.TIME, TASK.scores))
    assert np.isfinite(answers).all()
    changed = TASK.scores.copy()
    unseen = np.setdiff1d(np.arange(90), FOLDS[Scheme.TIME].train)
    changed[unseen] = changed[unseen][::-1]
    np.testing.assert_array_equal(idea(setting(Scheme.TIME, changed)), answers)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_what_is_known_leaves_the_test_models_out(scheme: Scheme) -> None:
    known = np.flatnonzero(is_known(setting(scheme, TASK.scores)))
    assert set(FOLDS[scheme].train) <= set(known)
    assert not set(FOLDS[scheme].test) & set(known)


def test_what_was_measured_stays_and_the_rest_is_filled_in() -> None:
    rng = np.random.default_rng(0)
    skill = rng.normal(size=(60, 1))
    table = skill @ np.ones((1, 4)) + 0.01 * rng.normal(size=(60, 4))
    gaps = np.where(rng.uniform(size=table.shape) < 0.3, np.nan, table)
    filled = fill_in(gaps)
    known = ~np.isnan(gaps)
    np.testing.assert_allclose(filled[known], table[known])
    some = known.sum(axis=1) >= 2
    assert np.abs(filled - table)[some][~known[some]].mean() < 0.35 * table.std()
