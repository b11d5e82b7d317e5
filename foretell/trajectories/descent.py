"""Double descent over training (Nakkiran et al. 2020, Xia et al. 2023): items that get worse in a small model and, in
a larger one, first get worse and then better. A rise that is followed by a fall is claimed only where both ends of
the curve are tested, since any noisy curve has a highest point somewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from foretell.arrays import Bools, Floats, finite, fraction, increasing
from foretell.errors import DataError
from foretell.stats import benjamini_hochberg
from foretell.trajectories.trends import PERFECT_FIT, UPWARD, Trends, window


@dataclass(frozen=True)
class RiseAndFall:
    """Of each item (n_items,): slopes of the fitted parabola at both ends (nats per log step), the step of its top
    (NaN without one inside the window), the test's p- and q-values, and whether it `rises_then_falls`."""

    slope_at_start: Floats
    slope_at_end: Floats
    step_of_top: Floats
    p_value: Floats
    q_value: Floats
    rises_then_falls: Bools


def rise_then_fall(
    steps: ArrayLike, losses_nats: ArrayLike, skip_fraction: float = 0.1, alpha: float = 0.05
) -> RiseAndFall:
    """Test of an inverted U: loss = a + b x + c x^2 in x = log(step) after the first `skip_fraction` of training.

    `steps` (n_checkpoints,), `losses_nats` (n_checkpoints, n_items). Sasabuchi's (1980) test as of Lind and Mehlum
    (2010): the slope is above 0 at the first checkpoint used and below 0 at the last; p is the larger of the two
    one-sided t-test p-values (n - 3 degrees of freedom), 1 where the slopes do not have these signs;
    Benjamini-Hochberg over items at `alpha`. Raises DataError on bad arrays or fewer than 5 checkpoints.
    """
    steps = increasing("steps", steps, np.nextafter(0.0, 1.0), 5)
    losses = finite("losses_nats", losses_nats, (len(steps), None))
    alpha = fraction("alpha", alpha)
    used = window(steps, skip_fraction)
    x, y = np.log(steps[used]), losses[used]
    n = len(x)
    if n < 5:
        raise DataError(f"{n} checkpoints after {skip_fraction:.0%} of training; a parabola's test needs at least 5")
    centre = x.mean()
    design = np.stack([np.ones(n), x - centre, (x - centre) ** 2], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    residuals = y - design @ coefficients
    variance = (residuals**2).sum(axis=0) / (n - 3)
    perfect = np.sqrt(variance) <= PERFECT_FIT * np.maximum(np.abs(y).max(axis=0), 1.0)
    slopes, p_values = [], []
    for at, sign in ((x[0] - centre, 1.0), (x[-1] - centre, -1.0)):
        gradient = np.array([0.0, 1.0, 2.0 * at])
        slope = gradient @ coefficients
        with np.errstate(divide="ignore", invalid="ignore"):
            t = sign * slope / np.sqrt(variance * (gradient @ inverse @ gradient))
        # A perfect parabola has no spread to test against: its signs decide.
        t = np.where(perfect, np.where(sign * slope > PERFECT_FIT, np.inf, -np.inf), t)
        slopes.append(slope)
        p_values.append(stats.t.sf(t, n - 3))
    signs = (slopes[0] > 0) & (slopes[1] < 0)
    p = np.where(signs, np.maximum(*p_values), 1.0)
    q = benjamini_hochberg(p)
    top = np.full(y.shape[1], np.nan)
    top[signs] = np.exp(centre - coefficients[1, signs] / (2.0 * coefficients[2, signs]))
    return RiseAndFall(slopes[0], slopes[1], top, p, q, signs & (q <= alpha))


@dataclass(frozen=True)
class DoubleDescent:
    """Share of rise-then-fall in the larger model among the small model's upward items and among the others, each
    with its count, and the one-sided Fisher p-value that the first share is higher. NaN: a group is empty."""

    n_upward: int
    n_upward_rise_then_fall: int
    n_other: int
    n_other_rise_then_fall: int
    share_upward: float
    share_other: float
    p_value: float


def double_descent(small: Trends, large: RiseAndFall) -> DoubleDescent:
    """Do the items that are upward in the small model rise and then fall in the larger one, more than others do?

    `small` and `large` classify the same items in the same order. Raises DataError when their numbers differ.
    """
    upward, rises = small.is_trend(UPWARD), large.rises_then_falls
    if len(upward) != len(rises):
        raise DataError(f"small model: {len(upward)} items, large model: {len(rises)}; expected the same items")
    table = [[int((upward & rises).sum()), int((upward & ~rises).sum())]]
    table.append([int((~upward & rises).sum()), int((~upward & ~rises).sum())])
    (a, b), (c, d) = table
    if a + b == 0 or c + d == 0:
        return DoubleDescent(a + b, a, c + d, c, *(float("nan"),) * 3)
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return DoubleDescent(a + b, a, c + d, c, a / (a + b), c / (c + d), p)
