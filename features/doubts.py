"""Recorded scores that are not believed: a run failed, and not the model. data/raw/doubts.csv names each with its
reason and source; the view `verified` leaves it out, or takes another measurement with the same settings; the view
`published` keeps the study's value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.schema import DOUBTS
from features.targets import Target
from foretell.errors import DataError

WHOLE = "all"  # the word for a target as a whole in the column `subtask`
AGREEMENT = 1e-4  # a recorded score that changed by more than this makes its doubt stale


def doubts_of(doubts: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The doubts about single subtasks of `target`, and those about the target as a whole."""
    own = doubts[doubts["target"] == target.slug]
    whole = own["subtask"] == WHOLE
    return own[~whole], own[whole]


def settle_subtasks(rows: pd.DataFrame, doubts: pd.DataFrame, target: Target) -> pd.DataFrame:
    """`rows` (score rows of one target: model_id, subtask, score) in which a doubtful subtask has its witness's score,
    or none. Raises DataError where a doubt's recorded score is not the one in `rows`."""
    settled = rows.copy()
    for doubt in doubts_of(doubts, target)[0].to_dict("records"):
        at = (rows["model_id"] == doubt["model_id"]) & (rows["subtask"] == doubt["subtask"])
        _check(rows.loc[at, "score"], doubt)
        settled.loc[at, "score"] = doubt["witness"] if doubt["decision"] == "use_witness" else np.nan
    return settled.dropna(subset=["score"])


def settle_scores(scores: pd.DataFrame, doubts: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, dict[str, str]]:
    """`scores` (one row per model: model_id, score) without those that are left out, and with their witness's score
    where that is used; then the reason of each model that is left out, doubts about its subtasks included.

    Raises DataError where a doubt's recorded score is not the one in `scores`.
    """
    parts, wholes = doubts_of(doubts, target)
    settled, reasons = scores.copy(), {}
    for doubt in parts[parts["decision"] == "leave_out"].to_dict("records"):
        reasons[str(doubt["model_id"])] = f"doubtful score of {doubt['subtask']}: {doubt['reason']}"
    for doubt in wholes.to_dict("records"):
        at = scores["model_id"] == doubt["model_id"]
        _check(scores.loc[at, "score"], doubt)
        if doubt["decision"] == "use_witness":
            settled.loc[at, "score"] = doubt["witness"]
        else:
            settled = settled[settled["model_id"] != doubt["model_id"]]
            reasons[str(doubt["model_id"])] = f"doubtful score: {doubt['reason']}"
    scored = set(settled["model_id"])  # a target can do without an optional part
    return settled, {model: reason for model, reason in reasons.items() if model not in scored}


def _check(recorded: pd.Series, doubt: Mapping[Any, Any]) -> None:
    where = f"{DOUBTS.path}: {doubt['model_id']} / {doubt['target']} / {doubt['subtask']}"
    if recorded.empty:
        raise DataError(f"{where}: no such score is recorded; take the doubt out")
    value = float(recorded.iloc[0])
    if abs(value - float(str(doubt["recorded"]))) > AGREEMENT:
        raise DataError(
            f"{where}: recorded {doubt['recorded']}, but the score table gives {value:.6g}; renew the doubt"
        )
