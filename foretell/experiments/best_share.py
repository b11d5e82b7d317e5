"""The share of code that makes a weighted loss lowest, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.experiments.settings import BestShareSettings
from foretell.experiments.shares import CODE, NATURAL_LANGUAGE, seeds_by_shares
from foretell.stats import NO_INTERVAL, Interval, percentile_interval

FLAT = "no share is better than another beyond the noise of seeds"


@dataclass(frozen=True)
class BestShare:
    """`share` (percent) with the lowest loss, `loss` there (bits per byte), both with intervals; `at_edge`: whether it
    is the smallest or largest share that was run; `reason`: what limits the answer, empty where nothing does."""

    share: Interval
    loss: Interval
    at_edge: bool
    reason: str


def best_share(losses: pd.DataFrame, weights: Mapping[str, float], settings: BestShareSettings) -> BestShare:
    """The share at which sum_d w_d loss_d is lowest; `losses` as `share_losses` makes them.

    The minimum is that of the parabola through the lowest mean over seeds and its two neighbours (exact where the loss
    is a parabola, and untouched by its steep ends); where the first or last share is lowest, that share. The intervals
    are percentiles over resamples of the residuals, loss - mean of its share - mean of its seed + mean of all, pooled
    over shares and scaled to the residual variance: three seeds alone have ten different resamples. They are too narrow
    where the noise of a mean is as large as the fall to the minimum from the shares beside it. Where an F test
    over shares (blocks: seeds) finds no difference at 1 - level, nothing is estimated, and `reason` says so.

    weights: domain -> weight, any scale. Raises DataError on a weight that is negative, on weights that sum to 0, or on
    a domain that is not there.
    """
    shares, values = weighted_losses(losses, weights)
    n_seeds, n_shares = values.shape
    means = values.mean(axis=0)
    residuals = values - means - values.mean(axis=1, keepdims=True) + values.mean()
    freedom = (n_seeds - 1) * (n_shares - 1)
    if _flat(means, residuals, freedom, settings.level):
        return BestShare(NO_INTERVAL, NO_INTERVAL, False, FLAT)
    # n_seeds x n_shares residuals have `freedom` degrees of freedom: resampled as they are, they would vary too little.
    pool = residuals.ravel() * np.sqrt(residuals.size / freedom)
    random = np.random.default_rng(settings.seed)
    noise = random.choice(pool, size=(settings.n_bootstrap, n_seeds, n_shares)).mean(axis=1)
    at, low = lowest(shares, means[None])
    drawn_at, drawn_low = lowest(shares, means + noise)
    share = percentile_interval(float(at[0]), drawn_at, settings.level)
    loss = percentile_interval(float(low[0]), drawn_low, settings.level)
    return BestShare(share, loss, bool(at[0] in (shares[0], shares[-1])), _limits(share, shares))


def best_share_table(
    losses: pd.DataFrame, weightings: Mapping[str, Mapping[str, float]], settings: BestShareSettings
) -> pd.DataFrame:
    """`best_share` for each named weighting: columns `weighting`, `share`, `low`, `high` (percent), `loss`, `loss_low`,
    `loss_high` (bits per byte), `at_edge` and `reason`; NaN where nothing is estimated."""
    table = []
    for name, weights in weightings.items():
        best = best_share(losses, weights, settings)
        table.append((name, *best.share, *best.loss, best.at_edge, best.reason))
    columns = ["weighting", "share", "low", "high", "loss", "loss_low", "loss_high", "at_edge", "reason"]
    return pd.DataFrame(table, columns=columns)


def code_weightings(step: int) -> dict[str, dict[str, float]]:
    """Weightings of code against natural language, named by code's weight in percent: 0, `step`, ... 100."""
    return {f"{weight}": {CODE: float(weight), NATURAL_LANGUAGE: 100.0 - weight} for weight in range(0, 101, step)}


def weighted_losses(losses: pd.DataFrame, weights: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Shares (n_shares,) and sum_d w_d loss_d (n_seeds, n_shares), the weights scaled to sum to 1. Raises DataError as
    `best_share`."""
    total = sum(weights.values())
    if not total > 0 or min(weights.values()) < 0:
        raise DataError(f"weights {dict(weights)}: expected none below 0 and a sum above 0")
    parts = [(seeds_by_shares(losses, domain), weight / total) for domain, weight in weights.items()]
    shares = parts[0][0][0]
    return shares, np.asarray(sum(weight * values for (_, values), weight in parts))


def lowest(x: Floats, curves: Floats) -> tuple[Floats, Floats]:
    """Place and value of the minimum of each curve [n, k] at increasing `x` [k]: the vertex of the parabola through its
    lowest point and the two beside it, or the lowest point itself at either end."""
    k = np.argmin(curves, axis=1)
    rows = np.arange(len(curves))
    inner = (k > 0) & (k < len(x) - 1)
    i = np.clip(k, 1, len(x) - 2)
    left, right = x[i] - x[i - 1], x[i + 1] - x[i]
    y = curves[rows, i]
    fall, rise = (y - curves[rows, i - 1]) / left, (curves[rows, i + 1] - y) / right
    curvature = (rise - fall) / (left + right)
    slope = (fall * right + rise * left) / (left + right)  # of the parabola at the middle point
    step = np.divide(-slope, 2 * curvature, out=np.zeros_like(y), where=inner & (curvature > 0))
    place, value = x[i] + step, y + slope * step + curvature * step**2
    return np.where(inner, place, x[k]), np.where(inner, value, curves[rows, k])


def _flat(means: Floats, residuals: Floats, freedom: int, level: float) -> bool:
    """Whether an F test finds no difference between shares."""
    between = len(residuals) * float(((means - means.mean()) ** 2).sum()) / (len(means) - 1)
    within = float((residuals**2).sum()) / freedom
    rounding = 1e-24 * float((means**2).max())  # of losses in float64, squared
    if between <= rounding:
        return True
    return within > rounding and float(stats.f.sf(between / within, len(means) - 1, freedom)) > 1 - level


def _limits(share: Interval, shares: Floats) -> str:
    edges = {shares[0]: "smallest", shares[-1]: "largest"}
    if share.estimate in edges:
        return f"the loss is lowest at the {edges[share.estimate]} share that was run, {share.estimate:g} %"
    touched = [name for edge, name in edges.items() if edge in (share.low, share.high)]
    return f"the interval reaches the {' and the '.join(touched)} share that was run" if touched else ""
