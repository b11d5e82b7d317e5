"""Optimal allocation: closed forms against a grid search, limits that must hold, and Kaplan's exponents."""

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.laws.allocation import (
    KaplanFrontier,
    allocation_intervals,
    compute_optimal,
    data_limited,
    effective_tokens,
    inference_aware,
    inference_aware_budget,
)
from foretell.laws.joint import ChinchillaLaw, JointLaw
from foretell.laws.published import (
    BESIROGLU,
    KAPLAN_CRITICAL_BATCH,
    KAPLAN_FRONTIER,
    KAPLAN_JOINT,
    KAPLAN_MEASURED_EXPONENTS,
    KAPLAN_STEPS,
)
from foretell.laws.steps import CriticalBatchLaw, StepsLaw

BUDGET = 5.76e23


@pytest.mark.parametrize("law", [BESIROGLU, KAPLAN_JOINT], ids=["chinchilla", "kaplan"])
@pytest.mark.parametrize("flops", [1e19, 1e22, 1e25])
def test_compute_optimal_is_the_minimum_over_a_grid(law: JointLaw, flops: float) -> None:
    best = compute_optimal(law, flops)
    params = best.params * np.geomspace(0.1, 10, 2001)
    losses = law.value(params, flops / (6 * params))
    assert losses.min() >= best.loss - 1e-12
    assert params[np.argmin(losses)] == pytest.approx(best.params, rel=2e-3)
    assert 6 * best.params * best.tokens == pytest.approx(flops)


def test_chinchilla_optimum_splits_the_gradient_equally() -> None:
    best = compute_optimal(BESIROGLU, BUDGET)
    size = BESIROGLU.alpha * BESIROGLU.a * best.params**-BESIROGLU.alpha
    data = BESIROGLU.beta * BESIROGLU.b * best.tokens**-BESIROGLU.beta
    assert size == pytest.approx(data, rel=1e-9)


def test_batch_and_steps_multiply_to_the_tokens() -> None:
    best = compute_optimal(BESIROGLU, BUDGET, KAPLAN_CRITICAL_BATCH)
    assert best.batch_tokens is not None and best.steps is not None
    assert best.batch_tokens == pytest.approx(float(KAPLAN_CRITICAL_BATCH.predict(best.loss)))
    assert best.batch_tokens * best.steps == pytest.approx(best.tokens)


def test_plentiful_data_change_nothing() -> None:
    free, limited = compute_optimal(BESIROGLU, BUDGET), data_limited(BESIROGLU, BUDGET, 1e14)
    assert (limited.params, limited.tokens, limited.loss) == (free.params, free.tokens, free.loss)


def test_one_epoch_of_scarce_data_buys_size_instead() -> None:
    limited = data_limited(BESIROGLU, BUDGET, 3e11, max_epochs=1)
    assert limited.tokens == pytest.approx(3e11, rel=1e-6)
    assert limited.params == pytest.approx(BUDGET / (6 * 3e11), rel=1e-6)


def test_repeats_help_and_never_as_much_as_new_data() -> None:
    free = compute_optimal(BESIROGLU, BUDGET).loss
    losses = [data_limited(BESIROGLU, BUDGET, 1.5e11, max_epochs=epochs).loss for epochs in (1, 2, 4, 8)]
    assert losses == sorted(losses, reverse=True)
    assert free < losses[-1]


def test_data_limited_is_the_minimum_over_a_grid() -> None:
    best = data_limited(BESIROGLU, BUDGET, 1e11, max_epochs=30)
    params = np.geomspace(BUDGET / (6 * 30 * 1e11), BUDGET / (6 * 1e11), 2001)
    losses = [float(BESIROGLU.predict(n, effective_tokens(BUDGET / (6 * n), 1e11))) for n in params]
    assert best.loss <= min(losses) + 1e-9
    assert 1 < best.epochs < 30


def test_effective_tokens() -> None:
    assert effective_tokens(1e11, 2e11) == 1e11
    assert effective_tokens(4e11, 1e11) == pytest.approx(4e11, rel=0.1)  # four epochs are nearly as good as new data
    assert effective_tokens(1e14, 1e11) == pytest.approx(1e11 * (1 + 15.387756), rel=1e-6)


