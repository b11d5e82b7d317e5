"""What controlled runs measured for a change of one share: sign, size and interval, never beyond the shares measured.

Between two measured shares a straight line is drawn: with weights w on the measured scores y,
score(s) = sum w_i(s) y_i, so that the effect of a change from a to b is sum c_i y_i with c = w(b) - w(a), and its
standard error sqrt(sum c_i^2 e_i^2) for independent errors e. An effect whose interval holds 0 is flat within noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from foretell.arrays import Floats
from foretell.controlled.curves import ControlledTables, Curve, Share, curves
from foretell.errors import ConfigError, DataError

Sign = Literal["raises", "lowers", "flat", "not measured"]
MEASURED: tuple[Sign, ...] = ("raises", "lowers", "flat")
LEAST_COVERED = 0.5  # of the change asked about: what is measured of less is called not measured
AT_SHARES, BETWEEN = "measured at both shares", "on a straight line between measured shares"


@dataclass(frozen=True)
class Effect:
    """One row of evidence. `effect` = score at `share_to` - score at `share_from`, in `unit`, with its interval [`low`,
    `high`] (NaN where the study gives no noise); the shares are those asked for, cut to the measured range, and `rule`
    says how it was read off. Where less than half of the change was measured, `sign` is "not measured", the numbers
    are NaN and `rule` names the range."""

    study: str
    replaced: str
    total_params: int
    tokens: int
    task: str
    metric: str
    benchmark: str
    share_from: float
    share_to: float
    effect: float
    low: float
    high: float
    unit: str
    sign: Sign
    rule: str


EFFECT_COLUMNS = tuple(Effect.__annotations__)


def evidence(tables: ControlledTables, share: Share, start: float, end: float, level: float = 0.95) -> pd.DataFrame:
    """What each controlled experiment measured for `share` ("pct_code" or "pct_web") going from `start` to `end`.

    Args:
        tables: the raw tables of controlled runs, typed.
        share: the share that changes; what it takes the place of is in the column `replaced`.
        start: percent of the training tokens before, 0 to 100.
        end: percent after, 0 to 100, not equal to `start`.
        level: coverage of the intervals, between 0 and 1.

    Returns:
        One row per study, size, task and replaced text, with the columns of `Effect`, by benchmark and size.

    Raises:
        DataError: another share, a percentage outside 0 to 100, or no change.
        ConfigError: a level outside 0 to 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"controlled runs: level {level}: expected a number between 0 and 1")
    for name, value in (("start", start), ("end", end)):
        if not 0 <= value <= 100:
            raise DataError(f"controlled runs: {share} {name} {value:g}: expected percent, 0 to 100")
    if start == end:
        raise DataError(f"controlled runs: {share} from {start:g} to {end:g} is no change; give two different shares")
    rows = [effect_of(curve, start, end, level) for curve in curves(tables, share)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(EFFECT_COLUMNS))
    return frame.sort_values(["benchmark", "total_params", "study", "task"], kind="stable", ignore_index=True)


def effect_of(curve: Curve, start: float, end: float, level: float) -> Effect:
    """The effect of a change from `start` to `end` percent on one curve, cut to the range that the curve measures."""
    lowest, highest = float(curve.shares[0]), float(curve.shares[-1])
    a, b = (float(np.clip(value, lowest, highest)) for value in (start, end))
    outside = abs(b - a) < LEAST_COVERED * abs(end - start)
    described = {name: getattr(curve, name) for name in EFFECT_COLUMNS[:7]}
    if outside:
        nan, rule = float("nan"), f"measured from {lowest:g} to {highest:g} % only"
        return Effect(**described, share_from=start, share_to=end, effect=nan, low=nan, high=nan, unit=curve.unit,
                      sign="not measured", rule=rule)  # fmt: skip
    weights = line_weights(curve.shares, b) - line_weights(curve.shares, a)
    effect = float(weights @ curve.scores)
    used = weights != 0
    error = float(np.sqrt(np.sum((weights[used] * curve.stderrs[used]) ** 2)))
    half = float(stats.norm.ppf((1 + level) / 2)) * error
    low, high = effect - half, effect + half
    flat = effect == 0 or low <= 0 <= high
    sign: Sign = "flat" if flat else "raises" if effect > 0 else "lowers"
    rule = AT_SHARES if {a, b} <= set(curve.shares.tolist()) else BETWEEN
    if (a, b) != (start, end):
        rule += f", of {start:g} to {end:g} the part that is measured"
    return Effect(**described, share_from=a, share_to=b, effect=effect, low=low, high=high, unit=curve.unit, sign=sign,
                  rule=rule)  # fmt: skip


def line_weights(shares: Floats, at: float) -> Floats:
    """Weights [n] that read a piecewise straight line through values at rising `shares` [n] at the share `at`, which
    lies between the first and the last: sum w y is the value, sum w = 1."""
    return np.array([np.interp(at, shares, unit) for unit in np.eye(len(shares))])
