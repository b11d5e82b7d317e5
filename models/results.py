"""Reading the tables that evaluation wrote: chosen cells, errors per seed, and the comparisons that reports, gates and
runs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.engine import Cell
from foretell.errors import DataError
from foretell.stats import (
    Interval,
    PairedTest,
    corrected_paired_t,
    mean_interval,
    pair_order_accuracy,
    paired_t,
    relative_improvement,
)

Array = NDArray[np.float64]


def chosen_cells(
    choices: pd.DataFrame, predictor: str, scheme: str, n_seeds: int, n_folds: int
) -> Sequence[Sequence[Cell]]:
    """Grid cells [seeds][folds] that the nested cross-validation of `predictor` chose.

    Raises DataError when a seed or fold is missing from `choices` (columns as Evaluation.choices).
    """
    mine = choices[(choices["predictor"] == predictor) & (choices["scheme"] == scheme)].set_index(["seed", "fold"])
    wanted = [(seed, fold) for seed in range(n_seeds) for fold in range(n_folds)]
    missing = [pair for pair in wanted if pair not in mine.index]
    if missing:
        raise DataError(f"{predictor}: no chosen cell for (seed, fold) {missing[:3]}; explain at most evaluate.seeds")
    settings = mine.reindex(wanted)[["learning_rate", "max_depth", "n_estimators"]].to_dict("records")
    flat = [Cell(float(s["learning_rate"]), int(s["max_depth"]), int(s["n_estimators"])) for s in settings]
    return [flat[seed * n_folds : (seed + 1) * n_folds] for seed in range(n_seeds)]


def fold_matrix(errors: pd.DataFrame, predictor: str, scheme: str) -> Array:
    """Fold errors [seeds, folds] of one predictor. Raises DataError when there are none or some are missing."""
    mine = errors[(errors["predictor"] == predictor) & (errors["scheme"] == scheme)]
    matrix = mine.pivot(index="seed", columns="fold", values="mae").to_numpy(dtype=np.float64)
    if matrix.size == 0 or not np.isfinite(matrix).all():
        raise DataError(f"{predictor}, {scheme} folds: {matrix.size} errors, all of which must be there and finite")
    return matrix


@dataclass(frozen=True)
class Comparison:
    """How `candidate` compares with `reference` on the same seeds and folds. `improvement` is the relative reduction
    of the mean MAE in percent; `over_seeds` is the paired t-test over seeds (split noise only); `corrected` the
    Nadeau-Bengio test over folds, which accounts for overlapping training sets."""

    improvement: float
    over_seeds: PairedTest
    corrected: PairedTest


def compare(errors: pd.DataFrame, reference: str, candidate: str, scheme: str = "random") -> Comparison:
    """Compare two predictors of one benchmark's errors table."""
    base, new = fold_matrix(errors, reference, scheme), fold_matrix(errors, candidate, scheme)
    sizes = errors[(errors["predictor"] == candidate) & (errors["scheme"] == scheme)]
    return Comparison(
        relative_improvement(base.mean(axis=1), new.mean(axis=1)),
        paired_t(base.mean(axis=1), new.mean(axis=1)),
        corrected_paired_t(base, new, float(sizes["n_train"].mean()), float(sizes["n_test"].mean())),
    )


def mae_interval(errors: pd.DataFrame, predictor: str, scheme: str = "random") -> Interval:
    """Mean MAE over seeds with its 95 % t interval."""
    return mean_interval(fold_matrix(errors, predictor, scheme).mean(axis=1))


def order_accuracy(predictions: pd.DataFrame, predictor: str, scheme: str) -> float:
    """Mean over seeds of the share of model pairs ordered rightly by out-of-fold predictions."""
    mine = predictions[(predictions["predictor"] == predictor) & (predictions["scheme"] == scheme)]
    per_seed = [pair_order_accuracy(group["actual"], group["predicted"]) for _, group in mine.groupby("seed")]
    return float(np.mean(per_seed))


def beats_median(errors: pd.DataFrame, predictor: str) -> bool:
    """Does `predictor` have a lower mean error than the median on held-out families? If not, its benchmark counts as
    not predictable from design."""
    own, median = (fold_matrix(errors, name, "family").mean() for name in (predictor, "median"))
    return bool(own < median)
