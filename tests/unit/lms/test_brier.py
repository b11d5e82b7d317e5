"""The multi-class Brier score against hand-worked values and its bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.brier import brier_score, item_brier_score, option_probabilities

LOG_LIKELIHOODS = st.lists(st.floats(-200, 0), min_size=2, max_size=6)


def test_equal_options_give_the_closed_form() -> None:
    for n in (2, 3, 4, 5):
        # p = 1/n: (1 - 1/n)^2 + (n - 1)/n^2 = 1 - 1/n
        assert item_brier_score([-3.0] * n, 0) == pytest.approx(1 - 1 / n)


def test_hand_worked_item() -> None:
    # p = (0.7, 0.2, 0.1), right is the second: 0.49 + 0.64 + 0.01
    assert item_brier_score([math.log(0.7), math.log(0.2), math.log(0.1)], 1) == pytest.approx(1.14)


def test_mean_over_items_of_mixed_option_counts() -> None:
    mean, stderr = brier_score([([-1.0, -1.0], 0), ([-1.0] * 4, 3)])
    assert mean == pytest.approx((0.5 + 0.75) / 2)
    assert stderr == pytest.approx(np.std([0.5, 0.75], ddof=1) / math.sqrt(2))


def test_very_small_likelihoods_do_not_underflow() -> None:
    assert option_probabilities([-2000.0, -2001.0]).sum() == pytest.approx(1.0)
    assert item_brier_score([-2000.0, -math.inf], 0) == pytest.approx(0.0)
    assert item_brier_score([-2000.0, -math.inf], 1) == pytest.approx(2.0)


@given(LOG_LIKELIHOODS, st.floats(-50, 50))
def test_bounds_and_invariance_to_a_common_factor(values: list[float], shift: float) -> None:
    score = item_brier_score(values, 0)
    assert 0 <= score <= 2
    assert item_brier_score([value + shift for value in values], 0) == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("values", [[], [math.nan, -1.0], [-math.inf, -math.inf]])
def test_no_probabilities_is_an_error_not_a_number(values: list[float]) -> None:
    with pytest.raises(ValueError, match="log-likelihoods"):
        option_probabilities(values)


def test_one_item_has_no_standard_error_and_none_has_no_score() -> None:
    assert math.isnan(brier_score([([-1.0, -2.0], 0)])[1])
    with pytest.raises(ValueError, match="at least one item"):
        brier_score([])
    with pytest.raises(ValueError, match="right option 2"):
        item_brier_score([-1.0, -2.0], 2)