def test_serving_makes_models_smaller_and_none_leaves_them_optimal() -> None:
    target = 2.2
    little = inference_aware(BESIROGLU, target, 1e6)
    much = inference_aware(BESIROGLU, target, 1e13)
    free = compute_optimal(BESIROGLU, little.flops)
    assert little.params == pytest.approx(free.params, rel=1e-3)
    assert free.loss == pytest.approx(target, rel=1e-6)
    assert much.params < little.params and much.tokens > little.tokens
    assert much.loss == pytest.approx(target, rel=1e-9)
    same_serving = little.flops + 2 * little.params * 1e13
    assert much.lifetime_flops < same_serving


@pytest.mark.parametrize("law", [BESIROGLU, KAPLAN_JOINT], ids=["chinchilla", "kaplan"])
def test_the_two_ways_to_count_serving_are_dual(law: ChinchillaLaw) -> None:
    by_loss = inference_aware(law, 2.2, 2e12)
    by_budget = inference_aware_budget(law, by_loss.lifetime_flops, 2e12)
    assert by_budget.loss == pytest.approx(2.2, rel=1e-6)
    assert by_budget.params == pytest.approx(by_loss.params, rel=1e-3)
    assert by_budget.lifetime_flops == pytest.approx(by_loss.lifetime_flops, rel=1e-9)


def test_kaplan_frontier_has_the_papers_exponents() -> None:
    assert KAPLAN_FRONTIER.alpha_c == pytest.approx(1 / (1 / 0.76 + 1 / 0.21 + 1 / 0.077))
    assert KAPLAN_FRONTIER.alpha_c == pytest.approx(0.054, abs=0.002)  # eq. 6.4 of the paper
    derived = KAPLAN_FRONTIER.exponents
    assert derived["params"] + derived["tokens"] == pytest.approx(1)
    for name, measured in KAPLAN_MEASURED_EXPONENTS.items():  # the paper measures them apart from the derivation
        assert derived[name] == pytest.approx(measured, abs=0.06)


def test_kaplan_frontier_is_the_minimum_and_a_power_of_compute() -> None:
    best = KAPLAN_FRONTIER.allocate(1e22)
    assert best.batch_tokens is not None and best.steps is not None
    assert best.flops == pytest.approx(1e22)
    assert best.flops == pytest.approx(6 * best.params * best.batch_tokens * best.steps)
    assert best.loss == pytest.approx(float(KAPLAN_STEPS.predict(best.params, best.steps)))
    params = best.params * np.geomspace(0.3, 3, 401)
    steps = KAPLAN_STEPS.steps_for_loss(params, best.loss)  # at the same loss every other size costs more
    assert (6 * params * best.batch_tokens * steps >= best.flops * (1 - 1e-9)).all()
    ten = KAPLAN_FRONTIER.allocate(1e23)
    assert ten.params / best.params == pytest.approx(10 ** KAPLAN_FRONTIER.exponents["params"])
    assert ten.loss / best.loss == pytest.approx(10**-KAPLAN_FRONTIER.alpha_c)


def test_kaplan_frontier_of_other_constants() -> None:
    frontier = KaplanFrontier(StepsLaw(0.1, 1e13, 0.8, 3e3), CriticalBatchLaw(1e8, 0.3))
    losses = [frontier.allocate(flops).loss for flops in (1e18, 1e20, 1e22)]
    assert np.diff(np.log(losses)) == pytest.approx(np.full(2, -2 * np.log(10) * frontier.alpha_c))


def test_allocation_intervals_hold_the_point() -> None:
    params, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 6), np.geomspace(1e10, 1e12, 6)))
    loss = BESIROGLU.predict(params, tokens) * np.exp(np.random.default_rng(0).normal(0, 0.01, params.size))
    fit = ChinchillaLaw.fit(params, tokens, loss, n_bootstrap=200)
    best = compute_optimal(fit.law, 1e22)
    spans = allocation_intervals(fit, lambda law: compute_optimal(law, 1e22), 0.9)
    for name, (estimate, low, high) in spans.items():
        assert low < estimate < high
        assert estimate == getattr(best, name)
    with pytest.raises(DataError, match="too few"):
        allocation_intervals(
            ChinchillaLaw.fit(params, tokens, loss, n_bootstrap=0), lambda law: compute_optimal(law, 1e22)
        )
