import numpy as np
import pytest

from foretell.errors import DataError
from foretell.trajectories.learning import (
    checkpoint_noise,
    code_length,
    composed_accuracy,
    composition_test,
    first_crossing,
    fit_log_power,
    jump_or_line,
    learning_speed,
    tokens_to_loss,
)

TOKENS = np.geomspace(1e6, 1e11, 51)


def logistic(tokens: np.ndarray, middle: float = 1e9, chance: float = 0.25, final: float = 0.75) -> np.ndarray:
    return chance + (final - chance) / (1 + np.exp(-6 * np.log10(tokens / middle)))


def test_crossing_is_linear_in_log_tokens() -> None:
    assert first_crossing([1e6, 1e8], [0.2, 0.6], 0.4) == pytest.approx(1e7)
    assert np.isnan(first_crossing([1e6, 1e8], [0.2, 0.3], 0.4))
    assert first_crossing([1e6, 1e8], [0.5, 0.6], 0.4) == pytest.approx(1e6)


def test_half_way_of_a_logistic_is_its_middle() -> None:
    found = learning_speed(TOKENS, logistic(TOKENS), 0.25, np.full(51, 1e-9))
    assert found.tokens.estimate == pytest.approx(1e9, rel=0.01)
    assert found.final == pytest.approx(0.75, abs=1e-4)
    # Half of the way lies between the quarters, log10(9) / 6 decades apart for this logistic.
    assert found.slope_per_decade.estimate == pytest.approx(0.25 / (2 * np.log10(np.e) * np.log(3) / 6 * np.log(10)),
                                                            rel=0.05)  # fmt: skip
    assert found.reason == ""


def test_a_skill_that_is_not_learned_has_a_reason() -> None:
    found = learning_speed(TOKENS, np.full(51, 0.26), 0.25, np.full(51, 0.02))
    assert np.isnan(found.tokens.estimate)
    assert "not acquired" in found.reason


def test_a_skill_learned_before_the_first_checkpoint_has_a_reason() -> None:
    late = TOKENS[TOKENS > 1e10]
    found = learning_speed(late, logistic(late), 0.25, np.full(len(late), 0.001))
    assert np.isnan(found.tokens.estimate)
    assert "before" in found.reason


def test_units_of_tokens_only_scale_the_answer() -> None:
    one = learning_speed(TOKENS, logistic(TOKENS), 0.25, np.full(51, 0.01))
    other = learning_speed(TOKENS / 1e6, logistic(TOKENS), 0.25, np.full(51, 0.01))
    assert other.tokens.estimate == pytest.approx(one.tokens.estimate / 1e6)
    assert other.tokens.high == pytest.approx(one.tokens.high / 1e6)
    assert other.slope_per_decade.estimate == pytest.approx(one.slope_per_decade.estimate)


def test_checkpoint_noise_ignores_a_trend() -> None:
    assert checkpoint_noise(3.0 - 0.1 * np.arange(20)) == pytest.approx(0.0, abs=1e-12)
    rng = np.random.default_rng(0)
    assert checkpoint_noise(np.arange(5000) + 0.3 * rng.standard_normal(5000)) == pytest.approx(0.3, rel=0.05)
    assert checkpoint_noise([0.0, 1.0, 0.0]) == pytest.approx(2 / np.sqrt(6))


def test_code_length_of_a_constant_loss() -> None:
    found = code_length([0, 50, 100], np.full(3, 2 * np.log(2)), raw_bits_per_token=8.0)
    assert found.code_bits == pytest.approx(200.0)
    assert found.raw_bits == 800.0
    assert found.compression_ratio == pytest.approx(4.0)
    assert found.final_bits_per_token == pytest.approx(2.0)


def test_code_length_of_a_falling_line_is_the_trapezoid() -> None:
    found = code_length([0, 100], [3.0, 1.0], raw_bits_per_token=16.0)
    assert found.code_bits == pytest.approx(200 / np.log(2))


def test_splitting_a_curve_splits_its_code() -> None:
    tokens, losses = np.linspace(0, 1e9, 11), np.linspace(5, 3, 11)
    whole, first, second = (code_length(tokens[s], losses[s], 16.0).code_bits for s in (slice(None), slice(0, 6),
                                                                                        slice(5, None)))  # fmt: skip
    assert whole == pytest.approx(first + second)


