"""How single items move over training: stagnated, upward or downward (Xia et al. 2023, arXiv:2212.09803). A mean
loss hides that some items stop being learned and some are unlearned; the classes here are tested item by item, with
the false discovery rate held over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foretell.arrays import Bools, Floats, finite, fraction, increasing
from foretell.errors import DataError
from foretell.stats import benjamini_hochberg

STAGNATED, UPWARD, DOWNWARD = "stagnated", "upward", "downward"
TRENDS = (STAGNATED, UPWARD, DOWNWARD)
# Residuals this small next to the losses are the rounding of a perfect line, not a spread to test against.
PERFECT_FIT = 1e-12


@dataclass(frozen=True)
class Trends:
    """Of each item (n_items,): `slope_nats_per_log_step`, its standard error, the two-sided `p_value`, the
    Benjamini-Hochberg `q_value` and the `trend`; of all: `n_checkpoints` used and `alpha`."""

    slope_nats_per_log_step: Floats
    slope_stderr: Floats
    p_value: Floats
    q_value: Floats
    trend: NDArray[np.str_]
    n_checkpoints: int
    alpha: float

    def shares(self) -> dict[str, float]:
        """Share of items (0-1) of each trend; the three sum to 1."""
        return {trend: float(np.mean(self.trend == trend)) for trend in TRENDS}

    def is_trend(self, trend: str) -> Bools:
        """Mask (n_items,) of the items of `trend`; raises DataError on a trend that does not exist."""
        if trend not in TRENDS:
            raise DataError(f"trend {trend!r} does not exist; expected one of {', '.join(TRENDS)}")
        return np.asarray(self.trend == trend)


def window(steps: ArrayLike, start: float, end: float = 1.0) -> Bools:
    """Mask (n_checkpoints,) of the checkpoints after `start` and up to `end` of training, as fractions of the last
    step. Raises DataError on steps that are not positive and increasing or a window that is empty or backwards."""
    steps = increasing("steps", steps, np.nextafter(0.0, 1.0), 1)
    if not 0.0 <= start < end <= 1.0:
        raise DataError(f"window {start!r}-{end!r}: expected 0 <= start < end <= 1, fractions of training")
    progress = steps / steps[-1]
    # A tolerance of one rounding error: 0.1 x 81090 is a step that was saved, and stays out.
    return np.asarray((progress > start * (1 + 1e-12)) & (progress <= end * (1 + 1e-12)))


def classify_trends(
    steps: ArrayLike, losses_nats: ArrayLike, skip_fraction: float = 0.1, alpha: float = 0.05, hac_lags: int = 0
) -> Trends:
    """Class of each item by the slope of loss = a + b log(step) after the first `skip_fraction` of training.

    `steps` (n_checkpoints,) optimiser steps, positive and increasing; `losses_nats` (n_checkpoints, n_items). Least
    squares; t = b / se(b) on n - 2 degrees of freedom; q-values by Benjamini-Hochberg over the items; *stagnated*:
    q > alpha, else *upward* (b > 0) or *downward* (b < 0) (Xia et al. 2023, section 3). With `hac_lags` > 0 the
    standard error is Newey and West's (1987) with Bartlett weights and the factor n / (n - 2), for residuals that
    are correlated from one checkpoint to the next. Raises DataError on bad arrays or fewer than 4 checkpoints.
    """
    steps, losses = _trajectories(steps, losses_nats)
    if skip_fraction != 0.0:
        fraction("skip_fraction", skip_fraction)
    return classify_window(steps, losses, skip_fraction, 1.0, alpha, hac_lags)


def classify_window(
    steps: ArrayLike,
    losses_nats: ArrayLike,
    start: float,
    end: float,
    alpha: float = 0.05,
    hac_lags: int = 0,
    adjust: bool = True,
) -> Trends:
    """As `classify_trends`, on the checkpoints between two fractions of training; raises DataError likewise.

    With `adjust` False the class rests on p > alpha, item by item, as in Xia et al. 2023: of items that do not move,
    a share alpha is then expected to be called upward or downward.
    """
    steps, losses = _trajectories(steps, losses_nats)
    alpha = fraction("alpha", alpha)
    used = window(steps, start, end)
    n = int(used.sum())
    if n < 4 or not 0 <= hac_lags <= n - 3:
        raise DataError(
            f"{n} checkpoints between {start:.0%} and {end:.0%} of training with {hac_lags} lags; "
            "a slope test needs at least 4 and at most n - 3 lags"
        )
    slope, stderr, residual_scale = _slopes(np.log(steps[used]), losses[used], hac_lags)
    size = np.maximum(np.abs(losses[used]).max(axis=0), 1.0)
    flat = np.abs(slope) <= PERFECT_FIT * size
    perfect = residual_scale <= PERFECT_FIT * size
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(perfect, np.where(flat, 0.0, np.inf), slope / stderr)
    p = 2.0 * stats.t.sf(np.abs(t), n - 2)
    q = benjamini_hochberg(p)
    trend = np.where((q if adjust else p) > alpha, STAGNATED, np.where(slope > 0, UPWARD, DOWNWARD))
    return Trends(slope, np.where(perfect, 0.0, stderr), p, q, trend, n, alpha)


def _trajectories(steps: ArrayLike, losses: ArrayLike) -> tuple[Floats, Floats]:
    steps = increasing("steps", steps, np.nextafter(0.0, 1.0), 2)
    return steps, finite("losses_nats", losses, (len(steps), None))


def _slopes(x: Floats, y: Floats, lags: int) -> tuple[Floats, Floats, Floats]:
    """Least-squares slope, its standard error and the residual scale of every column of y (n, m) on x (n,)."""
    n = len(x)
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = centred @ y / spread
    residuals = y - y.mean(axis=0) - centred[:, None] * slope
    scale = np.sqrt((residuals**2).sum(axis=0) / (n - 2))
    if lags == 0:
        return slope, scale / np.sqrt(spread), scale
    scores = centred[:, None] * residuals
    variance = (scores**2).sum(axis=0)
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1)) * (scores[lag:] * scores[:-lag]).sum(axis=0)
    variance = np.maximum(variance, 0.0) * n / (n - 2)
    return slope, np.sqrt(variance) / spread, scale


@dataclass(frozen=True)
class StageShares:
    """Shares of the trends in one stage of training, and the stagnated share to expect in it did every item move
    along its one line in log step throughout (so that the stage's log-step range is all that differs)."""

    start: float
    end: float
    n_checkpoints: int
    stagnated: float
    upward: float
    downward: float
    stagnated_if_slope_constant: float


def shares_by_stage(
    steps: ArrayLike,
    losses_nats: ArrayLike,
    stages: Sequence[tuple[float, float]] = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0)),
    alpha: float = 0.05,
) -> list[StageShares]:
    """Shares of trends in stages of training (fractions of it), with a control for the power that later stages lose.

    Classes rest on unadjusted p-values (p > alpha: stagnated): a stage has few checkpoints, and corrected over the
    items it would find nothing move. A later stage spans less of log step, so the same slope is harder to tell from
    0 there. The control is the mean over items of P(|t| <= t_crit), t noncentral with shift |b| sqrt(S_xx) / sigma:
    b and sigma are slope and residual spread of the item's one line over all the stages, S_xx the stage's sum of
    squares of log step. Slopes carry noise, so the control is, if anything, too low. Raises DataError as
    `classify_trends` does.
    """
    if not stages:
        raise DataError("stages: none given; expected pairs of fractions of training")
    alpha = fraction("alpha", alpha)
    steps, losses = _trajectories(steps, losses_nats)
    together = window(steps, stages[0][0], stages[-1][1])
    slope, _, spread = _slopes(np.log(steps[together]), losses[together], 0)
    rows = []
    for start, end in stages:
        trends = classify_window(steps, losses, start, end, alpha, adjust=False)
        x = np.log(steps[window(steps, start, end)])
        shares, degrees = trends.shares(), trends.n_checkpoints - 2
        critical = float(stats.t.isf(alpha / 2.0, degrees))
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.abs(slope) * np.sqrt(((x - x.mean()) ** 2).sum()) / spread
        shift = np.nan_to_num(shift, posinf=np.inf)  # 0 / 0: a flat line without spread does not move
        # Beyond 15 standard errors the power is 1 to the last digit, and the series of the noncentral t fails.
        certain = shift > 15.0
        shift = np.where(certain, 0.0, shift)
        missed = stats.nct.cdf(critical, degrees, shift) - np.nan_to_num(stats.nct.cdf(-critical, degrees, shift))
        control = float(np.mean(np.where(certain, 0.0, missed)))
        rows.append(
            StageShares(start, end, trends.n_checkpoints, shares[STAGNATED], shares[UPWARD], shares[DOWNWARD], control)
        )
    return rows


