"""How good a forecast was once the score is known, and whether the intervals hold over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from foretell.arrays import Floats, fraction
from foretell.errors import DataError
from foretell.stats import Interval, interval_score

ALL = "all"
"""The period of the row that takes all periods together."""
WILSON_LEVEL = 0.95
SCORED = ["error", "inside", "interval_score", "crps"]
CALIBRATION = ["source", "period", "n", "n_models", "level", "inside", "inside_low", "inside_high", "mae",
               "interval_score", "crps"]  # fmt: skip
HALF_CRPS_AT_MEDIAN = (np.sqrt(2) - 1) / (2 * np.sqrt(np.pi))
"""Integral of Phi(u)^2 over u < 0: half of a standard normal's CRPS at its median."""


def two_piece_quantile(p: ArrayLike, point: float, low: float, high: float, level: float) -> Floats:
    """Quantiles at `p` [n] of the distribution that `crps` takes a forecast for: point + s z(p) with z the standard
    normal's quantile, s = (point - low) / z((1 + level) / 2) below the median and (high - point) / z((1 + level) / 2)
    above it."""
    z, below, above = stats.norm.ppf(np.asarray(p, dtype=np.float64)), *_spreads(point, low, high, level)
    return np.asarray(point + z * np.where(z < 0, below, above))


def _spreads(point: ArrayLike, low: ArrayLike, high: ArrayLike, level: float) -> tuple[Floats, Floats]:
    ends = [np.asarray(values, dtype=np.float64) for values in (point, low, high)]
    if not all(np.isfinite(values).all() for values in ends) or (ends[1] > ends[0]).any() or (ends[0] > ends[2]).any():
        raise DataError("crps: expected finite numbers with low <= point <= high")
    z = stats.norm.ppf((1 + fraction("level", level)) / 2)
    return np.asarray((ends[0] - ends[1]) / z), np.asarray((ends[2] - ends[0]) / z)


def crps(actual: ArrayLike, point: ArrayLike, low: ArrayLike, high: ArrayLike, level: float) -> Floats:
    """The continuous ranked probability score [n], integral of (F(x) - 1[x >= actual])^2 dx (Gneiting and Raftery 2007,
    eq. 20), in the unit of the scores, lower is better; of a point without spread it is the absolute error.

    F is the two-piece normal that the point and the interval state: its median is the point, its (1 - level) / 2 and
    (1 + level) / 2 quantiles are the interval's ends, and each side is half of a normal. With s the spread on the side
    of the actual score, s' that on the other, w = |actual - point| / s and a = (sqrt(2) - 1) / (2 sqrt(pi)),
    CRPS = s (w (2 Phi(w) - 1) + 2 phi(w) - 1 / sqrt(pi)) + a (s' - s).

    Raises DataError unless low <= point <= high, all finite, and 0 < level < 1.
    """
    below, above = _spreads(point, low, high, level)
    distance = np.asarray(actual, dtype=np.float64) - np.asarray(point, dtype=np.float64)
    own, other = np.where(distance < 0, below, above), np.where(distance < 0, above, below)
    distance = np.abs(distance)
    w = np.divide(distance, own, out=np.full_like(distance, np.inf), where=own > 0)
    pdf = own * (2 * stats.norm.pdf(w) - 1 / np.sqrt(np.pi))
    return np.asarray(distance * (2 * stats.norm.cdf(w) - 1) + pdf + HALF_CRPS_AT_MEDIAN * (other - own))


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` (actual, predicted, low, high, level) with added columns: error (absolute), inside (bool), interval_score
    (Winkler) and crps. Raises DataError as `crps` does."""
    result = rows.assign(
        error=(rows["predicted"] - rows["actual"]).abs(),
        inside=(rows["low"] <= rows["actual"]) & (rows["actual"] <= rows["high"]),
        interval_score=np.nan,
        crps=np.nan,
    )
    for level in rows["level"].unique():
        part = rows[rows["level"] == level]
        ends = part["low"], part["high"], float(level)
        result.loc[part.index, "interval_score"] = interval_score(part["actual"], *ends)
        result.loc[part.index, "crps"] = crps(part["actual"], part["predicted"], *ends)
    return result


def share_interval(n_inside: int, n: int) -> Interval:
    """The share of `n` scores that lay inside, with its 95 % Wilson interval (Wilson 1927). It takes the scores as
    independent; those of one model on many targets are not, so that it is narrow."""
    ends = stats.binomtest(n_inside, n).proportion_ci(WILSON_LEVEL, method="wilson")
    return Interval(n_inside / n, float(ends.low), float(ends.high))


def calibration(rows: pd.DataFrame) -> pd.DataFrame:
    """Do the intervals hold over time? One row per source and period, and one with period `all` per source.

    Columns: source, period, n (forecasts), n_models, level (nominal, the mean), inside (share), inside_low and
    inside_high (its 95 % Wilson interval), mae, interval_score, crps (means).

    Args:
        rows: source (what the forecasts come from), period ("2024 Q1"), model_id, level, and the columns of `scored`.
    """
    both = pd.concat([rows, rows.assign(period=ALL)])
    table = []
    for (source, period), part in both.groupby(["source", "period"]):
        held = share_interval(int(part["inside"].sum()), len(part))
        means = part[["level", "error", "interval_score", "crps"]].mean()
        shares = {"inside": held.estimate, "inside_low": held.low, "inside_high": held.high}
        row = {"source": source, "period": period, "n": len(part), "n_models": part["model_id"].nunique(), **shares}
        table.append({**row, **means.rename({"error": "mae"})})
    return pd.DataFrame(table, columns=CALIBRATION)


def quarter(date: str) -> str:
    """The quarter of a date ("2024-02-28", "2024-02"): "2024 Q1". Raises DataError where it is no date."""
    try:
        month = pd.Period(date[:7], freq="M")
    except ValueError:
        raise DataError(f"{date!r} is no date; expected one like 2024-02 or 2024-02-28") from None
    return f"{month.year} Q{month.quarter}"
