import numpy as np
import pytest
from scipy import stats

from foretell.errors import DataError
from foretell.trajectories.trends import (
    classify_trends,
    classify_window,
    set_overlap,
    shares_by_stage,
    window,
)

STEPS = np.arange(1, 35) * 1000.0


def lines(slopes: list[float], noise: float, seed: int = 0, repeats: int = 1) -> np.ndarray:
    x = np.log(STEPS) - np.log(STEPS).mean()
    means = 3.0 + np.repeat(slopes, repeats) * x[:, None]
    return means + noise * np.random.default_rng(seed).standard_normal(means.shape)


def test_exact_lines_are_classed_by_their_sign() -> None:
    found = classify_trends(STEPS, lines([0.0, 0.2, -0.2], 0.0))
    assert found.trend.tolist() == ["stagnated", "upward", "downward"]
    np.testing.assert_allclose(found.slope_nats_per_log_step, [0.0, 0.2, -0.2], atol=1e-12)
    assert found.shares() == pytest.approx({"stagnated": 1 / 3, "upward": 1 / 3, "downward": 1 / 3})


def test_slope_and_p_value_are_linregress() -> None:
    losses = lines([0.05, -0.1], 0.1)
    found = classify_trends(STEPS, losses, skip_fraction=0.1)
    used = 0.1 * STEPS[-1] < STEPS
    assert found.n_checkpoints == used.sum() == 31
    for i in range(2):
        oracle = stats.linregress(np.log(STEPS[used]), losses[used, i])
        assert found.slope_nats_per_log_step[i] == pytest.approx(oracle.slope)
        assert found.slope_stderr[i] == pytest.approx(oracle.stderr)
        assert found.p_value[i] == pytest.approx(oracle.pvalue)


def test_newey_west_is_the_textbook_sum() -> None:
    losses = lines([0.1], 0.2)[:, 0]
    found = classify_trends(STEPS, losses[:, None], skip_fraction=0.0, hac_lags=2)
    x = np.log(STEPS) - np.log(STEPS).mean()
    oracle = stats.linregress(np.log(STEPS), losses)
    residuals = losses - oracle.intercept - oracle.slope * np.log(STEPS)
    n, meat = len(x), 0.0
    for i in range(n):
        for j in range(n):
            if abs(i - j) <= 2:
                meat += (1 - abs(i - j) / 3) * x[i] * x[j] * residuals[i] * residuals[j]
    assert found.slope_stderr[0] == pytest.approx(np.sqrt(meat * n / (n - 2)) / (x @ x))


def test_permuting_items_permutes_the_classes_and_units_do_not_matter() -> None:
    losses = lines([0.0, 0.1, -0.1, 0.02], 0.05, repeats=5)
    order = np.random.default_rng(2).permutation(losses.shape[1])
    found, moved = classify_trends(STEPS, losses), classify_trends(STEPS, losses[:, order])
    assert (found.trend[order] == moved.trend).all()
    bits = classify_trends(7.0 * STEPS, losses / np.log(2))
    assert (bits.trend == found.trend).all()
    np.testing.assert_allclose(bits.p_value, found.p_value)


def test_window_leaves_its_start_out_and_keeps_its_end() -> None:
    assert window([10, 50, 100], 0.1, 0.5).tolist() == [False, True, False]
    assert classify_window(STEPS, lines([-0.1], 0.0), 0.5, 1.0).n_checkpoints == 17


def test_stage_control_is_the_power_of_the_slope_test() -> None:
    losses = lines([-0.15], 0.1, repeats=3000, seed=3)
    for stage in shares_by_stage(STEPS, losses, ((0.1, 0.5), (0.5, 1.0))):
        # Every item keeps one slope, so the control must say what the stage shows.
        assert stage.stagnated_if_slope_constant == pytest.approx(stage.stagnated, abs=0.03)
        assert stage.stagnated + stage.upward + stage.downward == pytest.approx(1.0)


def test_overlap_by_hand() -> None:
    found = set_overlap([1, 1, 0, 0], [1, 0, 1, 0])
    assert (found.n_small, found.n_large, found.n_both) == (2, 2, 1)
    assert found.jaccard == pytest.approx(1 / 3)
    # Of the 6 placements of two items, 1 shares none, 4 one (J = 1/3), 1 two (J = 1).
    assert found.jaccard_by_chance == pytest.approx(4 / 6 / 3 + 1 / 6)
    assert found.p_value == pytest.approx(5 / 6)


def test_overlap_of_an_empty_set_is_not_a_number() -> None:
    found = set_overlap([0, 0], [1, 0])
    assert found.n_small == 0
    assert np.isnan(found.jaccard)
    assert np.isnan(found.p_value)


def test_overlap_by_chance_agrees_with_shuffling() -> None:
    rng = np.random.default_rng(0)
    a, b = np.arange(60) < 25, rng.permutation(np.arange(60) < 20)
    shuffled = []
    for _ in range(4000):
        c = rng.permutation(b)
        shuffled.append((a & c).sum() / (a | c).sum())
    assert set_overlap(a, b).jaccard_by_chance == pytest.approx(np.mean(shuffled), abs=0.005)


@pytest.mark.parametrize(
    ("steps", "losses", "words"),
    [
        ([0, 1, 2, 3], np.ones((4, 2)), "steps"),
        ([1, 2, 2, 3], np.ones((4, 2)), "not strictly increasing"),
        ([1, 2, 3, 4], np.ones((3, 2)), "losses_nats: shape"),
        ([1, 2, 3, 4], np.full((4, 2), np.nan), "NaN"),
        ([1, 2, 3], np.ones((3, 2)), "needs at least 4"),
    ],
)
def test_bad_trajectories_are_refused(steps: list, losses: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        classify_trends(steps, losses)


def test_bad_settings_are_refused() -> None:
    losses = lines([0.1], 0.1)
    with pytest.raises(DataError, match="alpha"):
        classify_trends(STEPS, losses, alpha=1.0)
    with pytest.raises(DataError, match="window"):
        classify_window(STEPS, losses, 0.5, 0.4)
    with pytest.raises(DataError, match="stages"):
        shares_by_stage(STEPS, losses, ())
    with pytest.raises(DataError, match="does not exist"):
        classify_trends(STEPS, losses).is_trend("sideways")
    with pytest.raises(DataError, match="masks"):
        set_overlap([0.5, 1], [1, 0])


@pytest.mark.slow
def test_false_discoveries_stay_at_alpha() -> None:
    """Of 400 items 100 move; over 200 studies the share of false ones among those called moving is at most alpha."""
    wrong = []
    for seed in range(200):
        found = classify_trends(STEPS, lines([0.0, 0.0, 0.0, -0.2], 0.3, seed, repeats=100), alpha=0.1)
        called = found.trend != "stagnated"
        wrong.append(called[:300].sum() / max(called.sum(), 1))
    assert np.mean(wrong) == pytest.approx(0.075, abs=0.02)  # alpha times the share of true nulls
