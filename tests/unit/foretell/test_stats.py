"""Statistics against scipy, closed forms and cases worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from foretell.errors import DataError
from foretell.stats import (
    NO_INTERVAL,
    Interval,
    benjamini_hochberg,
    corrected_paired_t,
    distance,
    distances,
    mean_interval,
    pair_order_accuracy,
    paired_t,
    percentile_interval,
    r_squared,
    relative_improvement,
)

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(0.10, 0.01, 50)
CANDIDATE = REFERENCE - RNG.normal(0.004, 0.006, 50)


def test_mean_interval_by_hand() -> None:
    # values 1, 2, 3: mean 2, s = 1, half = t / sqrt(3); with 2 degrees of freedom t_q = (2q - 1) sqrt(2 / (4q (1 - q)))
    found = mean_interval([1.0, 2.0, 3.0])
    half = 0.95 * math.sqrt(2 / 0.0975) / math.sqrt(3)
    assert (found.estimate, found.low, found.high) == pytest.approx((2.0, 2 - half, 2 + half), rel=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_mean_interval_is_scipys(level: float) -> None:
    found = mean_interval(REFERENCE, level)
    low, high = stats.t.interval(level, 49, REFERENCE.mean(), stats.sem(REFERENCE))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_paired_t_is_scipys() -> None:
    found = paired_t(REFERENCE, CANDIDATE)
    expected = stats.ttest_rel(REFERENCE, CANDIDATE)
    assert (found.t, found.p, found.dof) == pytest.approx((expected.statistic, expected.pvalue, 49), rel=1e-12)
    assert found.difference == pytest.approx((REFERENCE - CANDIDATE).mean())


def test_corrected_paired_t_by_hand() -> None:
    # two seeds x two folds, d = 1, 2, 3, 6: mean 3, s^2 = (4 + 1 + 0 + 9) / 3 = 14/3, k = 4, n_test / n_train = 1/2
    # t = 3 / sqrt((1/4 + 1/2) x 14/3) = 3 / sqrt(3.5); the plain test has 3 / sqrt(14/12)
    reference, candidate = np.array([[2.0, 4.0], [6.0, 9.0]]), np.array([[1.0, 2.0], [3.0, 3.0]])
    found = corrected_paired_t(reference, candidate, n_train=60, n_test=30)
    assert found.t == pytest.approx(3 / math.sqrt(3.5), rel=1e-14)
    assert found.dof == 3
    assert found.p == pytest.approx(2 * stats.t.sf(3 / math.sqrt(3.5), 3), rel=1e-12)
    assert paired_t(reference.ravel(), candidate.ravel()).t == pytest.approx(3 / math.sqrt(14 / 12), rel=1e-14)


def test_more_seeds_do_not_make_the_corrected_test_certain() -> None:
    few, many = ([np.tile([[0.01, 0.03, 0.02]], (seeds, 1)) + 0.1, np.full((seeds, 3), 0.1)] for seeds in (5, 500))
    plain = [paired_t(a.ravel(), b.ravel()).t for a, b in (few, many)]
    corrected = [corrected_paired_t(a, b, 60, 30).t for a, b in (few, many)]
    assert plain[1] > 9 * plain[0]
    assert corrected[1] < 1.2 * corrected[0]


def test_equal_errors_are_no_difference() -> None:
    for found in (paired_t(REFERENCE, REFERENCE), corrected_paired_t(REFERENCE, REFERENCE, 60, 30)):
        assert (found.difference, found.t, found.p) == (0.0, 0.0, 1.0)


def test_a_constant_difference_is_certain() -> None:
    found = paired_t([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    assert (found.t, found.p) == (math.inf, 0.0)


def test_benjamini_hochberg_by_hand() -> None:
    # sorted p x m / rank: 0.01 x 5, 0.02 x 5/2, 0.03 x 5/3, 0.04 x 5/4, 0.2; then the running minimum from the right
    found = benjamini_hochberg([0.2, 0.01, 0.04, 0.02, 0.03])
    np.testing.assert_allclose(found, [0.2, 0.05, 0.05, 0.05, 0.05], rtol=1e-12)
    # Benjamini and Hochberg 1995, section 3.2: of the 15 p-values exactly the first four are rejected at 5 percent
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    published += [0.6528, 0.7590, 1.0000]
    adjusted = benjamini_hochberg(published)
    assert (adjusted <= 0.05).tolist() == [True] * 4 + [False] * 11
    assert adjusted[0] == pytest.approx(0.0015)


def test_relative_improvement_is_in_percent() -> None:
    assert relative_improvement([0.10, 0.10], [0.08, 0.07]) == pytest.approx(25.0)
    assert relative_improvement([0.10], [0.12]) == pytest.approx(-20.0)


def test_pair_order_accuracy_by_hand() -> None:
    # pairs: (1,2) right, (1,3) right, (2,3) wrong
    assert pair_order_accuracy([1, 2, 3], [1, 3, 2]) == pytest.approx(2 / 3)
    assert pair_order_accuracy([1, 2, 3], [5, 5, 5]) == 0.5
    assert pair_order_accuracy([1, 2, 3], [1, 2, 3]) == 1.0
    assert pair_order_accuracy([1, 2, 3], [3, 2, 1]) == 0.0
    # equal actual scores order nothing: only (1,2) and (1,2') count
    assert pair_order_accuracy([1, 2, 2], [1, 0, 3]) == 0.5


def test_pair_order_accuracy_is_somers_d() -> None:
    actual, predicted = np.round(RNG.random(40), 1), np.round(RNG.random(40), 1)
    expected = (stats.somersd(actual, predicted).statistic + 1) / 2
    assert pair_order_accuracy(actual, predicted) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("broken", [[0.1, math.nan], [0.1, math.inf], [0.1], []])
def test_values_that_are_not_finite_or_too_few_are_refused(broken: list[float]) -> None:
    with pytest.raises(DataError, match=r"at least 2|NaN or infinite|empty"):
        mean_interval(broken)
    with pytest.raises(DataError, match=r"at least 2|NaN or infinite|empty"):
        paired_t(broken, broken)
    with pytest.raises(DataError, match=r"at least 2|NaN or infinite|empty"):
        corrected_paired_t(broken, broken, 60, 30)
    with pytest.raises(DataError, match=r"at least 2|NaN or infinite|empty"):
        pair_order_accuracy(broken, broken)


def test_a_nan_p_value_does_not_pass_as_significant() -> None:
    with pytest.raises(DataError, match="p_values"):
        benjamini_hochberg([0.01, math.nan])


def test_no_pair_to_order_is_refused() -> None:
    with pytest.raises(DataError, match="no pair can be ordered"):
        pair_order_accuracy([1, 1], [1, 2])


def test_r_squared_by_hand() -> None:
    observed = np.array([1.0, 2.0, 3.0])
    assert r_squared(observed, observed) == 1
    assert r_squared(observed, np.full(3, 2.0)) == 0
    assert r_squared(observed, np.array([1.0, 2.0, 5.0])) == pytest.approx(1 - 4 / 2)
    assert np.isnan(r_squared(np.ones(3), observed))


def test_distances_by_hand() -> None:
    w = [0.4, 0.4, 0.2]
    assert distance("tv", w, [0.5, 0.3, 0.2]) == pytest.approx(0.1)
    assert distance("euclidean", w, [0.5, 0.3, 0.2]) == pytest.approx(np.sqrt(0.02))
    assert distance("kl", w, [0.5, 0.3, 0.2]) == pytest.approx(0.4 * np.log(0.8) + 0.4 * np.log(4 / 3))
    assert distance("kl", [0.5, 0.5], [1.0, 0.0]) == float("inf")


def test_distances_are_the_distance_of_each_row() -> None:
    rows, reference = RNG.dirichlet(np.ones(4), 20), np.array([0.4, 0.3, 0.2, 0.1])
    for kind in ("kl", "tv", "euclidean"):
        assert distances(kind, rows, reference).tolist() == [distance(kind, row, reference) for row in rows]
    assert distances("kl", rows, reference) == pytest.approx([stats.entropy(row, reference) for row in rows])


def test_an_optimisers_tiny_negative_weight_counts_as_none() -> None:
    assert distance("kl", [1.0, -1e-9], [0.5, 0.5]) == pytest.approx(math.log(2))


def test_percentile_interval_by_hand() -> None:
    draws = np.arange(101.0)
    assert percentile_interval(50.0, draws, 0.9) == Interval(50.0, pytest.approx(5.0), pytest.approx(95.0))
    assert percentile_interval(50.0, [*draws, math.nan], 0.9, skip_nan=True).high == pytest.approx(95.0)
    assert math.isnan(percentile_interval(50.0, [*draws, math.nan], 0.9).high)
    with pytest.raises(DataError, match="level"):
        percentile_interval(50.0, draws, 90)


def test_an_interval_contains_its_ends_and_an_unknown_one_nothing() -> None:
    assert Interval(0.5, 0.0, 1.0).contains(0.0) and Interval(0.5, 0.0, 1.0).contains(1.0)
    assert not Interval(0.5, 0.0, 1.0).contains(1.1)
    assert not NO_INTERVAL.contains(0.0)
