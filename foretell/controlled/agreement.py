"""Whether a predictor's claim and the controlled runs say the same about a change of one share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from foretell.controlled.evidence import MEASURED

Verdict = Literal["agrees", "disagrees", "silent"]
Direction = Literal["raises", "lowers", "flat"]
SMALLEST_CLAIM = 0.005  # a predicted difference below half a point is no claim of an effect
MOST_SIZES = 6  # sizes that a sentence names
LEAST_OF_ROWS = 0.25  # a sign that fewer of the rows have is taken for the noise that many rows bring


@dataclass(frozen=True)
class Claim:
    """A predicted difference of a target's scores, with its interval [`low`, `high`]; `chance` is the target's score of
    guessing. Where `lower_is_better` (Brier scores), a rise of the score is a fall of the ability."""

    difference: float
    low: float
    high: float
    lower_is_better: bool = False
    chance: float = 0.0

    @property
    def direction(self) -> Direction:
        """What happens to the ability: raises, lowers, or flat below half a point."""
        if abs(self.difference) < SMALLEST_CLAIM:
            return "flat"
        return "raises" if (self.difference > 0) != self.lower_is_better else "lowers"

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Agreement:
    """`verdict` and the sentence that says why; `measured` is what the runs say together: raises, lowers, flat, mixed
    (some raise and some lower) or not measured."""

    verdict: Verdict
    measured: str
    sentence: str


def measured_direction(rows: pd.DataFrame) -> str:
    """What `rows` of evidence say together: raises or lowers where at least a quarter of the measured rows do, mixed
    where both do, otherwise flat; "not measured" without a measured row."""
    measured = rows.loc[rows["sign"].isin(MEASURED), "sign"]
    if measured.empty:
        return "not measured"
    signs = {str(sign) for sign, share in measured.value_counts(normalize=True).items() if share >= LEAST_OF_ROWS}
    if {"raises", "lowers"} <= signs:
        return "mixed"
    return next((sign for sign in ("raises", "lowers") if sign in signs), "flat")


def disagreement(claim: Claim, rows: pd.DataFrame) -> Agreement:
    """Hold a predicted difference against rows of `evidence` about the same benchmark.

    It agrees where both have the same sign (or neither moves), disagrees where they have not, and is silent where
    nothing was measured, or the runs raise and lower it, by what the share takes the place of. Where the runs are flat
    within noise, a predicted effect agrees as long as it lies in the interval of one of them; a target on another scale
    (Brier scores) leaves that open.
    """
    measured, said = measured_direction(rows), _said(claim)
    if measured == "not measured":
        return Agreement("silent", measured, f"No controlled run covers this change; the predictor {said}.")
    shown = rows[rows["sign"].isin(MEASURED)]
    what = f"{_measured_words(measured)} ({_sizes(shown)})"
    if measured == "mixed":
        return Agreement("silent", measured, f"Controlled runs {what}, by what is replaced; the predictor {said}.")
    if measured == "flat" and claim.direction != "flat":
        if claim.lower_is_better:
            sentence = f"Controlled runs {what}; the predictor {said}, on a scale that they do not have."
            return Agreement("silent", measured, sentence)
        within = _within_noise(claim, shown)
        rest = "which is within their noise" if within else "which is more than their noise allows"
        sentence = f"Controlled runs {what}; the predictor {said}, {rest}."
        return Agreement("agrees" if within else "disagrees", measured, sentence)
    same = measured == claim.direction
    return Agreement("agrees" if same else "disagrees", measured, f"Controlled runs {what}; the predictor {said}.")


def measured_sentence(rows: pd.DataFrame) -> str:
    """What rows of evidence say together, without a claim: direction, range of the effects, and sizes."""
    measured = measured_direction(rows)
    if measured == "not measured":
        return "not measured"
    return f"{_measured_words(measured)} ({_sizes(rows[rows['sign'].isin(MEASURED)])})"


def _within_noise(claim: Claim, rows: pd.DataFrame) -> bool:
    points = 100 * claim.difference / np.where(rows["unit"] == "rescaled points", 1 - claim.chance, 1.0)
    return bool(((rows["low"] <= points) & (points <= rows["high"])).any())


def _said(claim: Claim) -> str:
    if claim.direction == "flat":
        return f"sees no effect ({claim.difference:+.3f})"
    sure = "" if claim.sure else ", unsure of the sign"
    return f"says that it {claim.direction} it ({claim.difference:+.3f}{sure})"


def _measured_words(measured: str) -> str:
    return {"raises": "raise it", "lowers": "lower it", "flat": "see no effect", "mixed": "raise and lower it"}[
        measured
    ]


def _sizes(rows: pd.DataFrame) -> str:
    """ "-3.1 to +0.4 points at 1.3B, 4.2B": the range of the effects, and the sizes that they were measured at."""
    low, high = float(rows["effect"].min()), float(rows["effect"].max())
    sizes = [f"{params / 1e9:.2g}B" for params in sorted(set(rows["total_params"]))][:MOST_SIZES]
    values = f"{low:+.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:+.1f} to {high:+.1f}"
    return f"{values} points at {', '.join(sizes)}"
