import numpy as np
import pytest
from scipy import optimize

from foretell.errors import ConfigError, DataError
from foretell.mixtures.choose import (
    best_mixture,
    choice_spread,
    draw_allowed,
    importance_of,
    smallest_change,
)
from foretell.mixtures.constraints import limits, nearest_mixture, repetition_bounds
from foretell.mixtures.predict import ExponentialMixing, LinearMixing, fit_exponential, fit_trees
from foretell.stats import DISTANCES, distance

NATURAL = np.array([0.5, 0.3, 0.2])
COSTS = np.array([3.0, 2.0, 1.0])
LINEAR = LinearMixing(COSTS[None])
LAW = ExponentialMixing(np.array([1.5, 2.0]), np.array([[-2.0, 0.5, 1.0], [0.3, -3.0, 0.8]]))
ONE = np.array([1.0])
BOTH = np.array([0.5, 0.5])


def test_repetition_caps_the_share() -> None:
    np.testing.assert_allclose(repetition_bounds([10.0, 300.0], 400.0, 4.0), [0.1, 1.0])


def test_bounds_alone_are_filled_cheapest_first() -> None:
    found = best_mixture(LINEAR, ONE, limits(NATURAL, high=[1.0, 0.4, 0.3]))
    np.testing.assert_allclose(found.weights, [0.3, 0.4, 0.3], atol=1e-6)
    assert found.loss_nats == pytest.approx(0.3 * 3 + 0.4 * 2 + 0.3)
    assert found.reference_loss_nats == pytest.approx(2.3)


def test_a_kl_ball_is_left_by_exponential_tilting() -> None:
    """The minimum of c.w with KL(w | q) <= d is w proportional to q exp(-c / t), t such that the KL is d."""
    found = best_mixture(LINEAR, ONE, limits(NATURAL, kind="kl", max_distance=0.1))

    def tilted(t: float) -> np.ndarray:
        w = NATURAL * np.exp(-COSTS / t)
        return np.asarray(w / w.sum())

    t = optimize.brentq(lambda t: distance("kl", tilted(t), NATURAL) - 0.1, 0.1, 100)
    np.testing.assert_allclose(found.weights, tilted(t), atol=1e-5)


def test_a_tv_ball_moves_mass_from_dearest_to_cheapest() -> None:
    found = best_mixture(LINEAR, ONE, limits(NATURAL, kind="tv", max_distance=0.15))
    np.testing.assert_allclose(found.weights, [0.35, 0.3, 0.35], atol=1e-6)
    assert found.distance == pytest.approx(0.15)


def test_a_euclidean_ball_is_left_against_the_centred_gradient() -> None:
    found = best_mixture(LINEAR, ONE, limits(NATURAL, kind="euclidean", max_distance=0.05))
    downhill = -(COSTS - COSTS.mean())
    np.testing.assert_allclose(found.weights, NATURAL + 0.05 * downhill / np.linalg.norm(downhill), atol=1e-6)


@pytest.mark.parametrize("kind", DISTANCES)
def test_the_exponential_optimum_beats_every_allowed_draw(kind: str) -> None:
    allowed = limits(NATURAL, low=[0.05] * 3, kind=kind, max_distance=0.1)
    found = best_mixture(LAW, BOTH, allowed)
    drawn = draw_allowed(allowed, 3000, seed=0)
    assert allowed.allows(found.weights)
    assert all(allowed.allows(w) for w in drawn)
    assert found.loss_nats <= (LAW.predict(drawn) @ BOTH).min() + 1e-7


def test_permuting_domains_permutes_the_choice() -> None:
    order = np.array([2, 0, 1])
    moved = ExponentialMixing(LAW.floor_nats, LAW.rates[:, order])
    one = best_mixture(LAW, BOTH, limits(NATURAL, max_distance=0.1))
    other = best_mixture(moved, BOTH, limits(NATURAL[order], max_distance=0.1))
    np.testing.assert_allclose(one.weights[order], other.weights, atol=1e-5)


def test_trees_choose_an_allowed_mixture_that_they_like_better() -> None:
    w = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    trees = fit_trees(w, LAW.predict(w))
    allowed = limits(NATURAL, kind="tv", max_distance=0.2)
    found = best_mixture(trees, BOTH, allowed, n_candidates=2000, n_averaged=20)
    assert allowed.allows(found.weights)
    assert found.loss_nats < found.reference_loss_nats
    assert LAW.predict(found.weights[None])[0] @ BOTH < LAW.predict(NATURAL[None])[0] @ BOTH


def test_a_reference_outside_the_bounds_is_answered_by_the_nearest_mixture() -> None:
    allowed = limits(NATURAL, high=[0.4, 1.0, 1.0], kind="tv", max_distance=0.2)
    assert distance("tv", allowed.feasible, NATURAL) == pytest.approx(0.1, abs=1e-6)
    with pytest.raises(DataError, match=r"nearest mixture within the bounds is 0\.1 away"):
        limits(NATURAL, high=[0.4, 1.0, 1.0], kind="tv", max_distance=0.05)


