import numpy as np
import pytest

from foretell.errors import ConfigError, DataError
from foretell.mixtures.predict import (
    ExponentialMixing,
    LinearMixing,
    checked_mixtures,
    fit_exponential,
    fit_linear,
    fit_predictor,
    fit_trees,
    rank_predictors,
    transfer_check,
)

FLOOR = np.array([1.5, 2.0])
RATES = np.array([[-2.0, 0.5, 1.0], [0.3, -3.0, 0.8]])


def draw(n: int, n_domains: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_domains), n)


def test_rounded_weights_are_rescaled_and_percent_is_refused() -> None:
    np.testing.assert_allclose(checked_mixtures([[0.501, 0.501]]), [[0.5, 0.5]])
    with pytest.raises(DataError, match="row 1 sums to 100"):
        checked_mixtures([[0.5, 0.5], [40.0, 60.0]])
    with pytest.raises(DataError, match="weights"):
        checked_mixtures([[1.5, -0.5]])


def test_linear_gives_its_coefficients_back() -> None:
    truth = np.array([[5.0, 4.0, 6.0]])
    w = draw(20)
    found = fit_linear(w, w @ truth.T)
    np.testing.assert_allclose(found.coefficients, truth)
    np.testing.assert_allclose(found.predict(np.eye(3)), truth.T)


def test_the_exponential_law_gives_its_constants_back() -> None:
    w = draw(80)
    found = fit_exponential(w, ExponentialMixing(FLOOR, RATES).predict(w))
    np.testing.assert_allclose(found.floor_nats, FLOOR, atol=1e-3)
    np.testing.assert_allclose(found.rates, RATES, atol=5e-3)


def test_gradients_are_finite_differences() -> None:
    law, w = ExponentialMixing(FLOOR, RATES), np.array([0.2, 0.3, 0.5])
    step = 1e-6
    for j in range(3):
        high, low = w + step * np.eye(3)[j], w - step * np.eye(3)[j]
        difference = (np.exp(RATES @ high) - np.exp(RATES @ low)) / (2 * step)
        np.testing.assert_allclose(law.gradient(w)[:, j], difference, rtol=1e-6)


def test_permuting_domains_permutes_the_fit() -> None:
    w = draw(60)
    y = ExponentialMixing(FLOOR, RATES).predict(w) + 0.01 * np.random.default_rng(1).standard_normal((60, 2))
    order = np.array([2, 0, 1])
    one, other = fit_exponential(w, y), fit_exponential(w[:, order], y)
    np.testing.assert_allclose(one.rates[:, order], other.rates, atol=1e-4)
    np.testing.assert_allclose(one.predict(w), other.predict(w[:, order]), atol=1e-6)


def test_trees_are_the_same_twice_and_follow_the_data() -> None:
    w = draw(200)
    y = ExponentialMixing(FLOOR, RATES).predict(w)
    one, two = fit_trees(w, y), fit_trees(w, y)
    held = draw(50, seed=9)
    assert (one.predict(held) == two.predict(held)).all()
    assert np.corrcoef(one.predict(held)[:, 0], ExponentialMixing(FLOOR, RATES).predict(held)[:, 0])[0, 1] > 0.97


def test_ranking_puts_the_law_that_made_the_data_first() -> None:
    w, held = draw(100), draw(60, seed=3)
    law = ExponentialMixing(FLOOR, RATES)
    fitted = {name: fit_predictor(name, w, law.predict(w)) for name in ("linear", "exponential")}
    rows = rank_predictors(fitted, held, law.predict(held), ["a", "b"], n_bootstrap=100)
    assert [r.predictor for r in rows] == ["exponential"] * 3 + ["linear"] * 3
    assert rows[2].loss == "mean"
    assert rows[0].spearman.estimate == pytest.approx(1.0)
    assert rows[3].spearman.low <= rows[3].spearman.estimate <= rows[3].spearman.high
    assert rows[3].rmse_nats >= rows[3].mae_nats > rows[0].mae_nats


def test_a_shuffled_target_cannot_be_ranked() -> None:
    w, held = draw(300), draw(300, seed=3)
    law = ExponentialMixing(FLOOR, RATES)
    shuffled = np.random.default_rng(0).permutation(law.predict(w))
    found = rank_predictors([fit_linear(w, shuffled)], held, law.predict(held), ["a", "b"], n_bootstrap=100)
    exact = rank_predictors([fit_linear(w, law.predict(w))], held, law.predict(held), ["a", "b"], n_bootstrap=100)
    assert exact[0].mae_nats < 0.5 * found[0].mae_nats


def test_constant_predictions_have_no_rank() -> None:
    flat = LinearMixing(np.ones((1, 3)))
    row = rank_predictors([flat], draw(20), np.random.default_rng(0).uniform(1, 2, (20, 1)), ["a"], n_bootstrap=100)[0]
    assert np.isnan(row.spearman.estimate) or abs(row.spearman.estimate) < 1
    assert np.isnan(rank_predictors([flat], draw(20), np.ones((20, 1)), ["a"], n_bootstrap=100)[0].pearson)


def test_one_scale_is_not_testable_and_two_are() -> None:
    alone = transfer_check({1e6: {1: 3.0, 2: 2.0}})[0]
    assert np.isnan(alone.spearman)
    words = "seen at 1,000,000 parameters only; whether it holds at another scale is not testable here"
    assert alone.statement == words
    pair = transfer_check({1e9: {"a": 2.0, "b": 1.9, "c": 1.8}, 1e6: {"a": 5.0, "b": 4.0, "c": 3.0, "d": 1.0}})[0]
    assert (pair.params_from, pair.params_to, pair.n_mixtures, pair.spearman) == (1e6, 1e9, 3, pytest.approx(1.0))
    assert "nothing is known beyond 1e+09" in pair.statement


def test_bad_input_is_refused() -> None:
    w = draw(10)
    with pytest.raises(DataError, match="losses_nats"):
        fit_linear(w, np.full((10, 1), np.nan))
    with pytest.raises(DataError, match="at least as many"):
        fit_linear(w[:2], np.ones((2, 1)))
    with pytest.raises(DataError, match="above 0"):
        fit_exponential(w, np.zeros((10, 1)))
    with pytest.raises(ConfigError, match="does not exist"):
        fit_predictor("oracle", w, np.ones((10, 1)))
    with pytest.raises(DataError, match="no scales"):
        transfer_check({})


@pytest.mark.slow
def test_held_out_rank_intervals_cover() -> None:
    """The interval of a rank correlation over test mixtures holds the one of a very large test set near its rate."""
    rng = np.random.default_rng(0)
    law, plain = ExponentialMixing(FLOOR, RATES), LinearMixing(np.array([[1.0, 2.0, 2.5], [2.0, 1.0, 2.5]]))
    noise = 0.1

    def rank(n: int) -> object:
        w = rng.dirichlet(np.ones(3), n)
        y = law.predict(w) + noise * rng.standard_normal((n, 2))
        return rank_predictors([plain], w, y, ["a", "b"], n_bootstrap=300, seed=1)[0].spearman

    truth = rank(20_000).estimate  # type: ignore[attr-defined]
    hits = sum(rank(150).contains(truth) for _ in range(200))  # type: ignore[attr-defined]
    assert 0.89 <= hits / 200 <= 0.99
