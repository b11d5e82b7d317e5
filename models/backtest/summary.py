"""What the backtest's forecasts were worth: per benchmark, scheme, cut-off and predictor (reports/backtest.csv), over
all benchmarks, and by the verdict that came with each answer. Pure: tables in, tables out.

A table of forecasts has one row per scheme, seed, cut-off, predictor and model: scheme, seed, cutoff, predictor,
model_id, actual, predicted, low, high (90 % interval; NaN where the predictor gives none), support (inside, edge or
outside; "" where none was given). Errors, widths and losses are in the unit of the benchmark's scores.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.stats import interval_score, pair_order_accuracy
from models.backtest.regret import losses
from models.catalogue import CATALOGUE, LOG_LINEAR, POWER_LAW, PREDICTORS, SCALE_ONLY, Entry
from models.schemes import Scheme

ALL = "all"
"""The cut-off of the rows that take all cut-offs together."""
LEVEL = 0.9
"""The level of the intervals."""
LAWS = (LOG_LINEAR, POWER_LAW)
VERDICTS = ("inside", "edge", "outside")
FORECAST = ["scheme", "seed", "cutoff", "model_id"]
NUMBERS = ["actual", "predicted", "low", "high"]
GROUP = ["scheme", "cutoff", "predictor"]
FIGURES = ["ratio_scale_only", "ratio_best_law", "coverage", "width", "interval_score", "order_accuracy", "regret"]


def summary(
    forecasts: Mapping[str, pd.DataFrame], compute: pd.Series, lower_is_better: Collection[str]
) -> pd.DataFrame:
    """One row per benchmark, scheme, cut-off and predictor, and one with cut-off `all` for all cut-offs together.

    Columns: target, scheme, cutoff, predictor, n (forecasts: models times seeds), mae, ratio_scale_only (MAE / MAE of
    the trees on scale alone), ratio_best_law (MAE / the smaller MAE of log-linear and power law), coverage, width,
    interval_score (Winkler), order_accuracy (mean over seeds), regret (mean loss over sets of like compute, see
    `models.backtest.regret`). A ratio is taken over the forecasts that both predictors make. NaN: no interval, no
    reference, no pair of different scores, or no two models of like compute.

    Args:
        forecasts: a benchmark's slug -> its table of forecasts.
        compute: training compute of the language models in FLOPs (6 x parameters x tokens), by model_id.
        lower_is_better: slugs of the benchmarks whose lower score is the better one.

    Raises:
        DataError: a column, a number or a model's compute is missing, a row is there twice, an interval has one end or
            its ends the wrong way round, or a predictor is not in the catalogue.
    """
    tables = []
    for target, table in forecasts.items():
        rows = scored(table, target)
        unknown = sorted(set(rows["model_id"]) - set(compute.index))
        if unknown:
            raise DataError(f"forecasts of {target}: no compute for {', '.join(unknown[:3])}; NaN where unknown")
        tables.append(_summary_of(rows, losses(rows, compute, target in lower_is_better)).assign(target=target))
    result = pd.concat(tables, ignore_index=True)
    return result[["target", *GROUP, "n", "mae", *FIGURES]]


def scored(forecasts: pd.DataFrame, target: str) -> pd.DataFrame:
    """The forecasts of one benchmark in a fixed order, with added columns: error (absolute), covered (1, 0, NaN without
    interval), width, interval_score, and the absolute error of each reference on the same model, seed and cut-off
    (column error_<its name>). Raises DataError as `summary` does."""
    _check(forecasts, target)
    rows = forecasts.sort_values([*FORECAST, "predictor"], ignore_index=True)
    actual, predicted, low, high = (rows[name].to_numpy(dtype=np.float64) for name in NUMBERS)
    rows["error"] = np.abs(predicted - actual)
    rows["covered"] = np.where(np.isnan(low), np.nan, (low <= actual) & (actual <= high))
    rows["width"], rows["interval_score"] = high - low, interval_score(actual, low, high, LEVEL)
    number = rows.groupby(FORECAST).ngroup()
    for reference in (SCALE_ONLY, *LAWS):
        own = rows["predictor"] == reference.name
        rows[f"error_{reference.name}"] = number.map(pd.Series(rows["error"][own].to_numpy(), index=number[own]))
    return rows


def _check(forecasts: pd.DataFrame, target: str) -> None:
    where = f"forecasts of {target}"
    missing = [name for name in [*FORECAST, "predictor", *NUMBERS, "support"] if name not in forecasts]
    if missing:
        raise DataError(f"{where}: no column {', '.join(missing)}; stage backtest writes them all")
    low, high = forecasts["low"], forecasts["high"]
    faults = {
        "a predicted or actual score is NaN or infinite": ~np.isfinite(forecasts[["actual", "predicted"]]).all(axis=1),
        "the interval has one end only": low.isna() != high.isna(),
        "low is above high": low > high,
        "the same forecast is there twice": forecasts.duplicated([*FORECAST, "predictor"]),
        "the predictor is not in models/catalogue.py": ~forecasts["predictor"].isin(list(CATALOGUE)),
        "the scheme is not in models/schemes.py": ~forecasts["scheme"].isin([scheme.value for scheme in Scheme]),
    }
    for fault, rows in faults.items():
        if rows.any():
            first = forecasts[rows].iloc[0]
            about = ", ".join(str(first[name]) for name in ["scheme", "cutoff", "predictor", "model_id"])
            raise DataError(f"{where}: {fault}: {about} ({rows.sum()} rows); mend it in stage backtest")


def _summary_of(rows: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """The summary of one benchmark's scored forecasts and its losses in sets of like compute."""
    both = pd.concat([rows, rows.assign(cutoff=ALL)], ignore_index=True)
    result = _errors(both, GROUP)
    result["ratio_best_law"] = pd.concat([_ratio(both, GROUP, law) for law in LAWS], axis=1).max(axis=1)
    by_seed = both.groupby([*GROUP, "seed"]).indices
    pairs = both[["actual", "predicted"]].to_numpy(dtype=np.float64)
    accuracy = pd.Series({group: _order_accuracy(*pairs[places].T) for group, places in by_seed.items()})
    result["order_accuracy"] = accuracy.groupby(level=[0, 1, 2]).mean()
    result["regret"] = pd.concat([lost, lost.assign(cutoff=ALL)]).groupby(GROUP)["loss"].mean()
    return result.reset_index().sort_values(GROUP, key=_rank, ignore_index=True)


