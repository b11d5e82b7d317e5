import numpy as np
import pytest
from scipy import stats

from foretell.errors import DataError
from foretell.trajectories.steering import choice_split, steering_noise


def test_noiseless_models_are_ordered_rightly() -> None:
    found = steering_noise(np.tile([[0.3], [0.5], [0.6]], 5), n_last=5)
    assert found.signal == pytest.approx(0.3)
    assert found.noise == 0.0
    assert found.pair_agreement == 1.0
    assert not found.too_noisy


def test_agreement_by_hand() -> None:
    """Two models 0.1 apart that flip by 2 d each checkpoint: second differences 4 d, noise sqrt(16 d^2 / 6)."""
    flip = 0.03 * np.array([1, -1, 1, -1])
    found = steering_noise(np.stack([0.4 + flip, 0.5 + flip]), n_last=4)
    noise = 4 * 0.03 / np.sqrt(6)
    assert found.noise == pytest.approx(noise)
    assert found.pair_agreement == pytest.approx(stats.norm.cdf(0.1 / (noise * np.sqrt(2))))
    assert found.too_noisy == (found.pair_agreement < 0.9)


def test_order_of_models_does_not_matter() -> None:
    scores = np.random.default_rng(0).uniform(size=(6, 8))
    assert vars(steering_noise(scores)) == pytest.approx(vars(steering_noise(scores[::-1])))


def test_equal_models_are_a_coin_toss() -> None:
    assert steering_noise(np.full((3, 5), 0.5)).pair_agreement == 0.5


def test_choice_split_adds_up() -> None:
    """Right option stands still while wrong ones rise: accuracy rises, and all of the gain is from the wrong side."""
    right = np.full((3, 2), 2.0)
    wrong = np.stack([np.full((2, 3), level) for level in (1.5, 2.5, 3.0)])
    found = choice_split(right, wrong)
    assert found.accuracy.tolist() == [0.0, 1.0, 1.0]
    assert found.gain_from_right_nats == 0.0
    assert found.gain_from_wrong_nats == pytest.approx(1.5)
    assert found.gain_gap_nats == pytest.approx(found.gain_from_right_nats + found.gain_from_wrong_nats)
    assert np.isnan(found.r2_right)
    assert found.r2_gap == pytest.approx(found.r2_wrong)


def test_choice_split_of_random_losses_keeps_its_identity() -> None:
    rng = np.random.default_rng(0)
    found = choice_split(rng.uniform(1, 4, (6, 40)), rng.uniform(1, 4, (6, 40, 3)))
    assert found.gain_gap_nats == pytest.approx(found.gain_from_right_nats + found.gain_from_wrong_nats)
    assert ((found.accuracy >= 0) & (found.accuracy <= 1)).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 models"):
        steering_noise(np.ones((1, 5)))
    with pytest.raises(DataError, match="n_last"):
        steering_noise(np.ones((3, 5)), n_last=2)
    with pytest.raises(DataError, match="wrong_nats"):
        choice_split(np.ones((3, 2)), np.ones((3, 1, 3)))
    with pytest.raises(DataError, match="right_nats"):
        choice_split(-np.ones((3, 2)), np.ones((3, 2, 3)))