def test_smallest_change_of_a_linear_law_is_along_its_centred_gradient() -> None:
    found = smallest_change(LINEAR, ONE, NATURAL, 0.1, limits(NATURAL), "euclidean")
    g = COSTS - COSTS.mean()
    np.testing.assert_allclose(found.weights, NATURAL - 0.1 * g / (g @ g), atol=1e-5)
    assert found.loss_before_nats - found.loss_after_nats == pytest.approx(0.1, abs=1e-6)
    assert found.largest_reduction_nats == pytest.approx(1.3)


def test_smallest_change_by_tv_swaps_the_dearest_for_the_cheapest() -> None:
    found = smallest_change(LINEAR, ONE, NATURAL, 0.1, limits(NATURAL), "tv")
    assert found.distance == pytest.approx(0.05, abs=1e-6)  # each unit moved saves 2 nats


@pytest.mark.parametrize("kind", DISTANCES)
def test_no_allowed_mixture_that_reaches_the_reduction_is_nearer(kind: str) -> None:
    allowed = limits(NATURAL)
    found = smallest_change(LAW, BOTH, NATURAL, 0.1, allowed, kind)
    drawn = draw_allowed(allowed, 5000, seed=1)
    reached = drawn[LAW.predict(drawn) @ BOTH <= found.loss_before_nats - 0.1]
    assert len(reached) > 50
    assert found.distance <= min(distance(kind, w, NATURAL) for w in reached) + 1e-6


def test_an_impossible_reduction_is_a_reason() -> None:
    found = smallest_change(LINEAR, ONE, NATURAL, 2.0, limits(NATURAL))
    assert np.isnan(found.distance)
    assert np.isnan(found.weights).all()
    assert found.reason == "no allowed mixture lowers the loss by 2 nats; the largest reduction is 1.3"


def test_nearest_mixture_projects_onto_the_bounds() -> None:
    allowed = limits(np.array([1 / 3, 1 / 3, 1 / 3]), high=[0.4, 1.0, 1.0], kind="euclidean")
    found = nearest_mixture(allowed, NATURAL, "euclidean")
    np.testing.assert_allclose(found, [0.4, 0.35, 0.25], atol=1e-6)


def test_spread_closes_on_the_choice_without_noise_and_opens_with_it() -> None:
    rng = np.random.default_rng(0)
    w = rng.dirichlet(np.ones(3), 60)
    allowed = limits(NATURAL, max_distance=0.1)
    wide = []
    for noise in (0.0, 0.05):
        y = LAW.predict(w) + noise * rng.standard_normal((60, 2))
        choice = best_mixture(fit_exponential(w, y), BOTH, allowed)
        spread = choice_spread("exponential", w, y, BOTH, allowed, choice, n_refits=8)
        wide.append(spread.gain_nats.high - spread.gain_nats.low)
        assert (spread.weights_low <= spread.weights_high).all()
    assert wide[0] < 1e-3 < wide[1]


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="reference"):
        limits([50.0, 30.0, 20.0])
    with pytest.raises(ConfigError, match="does not exist"):
        limits(NATURAL, kind="hellinger")
    with pytest.raises(DataError, match="bounds"):
        limits(NATURAL, high=[0.1, 0.1, 0.1])
    with pytest.raises(DataError, match="natural mix lacks"):
        limits([0.5, 0.5, 0.0], low=[0.0, 0.0, 0.1])
    with pytest.raises(DataError, match="importance"):
        best_mixture(LAW, [1.0, 1.0], limits(NATURAL))
    with pytest.raises(DataError, match="unknown"):
        importance_of(["a", "b"], ["c"])
    with pytest.raises(DataError, match="reduction_nats"):
        smallest_change(LINEAR, ONE, NATURAL, 0.0, limits(NATURAL))
    w = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    trees = fit_trees(w, LAW.predict(w))
    with pytest.raises(ConfigError, match="no gradient"):
        smallest_change(trees, BOTH, NATURAL, 0.1, limits(NATURAL))
    with pytest.raises(DataError, match="budget"):
        repetition_bounds([1.0], 0.0, 4.0)


@pytest.mark.slow
def test_gain_intervals_cover_the_true_gain() -> None:
    """Data from the law itself: over 60 noisy tables the 90 % interval of the chosen mixture's gain holds its true
    gain near the nominal rate (a choice flatters itself, hence the lower side)."""
    hits = 0
    allowed = limits(NATURAL, max_distance=0.1)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        w = rng.dirichlet(np.ones(3), 80)
        y = LAW.predict(w) + 0.05 * rng.standard_normal((80, 2))
        choice = best_mixture(fit_exponential(w, y), BOTH, allowed)
        spread = choice_spread("exponential", w, y, BOTH, allowed, choice, n_refits=30, seed=seed)
        true = LAW.predict(np.stack([NATURAL, choice.weights])) @ BOTH
        hits += spread.gain_nats.contains(true[0] - true[1])
    assert 0.78 <= hits / 60 <= 0.99
