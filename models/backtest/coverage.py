"""How often a predictor's intervals held in the backtest, by scheme and by the verdict that came with the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from foretell.stats import interval_score
from models.backtest.summary import LEVEL, VERDICTS
from models.catalogue import Entry
from models.schemes import Scheme


def coverage_of(forecasts: pd.DataFrame, predictor: Entry) -> dict[str, dict[str, Any]]:
    """Scheme -> n, mae, coverage, mean_width and interval_score (Winkler) of the predictor's forecasts, and under
    `verdicts` the same by verdict. A scheme that has no forecast (too few models for a cut-off) is left out.

    `forecasts` is a benchmark's table of forecasts (models/backtest/summary.py).
    """
    own = forecasts[forecasts["predictor"] == predictor.name]
    figures: dict[str, dict[str, Any]] = {}
    for scheme in Scheme:
        rows = own[own["scheme"] == scheme.value]
        if len(rows):
            by_verdict = {word: rows[rows["support"] == word] for word in VERDICTS}
            verdicts = {word: _figures(table) for word, table in by_verdict.items() if len(table)}
            figures[scheme.value] = {**_figures(rows), "verdicts": verdicts}
    return figures


def schemes_covered(coverage: Mapping[str, Any]) -> dict[Scheme, Mapping[str, Any]]:
    """The schemes of a predictor's coverage.json, each with its figures."""
    return {scheme: coverage[scheme.value] for scheme in Scheme if scheme.value in coverage}


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    actual, low, high = rows["actual"], rows["low"], rows["high"]
    return {
        "n": float(len(rows)),
        "mae": float((rows["predicted"] - actual).abs().mean()),
        "coverage": float(actual.between(low, high).mean()),
        "mean_width": float((high - low).mean()),
        "interval_score": float(interval_score(actual, low, high, LEVEL).mean()),
    }
