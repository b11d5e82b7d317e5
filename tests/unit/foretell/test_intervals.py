"""CV+ intervals against a slow implementation of the definition, and their coverage by simulation."""

import math

import numpy as np
import pytest

from foretell.answering.intervals import bounded, coverage, cv_plus
from foretell.errors import DataError


def slow_cv_plus(
    predictions: np.ndarray, residuals: np.ndarray, fold: np.ndarray, level: float
) -> tuple[list[float], list[float]]:
    """Barber et al. 2021, equation (3.2), written out: order statistics of mu_{-k(i)}(x) -+ R_i."""
    n, low, high = len(residuals), [], []
    for query in range(predictions.shape[1]):
        below = sorted(predictions[fold[i], query] - residuals[i] for i in range(n))
        above = sorted(predictions[fold[i], query] + residuals[i] for i in range(n))
        # q^-: the floor(a (n + 1))-th smallest value; q^+: the ceil((1 - a)(n + 1))-th smallest
        first = math.floor(round((1 - level) * (n + 1), 9))
        last = math.ceil(round(level * (n + 1), 9))
        low.append(below[first - 1] if first >= 1 else -math.inf)
        high.append(above[last - 1] if last <= n else math.inf)
    return low, high


@pytest.mark.parametrize(("n", "n_folds", "level"), [(92, 10, 0.9), (20, 5, 0.8), (9, 3, 0.8), (30, 30, 0.95)])
def test_equals_the_definition(n: int, n_folds: int, level: float) -> None:
    rng = np.random.default_rng(n)
    predictions, residuals = rng.normal(size=(n_folds, 7)), np.abs(rng.normal(size=n))
    fold = rng.permutation(np.arange(n) % n_folds)
    low, high = cv_plus(predictions, residuals, fold, level)
    expected_low, expected_high = slow_cv_plus(predictions, residuals, fold, level)
    np.testing.assert_array_equal(low, expected_low)
    np.testing.assert_array_equal(high, expected_high)
    assert (low <= high).all()


def test_by_hand() -> None:
    # four rows, one fold, prediction 10, residuals 1..4, level 0.6: ranks floor(0.4 x 5) = 2 and ceil(0.6 x 5) = 3
    low, high = cv_plus(np.array([[10.0]]), np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4, dtype=np.intp), 0.6)
    assert (low[0], high[0]) == (7.0, 13.0)  # sorted: 6 7 8 9 and 11 12 13 14


def test_too_few_rows_for_the_level_give_an_infinite_interval() -> None:
    low, high = cv_plus(np.array([[10.0]]), np.ones(5), np.zeros(5, dtype=np.intp), 0.9)
    assert (low[0], high[0]) == (-math.inf, math.inf)


def test_a_higher_level_is_wider() -> None:
    rng = np.random.default_rng(1)
    predictions, residuals, fold = rng.normal(size=(5, 3)), np.abs(rng.normal(size=50)), np.arange(50) % 5
    widths = [np.subtract(*cv_plus(predictions, residuals, fold, level)[::-1]) for level in (0.5, 0.8, 0.9)]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_by_simulation(level: float) -> None:
    """A line fitted by least squares to 60 rows: the intervals cover new rows about as often as they say."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(150):
        x, test_x = rng.normal(size=(60, 2)), rng.normal(size=(40, 2))
        y, test_y = (rows @ [1.0, -2.0] + rng.standard_t(4, size=len(rows)) for rows in (x, test_x))
        fold = rng.permutation(np.arange(60) % 10)
        predictions, residuals = np.empty((10, 40)), np.empty(60)
        for part in range(10):
            out = fold == part
            coefficients = np.linalg.lstsq(x[~out], y[~out], rcond=None)[0]
            residuals[out] = np.abs(y[out] - x[out] @ coefficients)
            predictions[part] = test_x @ coefficients
        covered.append(coverage(test_y, *cv_plus(predictions, residuals, fold, level)))
    assert np.mean(covered) == pytest.approx(level, abs=0.02)


def test_coverage_counts_the_bounds() -> None:
    found = coverage(np.array([1.0, 2.0, 3.0, 3.1]), np.full(4, 1.0), np.full(4, 3.0))
    assert found == 0.75


@pytest.mark.parametrize("level", [0.0, 1.0, 90])
def test_a_level_outside_0_and_1_is_refused(level: float) -> None:
    with pytest.raises(DataError, match="is not between 0 and 1"):
        cv_plus(np.zeros((1, 1)), np.ones(5), np.zeros(5, dtype=np.intp), level)


def test_residuals_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="all of which must be finite"):
        cv_plus(np.zeros((1, 1)), np.array([1.0, np.nan]), np.zeros(2, dtype=np.intp), 0.9)
    with pytest.raises(DataError, match="3 residuals for 2 rows"):
        cv_plus(np.zeros((1, 1)), np.ones(3), np.zeros(2, dtype=np.intp), 0.9)


def test_a_score_stays_within_its_interval_and_what_is_possible() -> None:
    """HumanEval of a small model: a score below 0 whose interval begins at 0, and one that its interval misses."""
    scores, low, high = bounded(
        np.array([-0.009, 0.5, 1.2, 0.3]), np.array([-0.05, 0.55, 0.9, 0.1]), np.array([0.171, 0.7, 1.1, 0.6]), (0, 1)
    )
    np.testing.assert_array_equal(scores, [0, 0.5, 1, 0.3])
    np.testing.assert_array_equal(low, [0, 0.5, 0.9, 0.1])
    np.testing.assert_array_equal(high, [0.171, 0.7, 1, 0.6])
