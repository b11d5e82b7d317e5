"""The errors of all predictors of one benchmark, from the stages that measure them."""

from __future__ import annotations

import pandas as pd

from models.backtest.errors import errors_of
from models.catalogue import FORECASTERS
from pipelines.files import read_parquet
from pipelines.paths import BACKTESTS, ERRORS


def read_errors(benchmark: str) -> pd.DataFrame:
    """The errors of every predictor of one benchmark (Evaluation.errors): the study's from stage `evaluate`, the
    forecasters' from stage `backtest`, whose drawn folds are those of the first seeds of `evaluate`."""
    study = pd.read_csv(ERRORS / benchmark / "errors.csv")
    return pd.concat([study, errors_of(_forecasters(benchmark))], ignore_index=True)


def read_predictions(benchmark: str) -> pd.DataFrame:
    """The out-of-fold predictions (Evaluation.predictions) of every predictor of one benchmark, as `read_errors`."""
    study = read_parquet(ERRORS / benchmark / "predictions.parquet")
    return pd.concat([study, _forecasters(benchmark)[list(study)]], ignore_index=True)


def _forecasters(benchmark: str) -> pd.DataFrame:
    forecasts = read_parquet(BACKTESTS / benchmark / "forecasts.parquet")
    return forecasts[forecasts["predictor"].isin([entry.name for entry in FORECASTERS])]
