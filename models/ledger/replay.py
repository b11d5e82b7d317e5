"""The replay: what foretell would have said each quarter, from what was known then, and what came. It turns the
backtest's forecasts over time into rows like those of settled forecasts, so that one calibration takes both."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from foretell.errors import DataError
from models.ledger.scores import SCORED, quarter, scored

SOURCE = "replay"
NEEDED = [
    "scheme",
    "seed",
    "cutoff",
    "predictor",
    "model_id",
    "actual",
    "predicted",
    "low",
    "high",
    "support",
    "n_train",
]
ROWS = ["source", "target", "cutoff", "period", "model_id", "n_train", "support", "level", "predicted", "low", "high",
        "actual", *SCORED]  # fmt: skip


def replay(frames: Mapping[str, pd.DataFrame], scheme: str, predictor: str, level: float) -> pd.DataFrame:
    """One row per target and model: the forecast made without anything released from the cut-off on, and what came.

    Columns: source ("replay"), target (slug), cutoff (month from which on models were forecast, "2024-01"), period (its
    quarter, "2024 Q1"), model_id, n_train (models learnt from), support, level, predicted, low, high, actual, error
    (absolute), inside, interval_score (Winkler), crps; sorted by cutoff, target and model. Scores, errors and ends are
    in the unit of the target. Of several seeds the lowest counts: one forecast would have been made. An interval that
    misses its own forecast is widened to it, as in a predictor's answer.

    Args:
        frames: a target's slug -> the backtest's forecasts (columns scheme, seed, cutoff, predictor, model_id, actual,
            predicted, low, high, support, n_train).
        scheme: the scheme that holds out by time, as in the column `scheme`.
        predictor: the one whose forecasts are replayed, as in the column `predictor`.
        level: of the intervals.

    Without any such forecast (too few models on either side of every cut-off) the table is empty.

    Raises DataError when a column is missing, a forecast has no interval, a model is forecast at two cut-offs, or a
    cut-off is no month.
    """
    tables = []
    for target, frame in frames.items():
        missing = [name for name in NEEDED if name not in frame]
        if missing:
            raise DataError(f"backtest of {target}: no column {', '.join(missing)}; stage backtest writes them all")
        own = frame[(frame["scheme"] == scheme) & (frame["predictor"] == predictor)]
        own = own[own["seed"] == own["seed"].min()]
        _check(own, target)
        if len(own):
            tables.append(own.assign(target=target))
    if not tables:
        return pd.DataFrame(columns=ROWS)
    rows = pd.concat(tables, ignore_index=True)
    rows = rows.assign(source=SOURCE, level=level, cutoff=rows["cutoff"].astype(str))
    periods = {cutoff: quarter(cutoff) for cutoff in rows["cutoff"].unique()}
    rows["period"] = rows["cutoff"].map(periods)
    rows["low"], rows["high"] = rows[["low", "predicted"]].min(axis=1), rows[["high", "predicted"]].max(axis=1)
    rows = rows.sort_values(["cutoff", "target", "model_id"], ignore_index=True)
    return scored(rows)[ROWS]


def _check(own: pd.DataFrame, target: str) -> None:
    without = own[own[["predicted", "low", "high", "actual"]].isna().any(axis=1)]
    if len(without):
        raise DataError(f"backtest of {target}: {without.iloc[0]['model_id']} has no score or interval; mend backtest")
    twice = own[own.duplicated("model_id")]
    if len(twice):
        raise DataError(f"backtest of {target}: {twice.iloc[0]['model_id']} is forecast at two cut-offs; mend backtest")


def farthest_outside(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """The `n` forecasts whose score lay farthest outside of the interval, relative to the distance from the forecast to
    that end (column `beyond`: 1 = twice as far from the forecast as the end), the farthest first; ties by target and
    model."""
    above = rows["actual"] > rows["high"]
    end = rows["high"].where(above, rows["low"])
    reach = (end - rows["predicted"]).abs().clip(lower=1e-9)
    beyond = ((rows["actual"] - end).abs() / reach).where(~rows["inside"].astype(bool), 0.0)
    farthest = rows.assign(beyond=beyond).sort_values(
        ["beyond", "target", "model_id"], ascending=[False, True, True], ignore_index=True
    )
    return farthest[farthest["beyond"] > 0].head(n)
