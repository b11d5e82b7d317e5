"""The laws' equations and inverses, held against the papers' own numbers and against algebra done another way."""

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.laws.counting import inference_flops, params_of_shape, step_flops, tokens_for_flops, training_flops
from foretell.laws.joint import ChinchillaLaw, DataRequirement, KaplanLaw
from foretell.laws.published import (
    BESIROGLU,
    HOFFMANN,
    KAPLAN_COMPUTE,
    KAPLAN_CRITICAL_BATCH,
    KAPLAN_DATA,
    KAPLAN_JOINT,
    KAPLAN_PARAMS,
    KAPLAN_STEPS,
    KAPLAN_TOKENS,
)
from foretell.laws.steps import BatchTradeoff, flops_at_batch, min_flops, min_steps, steps_at_batch


def test_22_billion_tokens_are_enough_for_about_a_billion_parameters() -> None:
    assert KAPLAN_DATA.params_for_tokens(22e9) == pytest.approx(1e9, rel=0.1)


def test_eight_times_the_parameters_needs_about_five_times_the_data() -> None:
    by_rule = KAPLAN_DATA.predict(8e9) / KAPLAN_DATA.predict(1e9)
    by_law = KAPLAN_JOINT.tokens_for_overfitting(8e9, 0.02) / KAPLAN_JOINT.tokens_for_overfitting(1e9, 0.02)
    assert by_rule == pytest.approx(8**0.74)
    assert by_law == pytest.approx(8 ** (0.076 / 0.103))
    assert 4.5 < by_law < 5.5 and 4.5 < by_rule < 5.5


def test_the_data_requirement_follows_from_the_joint_law_at_two_percent() -> None:
    derived = DataRequirement.from_law(KAPLAN_JOINT, 0.02)
    assert derived.exponent == pytest.approx(0.74, abs=0.005)
    assert derived.k == pytest.approx(5e3, rel=0.2)


def test_the_largest_kaplan_model_has_the_loss_its_law_was_drawn_through() -> None:
    assert KAPLAN_PARAMS.predict(1.5e9) == pytest.approx((8.8e13 / 1.5e9) ** 0.076)
    assert KAPLAN_COMPUTE.predict(8.64e19) == pytest.approx(3.1e8**0.05)  # one PF-day


def test_hoffmann_as_printed_gives_chinchilla_about_its_published_loss() -> None:
    assert HOFFMANN.predict(70e9, 1.4e12) == pytest.approx(1.69 + 406.4 / 70e9**0.34 + 410.7 / 1.4e12**0.28)
    assert BESIROGLU.compute_optimal_tokens(5.76e23) / BESIROGLU.compute_optimal_params(5.76e23) == pytest.approx(
        20, rel=0.3
    )


@pytest.mark.parametrize("loss", [2.0, 3.3, 5.0])
def test_single_axis_inverses_are_exact(loss: float) -> None:
    assert KAPLAN_PARAMS.predict(KAPLAN_PARAMS.params_for_loss(loss)) == pytest.approx(loss, rel=1e-12)
    assert KAPLAN_TOKENS.predict(KAPLAN_TOKENS.tokens_for_loss(loss)) == pytest.approx(loss, rel=1e-12)
    assert KAPLAN_COMPUTE.predict(KAPLAN_COMPUTE.flops_for_loss(loss)) == pytest.approx(loss, rel=1e-12)
    assert KAPLAN_CRITICAL_BATCH.loss_for_batch(KAPLAN_CRITICAL_BATCH.predict(loss)) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("law", [KAPLAN_JOINT, BESIROGLU])
def test_joint_inverses_are_exact(law: KaplanLaw | ChinchillaLaw) -> None:
    loss = float(law.predict(3e9, 8e10))
    assert law.tokens_for_loss(3e9, loss) == pytest.approx(8e10, rel=1e-9)
    assert law.params_for_loss(8e10, loss) == pytest.approx(3e9, rel=1e-9)
    with pytest.raises(DataError, match="never reached"):
        law.tokens_for_loss(3e9, 0.5)


