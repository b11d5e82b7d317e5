"""Whether the laboratory's runs and what others claim about the share of code say the same: claims of the predictors
(observational) and of published controlled runs, held against the effect measured here for the same change."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.experiments.shares import LOWERS, NO_EFFECT, RAISES, effect, seeds_by_shares

CLAIM_COLUMNS = ("claimed_by", "benchmark", "domain", "share_from", "share_to", "direction")
DIRECTIONS = ("raises", "lowers", "flat", "mixed", "not measured")
AGREES, DISAGREES, SILENT = "agrees", "disagrees", "silent"
# A lower loss is a higher ability.
ABILITY = {RAISES: "lowers", LOWERS: "raises", NO_EFFECT: "flat"}


def compare_claims(losses: pd.DataFrame, claims: pd.DataFrame, level: float) -> pd.DataFrame:
    """Every claim beside what was measured here.

    losses: as `share_losses` makes them. claims: one row per claim (CLAIM_COLUMNS): who says it (`claimed_by`), about
    which `benchmark`, the `domain` of text here that is nearest to it (a source, or NATURAL_LANGUAGE), the change of
    the share of code in percent, and what that does to the ability (`direction`, one of DIRECTIONS); further columns
    are kept. Adds `effect`, `low`, `high` (bits per byte per 10 points, positive: the loss rises), `measured` (what the
    change does to the ability: raises, lowers, flat), `verdict` (agrees, disagrees, silent) and `reason`. Silent: the
    claim has no sign, or the change leaves the shares that were run. Raises DataError on missing columns, an unknown
    direction or domain.
    """
    missing = [column for column in CLAIM_COLUMNS if column not in claims]
    if missing:
        raise DataError(f"claims: no columns {', '.join(missing)}")
    unknown = sorted(set(claims["direction"]) - set(DIRECTIONS))
    if unknown:
        raise DataError(f"claims: direction {', '.join(map(repr, unknown))}; expected one of {', '.join(DIRECTIONS)}")
    judged = [_judge(losses, claim, level) for claim in claims.to_dict("records")]
    added = ["effect", "low", "high", "measured", "verdict", "reason"]
    return pd.concat([claims.reset_index(drop=True), pd.DataFrame(judged, columns=added)], axis=1)


def agreement_table(compared: pd.DataFrame) -> pd.DataFrame:
    """How many claims agree, by `claimed_by` and `domain`: columns AGREES, DISAGREES and SILENT."""
    counts = pd.crosstab([compared["claimed_by"], compared["domain"]], compared["verdict"])
    table = counts.reindex(columns=[AGREES, DISAGREES, SILENT], fill_value=0).reset_index()
    table.columns.name = None
    return table


def _judge(losses: pd.DataFrame, claim: dict[Hashable, Any], level: float) -> tuple[float, float, float, str, str, str]:
    domain, direction = str(claim["domain"]), str(claim["direction"])
    start, end = float(claim["share_from"]), float(claim["share_to"])
    shares, _ = seeds_by_shares(losses, domain)
    if not shares[0] <= min(start, end) < max(start, end) <= shares[-1]:
        reason = f"the change from {start:g} to {end:g} % is not within the shares that were run"
        return np.nan, np.nan, np.nan, "not measured", SILENT, reason
    row = effect(losses, domain, (start, end), level)
    value, low, high = row["effect"], row["low"], row["high"]
    # The effect is per 10 points more; a claim about less code is about the change itself.
    measured = ABILITY[row["sign"]] if end > start else _reversed(ABILITY[row["sign"]])
    if direction in ("mixed", "not measured"):
        return value, low, high, measured, SILENT, f"the claim has no sign ({direction})"
    said = f"claimed: {_words(direction)}; here: {_words(measured)}"
    return value, low, high, measured, AGREES if measured == direction else DISAGREES, said


def _reversed(direction: str) -> str:
    return {"raises": "lowers", "lowers": "raises"}.get(direction, direction)


def _words(direction: str) -> str:
    return {"raises": "raises the ability", "lowers": "lowers the ability", "flat": "no effect"}[direction]
