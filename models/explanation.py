"""What a predictor's answers are made of: exact tree SHAP of held-out rows, over folds and seeds. Each row is explained
by a booster that was not trained on it, so the values describe what the predictor generalises, not what it recalls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.answering.boosters import contributions
from foretell.engine import Cell
from models.boosters import train_booster
from models.forecast.fitting import fit_forecast, queries_of
from models.forecast.members import Inputs
from models.splits import Splits
from models.task import Task

Array = NDArray[np.float64]
DIGITS = 10  # of a forecast's contributions: what survives another processor


def held_out_shap(
    task: Task, features: Sequence[str], splits: Sequence[Splits], cells: Sequence[Sequence[Cell]]
) -> pd.DataFrame:
    """SHAP values (Lundberg et al. 2020, exact for trees) of every outer test row.

    `cells` [seeds][outer] are the grid cells that the nested cross-validation chose; they are refitted. Columns: seed,
    fold, model_id, feature, value (encoded, NaN = unknown), shap (score units), base. For every row the sum of `shap`
    over features plus `base` is the booster's prediction.
    """
    columns = task.columns(features)
    parts = []
    for split, chosen in zip(splits, cells, strict=True):
        for index, fold in enumerate(split.outer):
            booster = train_booster(columns[fold.train], task.scores[fold.train], chosen[index])
            shap = contributions(booster, columns[fold.test])
            models = np.array(task.model_ids)[fold.test]
            for position, name in enumerate(features):
                part = {"seed": split.seed, "fold": index, "model_id": models, "feature": name}
                values = {"value": columns[fold.test, position], "shap": shap[:, position], "base": shap[:, -1]}
                parts.append(pd.DataFrame({**part, **values}))
    return pd.concat(parts, ignore_index=True)


def held_out_contributions(task: Task, features: Sequence[str], splits: Sequence[Splits]) -> pd.DataFrame:
    """The forecast's contributions to every outer test row, by a blend fitted on the training part: columns as
    `held_out_shap`, the month of release beside the features; rows sum to the forecast."""
    inputs = Inputs(task, tuple(features))
    parts = []
    for split in splits:
        for index, fold in enumerate(split.outer):
            fitted, queries = fit_forecast(inputs, fold.train), queries_of(inputs, fold.test)
            shares = fitted.model.contributions(queries).round(DIGITS)
            values = np.column_stack([queries.encoded, queries.months])
            models = np.array(task.model_ids)[fold.test]
            for position, name in enumerate(fitted.model.parts):
                part = {"seed": split.seed, "fold": index, "model_id": models, "feature": name}
                shap = {"value": values[:, position], "shap": shares[:, position], "base": shares[:, -1]}
                parts.append(pd.DataFrame({**part, **shap}))
    return pd.concat(parts, ignore_index=True)


def mean_per_model(shap_values: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(SHAP values, feature values), each [models, features]: means over seeds and folds, for the beeswarm."""
    order = list(dict.fromkeys(shap_values["feature"]))
    grouped = shap_values.groupby(["model_id", "feature"], sort=True)
    shap = grouped["shap"].mean().unstack("feature")[order]
    return shap, grouped["value"].first().unstack("feature")[order]


def importance(shap_values: pd.DataFrame) -> pd.DataFrame:
    """feature, mean_abs_shap (score units) and rank, most important first."""
    mean = shap_values["shap"].abs().groupby(shap_values["feature"]).mean()
    table = mean.sort_values(ascending=False).rename("mean_abs_shap").rename_axis("feature").reset_index()
    return table.assign(rank=np.arange(1, len(table) + 1))