def test_joint_law_has_kaplans_limits_and_overfitting_its_inverse() -> None:
    assert KAPLAN_JOINT.predict(1e9, 1e16) == pytest.approx(float(KAPLAN_JOINT.params_law.predict(1e9)), rel=1e-3)
    assert KAPLAN_JOINT.predict(1e15, 1e12) == pytest.approx(float(KAPLAN_JOINT.tokens_law.predict(1e12)), rel=0.01)
    tokens = float(KAPLAN_JOINT.tokens_for_overfitting(2e9, 0.03))
    assert KAPLAN_JOINT.overfitting(2e9, tokens) == pytest.approx(0.03, rel=1e-12)
    ratio = float(KAPLAN_JOINT.predict(2e9, tokens) / KAPLAN_JOINT.params_law.predict(2e9))
    assert ratio - 1 == pytest.approx(0.03, rel=1e-9)


def test_steps_law_and_its_inverse() -> None:
    loss = float(KAPLAN_STEPS.predict(1e9, 2e4))
    assert loss == pytest.approx((6.5e13 / 1e9) ** 0.077 + (2.1e3 / 2e4) ** 0.76)
    assert KAPLAN_STEPS.steps_for_loss(1e9, loss) == pytest.approx(2e4, rel=1e-9)
    with pytest.raises(DataError, match="converged loss"):
        KAPLAN_STEPS.steps_for_loss(1e9, 1.0)


def test_batch_tradeoff_is_the_hyperbola_and_doubles_at_the_critical_batch() -> None:
    law = BatchTradeoff(s_min=2e4, e_min=4e10)
    batch = np.array([1e4, 2e6, 5e7])
    steps, tokens = law.predict(batch), law.tokens(batch)
    assert (steps / law.s_min - 1) * (tokens / law.e_min - 1) == pytest.approx(np.ones(3))
    assert tokens == pytest.approx(steps * batch)
    assert law.predict(law.critical_batch) == pytest.approx(2 * law.s_min)
    assert law.tokens(law.critical_batch) == pytest.approx(2 * law.e_min)
    assert law.batch_for_steps(steps) == pytest.approx(batch)
    with pytest.raises(DataError, match="S_min"):
        law.batch_for_steps(2e4)


def test_minimal_steps_and_flops_agree_with_the_tradeoff() -> None:
    law = BatchTradeoff(s_min=2e4, e_min=4e10)
    batch = 3e6
    assert min_steps(law.predict(batch), batch, law.critical_batch) == pytest.approx(law.s_min)
    used = training_flops(1e9, law.tokens(batch))
    assert min_flops(used, batch, law.critical_batch) == pytest.approx(6 * 1e9 * law.e_min)
    assert flops_at_batch(min_flops(used, batch, 2e6), batch, 2e6) == pytest.approx(used)
    assert steps_at_batch(min_steps(5e4, batch, 2e6), batch, 2e6) == pytest.approx(5e4)


def test_counting() -> None:
    assert params_of_shape(96, 12288) == pytest.approx(174e9, rel=0.01)  # GPT-3's 175B without embeddings
    assert step_flops(512, 1024, 36, 1280) == 72 * 512 * 1024 * 36 * 1280**2
    assert step_flops(512, 1024, 36, 1280) * 100 == training_flops(params_of_shape(36, 1280), 512 * 1024 * 100)
    assert tokens_for_flops(training_flops(7e9, 2e12), 7e9) == pytest.approx(2e12)
    assert inference_flops(7e9, 1e9) == 2 * 7e18
    with pytest.raises(DataError, match="whole numbers"):
        params_of_shape(12.5, 768)


@pytest.mark.parametrize("law", [BESIROGLU, KAPLAN_JOINT])
def test_predict_keeps_shapes_and_broadcasts(law: KaplanLaw | ChinchillaLaw) -> None:
    grid = law.predict(np.array([[1e8], [1e9]]), np.array([1e9, 1e10, 1e11]))
    assert grid.shape == (2, 3)
    assert grid[1, 2] == pytest.approx(float(law.predict(1e9, 1e11)))
    assert (np.diff(grid, axis=0) < 0).all() and (np.diff(grid, axis=1) < 0).all()


@pytest.mark.parametrize("constants", [(0.0, 1, 1, 1, 1), (1, -1, 1, 1, 1), (1, 1, 1, float("nan"), 1)])
def test_a_law_refuses_impossible_constants(constants: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="positive finite"):
        ChinchillaLaw(*constants)