def test_tokens_to_loss() -> None:
    assert tokens_to_loss([1e6, 1e8], [4.0, 2.0], 3.0) == pytest.approx(1e7)
    assert np.isnan(tokens_to_loss([1e6, 1e8], [4.0, 2.0], 1.0))
    assert np.isnan(tokens_to_loss([1e6, 1e8], [4.0, 2.0], 5.0))


def test_power_law_gives_its_exponent_back() -> None:
    found = fit_log_power(TOKENS, 20 * TOKENS**-0.07)
    assert found.exponent == pytest.approx(-0.07)
    assert np.exp(found.intercept) == pytest.approx(20.0)
    assert found.r_squared == pytest.approx(1.0)


def test_composition_of_the_worked_numbers() -> None:
    np.testing.assert_allclose(composed_accuracy([0.95, 0.80], 5), [0.7738, 0.3277], atol=1e-4)


def test_a_five_step_task_gives_five_back_and_is_explained() -> None:
    p = np.linspace(0.5, 0.98, 20)
    found = composition_test(p, p**5, n_bootstrap=100)
    assert found.k.estimate == pytest.approx(5.0, abs=1e-3)
    assert found.explained
    assert found.r_squared == pytest.approx(1.0)


def test_a_true_jump_is_not_explained_by_a_power() -> None:
    p = np.linspace(0.5, 0.98, 20)
    assert not composition_test(p, np.where(p > 0.75, 0.9, 0.02), n_bootstrap=100).explained


def test_jump_or_line() -> None:
    x = np.arange(20.0)
    curves = np.stack([0.1 * x, np.where(x < 8, 3.0, 1.0)], axis=1)
    found = jump_or_line(x, curves + 0.01 * np.random.default_rng(0).standard_normal(curves.shape))
    assert (found.bic_jump < found.bic_line).tolist() == [False, True]
    assert found.share_jump == 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: learning_speed([1, 2, 3], [0.1, 0.2, 0.3], 0.25), "tokens"),
        (lambda: learning_speed(TOKENS, logistic(TOKENS) * 100, 0.25), "accuracy"),  # percent
        (lambda: learning_speed(TOKENS, logistic(TOKENS), 1.0), "chance"),
        (lambda: learning_speed(TOKENS, logistic(TOKENS), 0.25, n_final=40), "n_final"),
        (lambda: code_length([0, 1], [1.0, -1.0], 16.0), "losses_nats"),
        (lambda: code_length([0, 1], [1.0, 1.0], 0.0), "raw_bits_per_token"),
        (lambda: composition_test([0.5] * 6, [0.1] * 6), "vary"),
        (lambda: checkpoint_noise([1.0, 2.0]), "at least 3"),
        (lambda: composed_accuracy([0.5], -1.0), "k"),
        (lambda: jump_or_line([1, 2, 3], np.ones((3, 1))), "at least 5"),
    ],
)
def test_bad_input_is_refused(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=words):
        call()


@pytest.mark.slow
def test_learning_speed_intervals_cover() -> None:
    """Accuracies with known item noise: the 95 % interval holds the true half-way point near its nominal rate."""
    rng = np.random.default_rng(0)
    tokens = np.geomspace(1e7, 1e11, 21)
    truth, stderr = logistic(tokens), np.full(21, 0.01)
    hits = 0
    for seed in range(300):
        seen = np.clip(truth + stderr * rng.standard_normal(21), 0, 1)
        hits += learning_speed(tokens, seen, 0.25, stderr, n_bootstrap=300, seed=seed).tokens.contains(1e9)
    assert 0.90 <= hits / 300 <= 0.99


@pytest.mark.slow
def test_composition_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    p = np.linspace(0.5, 0.98, 40)
    hits = 0
    for seed in range(100):
        seen = np.clip(p**4 + 0.02 * rng.standard_normal(40), 0, 1)
        hits += composition_test(p, seen, n_bootstrap=200, seed=seed).k.contains(4.0)
    assert 0.87 <= hits / 100 <= 1.0