@dataclass(frozen=True)
class Overlap:
    """Two sets among `n` items: their sizes, `n_both`, `jaccard` = both / either, the Jaccard to expect by chance,
    the shares of one set in the other, and `p_value`, the chance of at least this overlap. NaN: a set is empty."""

    n: int
    n_small: int
    n_large: int
    n_both: int
    jaccard: float
    jaccard_by_chance: float
    share_of_small_in_large: float
    share_of_large_in_small: float
    p_value: float


def set_overlap(in_small: ArrayLike, in_large: ArrayLike) -> Overlap:
    """Overlap of two sets of the same items (masks (n,), true = in the set) against chance.

    With set sizes fixed and items exchangeable the overlap K is hypergeometric, so chance Jaccard = sum over k of
    P(K = k) k / (a + b - k) and the one-sided p-value is P(K >= observed) (Fisher's exact test). An empty set gives
    NaN shares and Jaccard. Raises DataError when the masks differ in length or hold other than 0 and 1.
    """
    small = finite("in_small", in_small, (None,), 0.0, 1.0)
    large = finite("in_large", in_large, (len(small),), 0.0, 1.0)
    if not np.isin(np.concatenate([small, large]), (0.0, 1.0)).all():
        raise DataError("in_small, in_large: expected masks of true and false")
    n, a, b, both = len(small), int(small.sum()), int(large.sum()), int((small * large).sum())
    if a == 0 or b == 0:
        return Overlap(n, a, b, both, *(float("nan"),) * 5)
    possible = np.arange(max(0, a + b - n), min(a, b) + 1)
    chance = stats.hypergeom(n, a, b)
    expected = float((chance.pmf(possible) * possible / (a + b - possible)).sum())
    return Overlap(n, a, b, both, both / (a + b - both), expected, both / a, both / b, float(chance.sf(both - 1)))
