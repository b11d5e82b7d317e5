"""The backtest's forecasts as the errors that the study's predictors have."""

from __future__ import annotations

import pandas as pd


def errors_of(forecasts: pd.DataFrame) -> pd.DataFrame:
    """The forecasts' mean absolute errors as stage `evaluate` writes them: predictor, scheme, seed, fold, mae, n_train,
    n_test."""
    missed = forecasts.assign(mae=(forecasts["predicted"] - forecasts["actual"]).abs())
    order = {cutoff: number for number, cutoff in enumerate(dict.fromkeys(missed["cutoff"]))}
    by_fold = missed.groupby(["predictor", "scheme", "seed", "cutoff"], sort=False)
    table = by_fold.agg(mae=("mae", "mean"), n_train=("n_train", "first"), n_test=("mae", "count")).reset_index()
    first = table.groupby("scheme")["cutoff"].transform(lambda column: min(order[cutoff] for cutoff in column))
    table["fold"] = table["cutoff"].map(order) - first
    return table[["predictor", "scheme", "seed", "fold", "mae", "n_train", "n_test"]]
