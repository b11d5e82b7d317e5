import numpy as np
import pytest

from foretell.errors import DataError
from foretell.trajectories.descent import double_descent, rise_then_fall
from foretell.trajectories.trends import classify_trends

STEPS = np.geomspace(1000, 81_000, 34)
X = np.log(STEPS)
USED = 0.1 * STEPS[-1] < STEPS
MIDDLE = X[USED].mean()


def noisy(curve: np.ndarray, n: int, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    return curve[:, None] + noise * np.random.default_rng(seed).standard_normal((len(curve), n))


def test_an_exact_parabola_rises_then_falls_and_its_top_is_found() -> None:
    hill, valley, line = 3 - 0.2 * (X - MIDDLE) ** 2, 3 + 0.2 * (X - MIDDLE) ** 2, 3 - 0.2 * X
    found = rise_then_fall(STEPS, np.stack([hill, valley, line], axis=1))
    assert found.rises_then_falls.tolist() == [True, False, False]
    assert found.step_of_top[0] == pytest.approx(np.exp(MIDDLE))
    assert np.isnan(found.step_of_top[1:]).all()
    assert found.slope_at_start[0] == pytest.approx(-0.4 * (X[USED][0] - MIDDLE))


def test_noise_around_a_line_is_not_called_a_hill() -> None:
    found = rise_then_fall(STEPS, noisy(3 - 0.1 * X, 500))
    assert found.rises_then_falls.sum() == 0


def test_a_noisy_hill_is_found() -> None:
    assert rise_then_fall(STEPS, noisy(3 - 0.2 * (X - MIDDLE) ** 2, 50)).rises_then_falls.all()


def test_double_descent_counts_the_small_models_upward_items() -> None:
    up, flat = noisy(3 + 0.3 * X, 20), noisy(np.full(len(X), 3.0), 80)
    hill, down = noisy(3 - 0.3 * (X - MIDDLE) ** 2, 20), noisy(5 - 0.3 * X, 80)
    small = classify_trends(STEPS, np.hstack([up, flat]), alpha=0.001)
    found = double_descent(small, rise_then_fall(STEPS, np.hstack([hill, down])))
    assert (found.n_upward, found.n_upward_rise_then_fall, found.n_other_rise_then_fall) == (20, 20, 0)
    assert found.share_upward == 1.0
    assert found.p_value < 1e-15


def test_no_upward_item_gives_no_share() -> None:
    small = classify_trends(STEPS, noisy(5 - 0.3 * X, 4))
    found = double_descent(small, rise_then_fall(STEPS, noisy(5 - 0.3 * X, 4)))
    assert found.n_upward == 0
    assert np.isnan(found.share_upward)


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="at least 5"):
        rise_then_fall([1, 2, 3], np.ones((3, 1)))
    with pytest.raises(DataError, match="same items"):
        double_descent(classify_trends(STEPS, noisy(X, 3)), rise_then_fall(STEPS, noisy(X, 2)))


@pytest.mark.slow
def test_flat_items_are_called_hills_at_most_at_the_nominal_rate() -> None:
    """One item a study, so no correction: the intersection test may reject at most alpha of flat curves."""
    flat = noisy(np.full(len(X), 3.0), 4000, seed=5)
    rejected = [rise_then_fall(STEPS, flat[:, i : i + 1], alpha=0.05).rises_then_falls[0] for i in range(4000)]
    assert np.mean(rejected) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