def _errors(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """n, mae, coverage, width, interval_score and ratio_scale_only of the scored `rows`, indexed by `keys`."""
    figures = {name: (name, "mean") for name in ("width", "interval_score")}
    by_key = rows.groupby(keys)
    result = by_key.agg(n=("error", "count"), mae=("error", "mean"), coverage=("covered", "mean"), **figures)
    return result.assign(ratio_scale_only=_ratio(rows, keys, SCALE_ONLY))


def _ratio(rows: pd.DataFrame, keys: list[str], reference: Entry) -> pd.Series:
    """MAE / MAE of `reference` on the forecasts that both make, indexed by `keys`."""
    of_reference = f"error_{reference.name}"
    total = rows[rows[of_reference].notna()].groupby(keys)[["error", of_reference]].sum()
    return total["error"] / total[of_reference]


def _order_accuracy(actual: Any, predicted: Any) -> float:
    """`pair_order_accuracy`, NaN where no two scores differ."""
    return pair_order_accuracy(actual, predicted) if np.ptp(actual) > 0 else float("nan")


def _rank(column: pd.Series) -> pd.Series:
    """What a key column is sorted by: schemes, predictors and verdicts as they are declared, cut-offs by their date,
    size or number, `all` last."""
    ordered = {
        "scheme": [scheme.value for scheme in Scheme],
        "cutoff": sorted(set(column), key=lambda cutoff: (cutoff == ALL, _numbers(cutoff))),
        "predictor": [entry.name for entry in PREDICTORS],
        "support": VERDICTS,
    }[str(column.name)]
    return column.map({value: rank for rank, value in enumerate(ordered)})


def _numbers(cutoff: str) -> tuple[float, ...]:
    """The numbers in a cut-off: its size, its year and month, or the number of its fold."""
    try:
        return (float(cutoff),)
    except ValueError:
        return tuple(float(digits) for digits in re.findall(r"\d+", cutoff))


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """One row per scheme and predictor over all benchmarks, from the `all` rows of the summary: n_targets, n, means
    over benchmarks of the ratios, width, interval_score, order_accuracy and regret, coverage of all forecasts together,
    and coverage_lowest, that of the benchmark where it is lowest."""
    whole = table[table["cutoff"] == ALL]
    with_interval = whole["n"].where(whole["coverage"].notna(), 0)
    whole = whole.assign(held=whole["coverage"] * whole["n"], with_interval=with_interval)
    by_predictor = whole.groupby(["scheme", "predictor"], sort=False)
    result = by_predictor[FIGURES].mean()
    result["coverage"] = by_predictor["held"].sum() / by_predictor["with_interval"].sum()
    result["coverage_lowest"] = by_predictor["coverage"].min()
    result["n_targets"], result["n"] = by_predictor.size(), by_predictor["n"].sum()
    return result.reset_index().sort_values(["scheme", "predictor"], key=_rank, ignore_index=True)


def by_verdict(forecasts: Mapping[str, pd.DataFrame], registered: Entry) -> pd.DataFrame:
    """One row per scheme and verdict (inside, edge, outside; a verdict that was never given has none) of the forecasts
    of `registered`, all benchmarks together: scheme, support, n, mae, coverage, width, interval_score,
    ratio_scale_only. Empty where no forecast has a verdict. Raises DataError as `summary` does."""
    kept = [rows[rows["predictor"] == registered.name] for rows in map(scored, forecasts.values(), forecasts)]
    answered = pd.concat(kept)
    result = _errors(answered[answered["support"].isin(VERDICTS)], ["scheme", "support"]).reset_index()
    return result.sort_values(["scheme", "support"], key=_rank, ignore_index=True)


def metrics(whole: pd.DataFrame, registered: Entry) -> dict[str, dict[str, float]]:
    """Scheme -> figures of `registered` over all benchmarks (`whole` as `overall` gives it), for `dvc metrics diff`; a
    figure that is NaN is left out."""
    own = whole[whole["predictor"] == registered.name].set_index("scheme").drop(columns="predictor")
    return {
        str(scheme): {str(name): float(value) for name, value in figures.dropna().items()}
        for scheme, figures in own.iterrows()
    }
