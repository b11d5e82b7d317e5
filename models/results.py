"""What the tables that evaluation wrote say: chosen cells, errors per seed, and the comparisons that reports, gates and
runs are made of. Predictors are named as in the tables' column `predictor`."""

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
from models.catalogue import MEDIAN
from models.schemes import Scheme

Array = NDArray[np.float64]


def rows_of(table: pd.DataFrame, predictor: str, scheme: Scheme) -> pd.DataFrame:
    """The rows of one predictor on one scheme, of a table with columns predictor and scheme."""
    return table[(table["predictor"] == predictor) & (table["scheme"] == scheme.value)]


def chosen_cells(
    choices: pd.DataFrame, predictor: str, scheme: Scheme, n_seeds: int, n_folds: int
) -> Sequence[Sequence[Cell]]:
    """Grid cells [seeds][folds] that the nested cross-validation of `predictor` chose.

    Raises DataError when a seed or fold is missing from `choices` (columns as Evaluation.choices).
    """
    by_fold = rows_of(choices, predictor, scheme).set_index(["seed", "fold"])
    folds = [(seed, fold) for seed in range(n_seeds) for fold in range(n_folds)]
    missing = [pair for pair in folds if pair not in by_fold.index]
    if missing:
        raise DataError(f"{predictor}: no chosen cell for (seed, fold) {missing[:3]}; explain at most evaluate.seeds")
    settings = by_fold.reindex(folds)[["learning_rate", "max_depth", "n_estimators"]].to_dict("records")
    cells = [Cell(float(s["learning_rate"]), int(s["max_depth"]), int(s["n_estimators"])) for s in settings]
    return [cells[seed * n_folds : (seed + 1) * n_folds] for seed in range(n_seeds)]


def fold_matrix(errors: pd.DataFrame, predictor: str, scheme: Scheme) -> Array:
    """Fold errors [seeds, folds] of one predictor. Raises DataError when there are none or some are missing."""
    rows = rows_of(errors, predictor, scheme)
    matrix = rows.pivot(index="seed", columns="fold", values="mae").to_numpy(dtype=np.float64)
    if matrix.size == 0 or not np.isfinite(matrix).all():
        raise DataError(f"{predictor}, {scheme.label}: {matrix.size} errors, all of which must be there and finite")
    return matrix


def seed_errors(errors: pd.DataFrame, predictor: str, scheme: Scheme = Scheme.RANDOM) -> Array:
    """Mean absolute error of each seed [seeds], the mean over its folds. Raises DataError as `fold_matrix` does."""
    return np.asarray(fold_matrix(errors, predictor, scheme).mean(axis=1), dtype=np.float64)


def is_evaluated(errors: pd.DataFrame, predictor: str, scheme: Scheme) -> bool:
    """Whether the table holds errors of this predictor on this scheme."""
    return not rows_of(errors, predictor, scheme).empty


@dataclass(frozen=True)
class Comparison:
    """How `candidate` compares with `reference` on the same seeds and folds. `improvement` is the relative reduction
    of the mean MAE in percent; `over_seeds` is the paired t-test over seeds (split noise only); `corrected` the
    Nadeau-Bengio test over folds, which accounts for overlapping training sets."""

    improvement: float
    over_seeds: PairedTest
    corrected: PairedTest


def compare(errors: pd.DataFrame, reference: str, candidate: str, scheme: Scheme = Scheme.RANDOM) -> Comparison:
    """Compare two predictors of one benchmark's errors table, on the candidate's seeds."""
    base, new = fold_matrix(errors, reference, scheme), fold_matrix(errors, candidate, scheme)
    base = base[: len(new)]
    sizes = rows_of(errors, candidate, scheme)
    return Comparison(
        relative_improvement(base.mean(axis=1), new.mean(axis=1)),
        paired_t(base.mean(axis=1), new.mean(axis=1)),
        corrected_paired_t(base, new, float(sizes["n_train"].mean()), float(sizes["n_test"].mean())),
    )


def mae_interval(errors: pd.DataFrame, predictor: str, scheme: Scheme = Scheme.RANDOM) -> Interval:
    """Mean MAE over seeds with its 95 % t interval."""
    return mean_interval(seed_errors(errors, predictor, scheme))


def order_accuracy(predictions: pd.DataFrame, predictor: str, scheme: Scheme) -> float:
    """Mean over seeds of the share of model pairs ordered rightly by out-of-fold predictions."""
    by_seed = rows_of(predictions, predictor, scheme).groupby("seed")
    per_seed = [pair_order_accuracy(group["actual"], group["predicted"]) for _, group in by_seed]
    return float(np.mean(per_seed))


def beats_median(errors: pd.DataFrame, predictor: str) -> bool:
    """Whether `predictor` has a lower mean error than the median on held-out families. If not, its benchmark counts as
    not predictable from design."""
    own, median = (fold_matrix(errors, name, Scheme.FAMILY).mean() for name in (predictor, MEDIAN.name))
    return bool(own < median)
