"""What it costs to choose a model by its forecast: the score lost by taking, of models that cost as much to train, the
one predicted best."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.laws.counting import training_flops

LIKE_COMPUTE = 2.0
"""Two models have like compute when the larger compute is at most this many times the smaller."""


def training_compute(design: pd.DataFrame) -> pd.Series:
    """Training compute of each model of the design table in FLOPs (6 x parameters x tokens), by model_id."""
    flops = training_flops(design["total_params"].to_numpy(float), 1e9 * design["tokens_billions"].to_numpy(float))
    return pd.Series(flops, index=design["model_id"])


def like_compute(flops: NDArray[np.float64], factor: float = LIKE_COMPUTE) -> NDArray[np.int64]:
    """The number of each model's set [n]: models are taken by increasing compute `flops` [n]; the first that is in no
    set yet begins one, and all with at most `factor` times its compute join it. So no model is in two sets, and any two
    of a set have like compute. A model of unknown compute (NaN) is in none: -1."""
    sets = np.full(len(flops), -1, dtype=np.int64)
    first, number = -np.inf, -1
    for index in np.argsort(flops, kind="stable"):
        if np.isnan(flops[index]):
            continue
        if number < 0 or flops[index] > factor * first:
            first, number = flops[index], number + 1
        sets[index] = number
    return sets


def losses(rows: pd.DataFrame, compute: pd.Series, lower_is_better: bool) -> pd.DataFrame:
    """The score lost in each set of like compute, by predictor: columns scheme, cutoff, predictor, loss (>= 0).

    A period is one scheme, seed and cut-off; its test models are grouped by `like_compute`, and a set counts where a
    predictor forecasts two or more of its models. Loss = the best actual score of the set less that of the model
    predicted best; where several are predicted equally good, less the mean of theirs. With `lower_is_better` the best
    score is the lowest.

    Args:
        rows: scheme, seed, cutoff, predictor, model_id, actual, predicted; one row per forecast.
        compute: training compute in FLOPs, by model_id; NaN where unknown.
        lower_is_better: whether a lower score is better.
    """
    period = ["scheme", "seed", "cutoff"]
    models = rows[[*period, "model_id"]].drop_duplicates()
    flops = models["model_id"].map(compute).astype(float)
    models["set"] = flops.groupby([models[name] for name in period]).transform(
        lambda group: like_compute(group.to_numpy())
    )
    sign = -1.0 if lower_is_better else 1.0
    choice = rows.merge(models[models["set"] >= 0], on=[*period, "model_id"])
    choice["actual"], choice["predicted"] = sign * choice["actual"], sign * choice["predicted"]
    group = [*period, "predictor", "set"]
    by_set = choice.groupby(group)
    choice = choice[by_set["model_id"].transform("count") >= 2]
    taken = choice[choice["predicted"] == choice.groupby(group)["predicted"].transform("max")]
    loss = choice.groupby(group)["actual"].max() - taken.groupby(group)["actual"].mean()
    return loss.rename("loss").reset_index()[["scheme", "cutoff", "predictor", "loss"]]
