import numpy as np
import pytest

from foretell.errors import DataError
from foretell.trajectories.perplexity import (
    design_predictors,
    error_difference,
    item_distance,
    leave_one_size_out,
    matched_gap,
)

SIZES = np.repeat([1e8, 1e9, 1e10, 1e11], 20)
TOKENS = np.tile(np.geomspace(1e9, 3e11, 20), 4)
PERPLEXITY = 1.0 + 300.0 * (SIZES * TOKENS) ** -0.05 * np.repeat([1.0, 1.3, 0.9, 1.1], 20)


def test_the_predictor_that_made_the_scores_predicts_unseen_sizes_exactly() -> None:
    scores = 0.9 - 0.1 * np.log(PERPLEXITY)
    found = leave_one_size_out(scores, design_predictors(PERPLEXITY, SIZES, TOKENS), SIZES)
    assert found["log_perplexity"].mae < 1e-12
    assert found["log_perplexity"].r_squared == pytest.approx(1.0)
    assert found["log_params"].mae > 0.01


def test_held_out_prediction_by_hand() -> None:
    """Sizes a, b, c with one point each: leaving c out, the line through (0, 0) and (1, 2) says 4 at x = 2."""
    found = leave_one_size_out([0.0, 2.0, 5.0], {"x": [0.0, 1.0, 2.0]}, ["a", "b", "c"])["x"]
    np.testing.assert_allclose(found.predictions, [-1.0, 2.5, 4.0], atol=1e-12)
    assert found.mae == pytest.approx((1.0 + 0.5 + 1.0) / 3)


def test_row_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    scores = 0.9 - 0.1 * np.log(PERPLEXITY) + 0.01 * rng.standard_normal(80)
    order = rng.permutation(80)
    one = leave_one_size_out(scores, {"x": np.log(PERPLEXITY)}, SIZES)["x"]
    two = leave_one_size_out(scores[order], {"x": np.log(PERPLEXITY)[order]}, SIZES[order])["x"]
    assert one.mae == pytest.approx(two.mae)
    np.testing.assert_allclose(one.predictions[order], two.predictions)


def test_equal_compute_column_is_six_n_d() -> None:
    inputs = design_predictors([20.0], [1e9], [2e10])
    assert inputs["log_flops"][0, 0] == pytest.approx(np.log(1.2e20))


def test_error_difference_of_equal_errors_is_zero() -> None:
    found = error_difference([0.1, -0.2, 0.3], [-0.1, 0.2, 0.3], ["a", "b", "c"])
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_constant_gap_is_found_and_its_interval_closes_on_it() -> None:
    x = np.linspace(2, 4, 12)
    found = matched_gap(x, 0.9 - 0.1 * x, x + 0.5, 0.95 - 0.1 * (x + 0.5))
    assert found.gap.estimate == pytest.approx(0.05)
    assert (found.gap.low, found.gap.high) == pytest.approx((0.05, 0.05))
    assert (found.x_low, found.x_high) == (2.5, 4.0)


def test_swapping_the_models_turns_the_sign() -> None:
    rng = np.random.default_rng(0)
    xa, xb = np.linspace(2, 4, 15), np.linspace(2.3, 4.5, 11)
    ya, yb = 0.8 - 0.1 * xa + 0.01 * rng.standard_normal(15), 0.8 - 0.1 * xb + 0.01 * rng.standard_normal(11)
    there, back = matched_gap(xa, ya, xb, yb), matched_gap(xb, yb, xa, ya)
    assert there.gap.estimate == pytest.approx(-back.gap.estimate)


def test_too_little_in_common_is_a_reason_not_a_number() -> None:
    apart = matched_gap([1.0, 2.0, 3.0, 4.0], [0.1] * 4, [5.0, 6.0, 7.0, 8.0], [0.1] * 4)
    assert np.isnan(apart.gap.estimate)
    assert "no common range" in apart.reason
    few = matched_gap([1.0, 2.0, 3.0, 4.0], [0.1] * 4, [3.5, 6.0, 7.0, 8.0], [0.1] * 4)
    assert np.isnan(few.gap.estimate)
    assert "at least 4 of each" in few.reason


def test_item_distance_finds_the_matching_checkpoint() -> None:
    rng = np.random.default_rng(0)
    items = rng.uniform(2, 5, 50)
    small = np.stack([items + shift for shift in (0.5, 0.2, 0.1)])
    large = np.stack([items + shift for shift in (0.3, 0.1, -0.4)])
    found = item_distance([10, 20, 30], small, large)
    assert found.step_large == 20
    assert found.matched_loss == pytest.approx(0.0, abs=1e-12)
    assert found.matched_step == pytest.approx(0.5)
    assert found.own_noise == pytest.approx(0.1)


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="params"):
        design_predictors([20.0], [6.7], [3e11])  # billions where counts are expected
    with pytest.raises(DataError, match="perplexity"):
        design_predictors([0.5], [1e9], [1e9])
    with pytest.raises(DataError, match="at least 3"):
        leave_one_size_out([1.0, 2.0], {"x": [1.0, 2.0]}, ["a", "b"])
    with pytest.raises(DataError, match="does not vary"):
        leave_one_size_out([1.0, 2.0, 3.0], {"x": [1.0, 1.0, 1.0]}, ["a", "b", "c"])
    with pytest.raises(DataError, match="labels"):
        error_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["a"])


@pytest.mark.slow
def test_matched_gap_intervals_cover() -> None:
    """Two models on one line with noise: the 95 % interval holds the true gap 0 near its nominal rate."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(400):
        xa, xb = rng.uniform(2, 4, 40), rng.uniform(2, 4, 40)
        ya, yb = (0.9 - 0.1 * x + 0.02 * rng.standard_normal(40) for x in (xa, xb))
        hits += matched_gap(xa, ya, xb, yb, n_bootstrap=400, seed=seed).gap.contains(0.0)
    assert 0.91 <= hits / 400 <= 0.98
