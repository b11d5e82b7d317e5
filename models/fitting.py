"""The predictor that is registered, fitted on all models: the forecast, or plain trees with the best grid cell over all
models, XGBoost boosters on all of them and on calibration folds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from xgboost import Booster

from foretell.answering.blended import ERRORS
from foretell.answering.boosters import importance, predict_rows
from foretell.answering.card import Card
from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.intervals import CALIBRATION_FOLDS, Calibration
from foretell.answering.support import Support
from foretell.answering.trees import FINAL, fold_file
from foretell.engine import Cell
from models.boosters import train_booster
from models.forecast.fitting import fit_forecast, training_table
from models.forecast.members import Inputs
from models.nested import cell_errors
from models.problem import Problem
from models.protocol import Protocol
from models.splits import Fold, Splits, deal_families, number_families
from models.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A predictor to be stored: its `boosters` (file name -> booster), its `training` models and further `tables` (file
    name -> table), and what its card says of the fit.

    `training` holds model_id, actual, release_month where known, and the encoded features; for plain trees also, for
    random folds and (prefix `family_`) folds of whole families, the fold, the residual |actual - prediction without the
    fold| and the distance to the nearest model outside the fold.
    """

    boosters: Mapping[str, Booster]
    training: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    importance: Array
    typical_error: float
    cell: Mapping[str, float] = field(default_factory=dict)
    n_folds: int = 0
    blend: tuple[Mapping[str, Any], ...] = ()


def card(task: Task, predictor: str, features: Sequence[str], fitted: Fitted, level: float, predictable: bool) -> Card:
    """What the fitted predictor's folder says about itself."""
    target = task.target
    examples = task.design[list(features)].iloc[[0, len(task.design) // 2]].astype(object)
    return Card(
        benchmark=target.slug,
        title=target.title,
        metric=target.metric,
        lower_is_better=target.lower_is_better,
        bounds=(target.low, target.high),
        predictor=predictor,
        predictable=predictable,
        features=tuple(features),
        encoding=task.encoding,
        cell=fitted.cell,
        n_models=len(task.scores),
        n_families=len(set(task.families)),
        n_folds=fitted.n_folds,
        level=level,
        examples=tuple(
            {str(name): None if pd.isna(value) else value for name, value in row.items()}
            for row in examples.to_dict("records")
        ),
        importance=dict(zip(features, fitted.importance.tolist(), strict=True)),
        typical_error=fitted.typical_error,
        blend=fitted.blend,
    )


def fit_blend(task: Task, features: Sequence[str]) -> Fitted:
    """The forecast fitted on all models."""
    inputs, rows = Inputs(task, tuple(features)), np.arange(len(task.scores))
    fitted = fit_forecast(inputs, rows)
    blend = fitted.model.blend
    return Fitted(
        boosters={FINAL: blend.trees},
        training=training_table(inputs, rows),
        tables={ERRORS: fitted.errors},
        importance=fitted.support.importance,
        typical_error=fitted.typical_error,
        blend=tuple(part.to_dict() for part in blend.parts),
    )


def fit_trees(task: Task, features: Sequence[str], protocol: Protocol, n_seeds: int, n_folds: int) -> Fitted:
    """Choose the cell with the lowest mean error over `n_seeds` searches on all models, fit it with XGBoost."""
    columns = task.columns(features)
    cell = best_cell(task, features, protocol, n_seeds)
    final = train_booster(columns, task.scores, cell)
    weights = importance(final, columns)
    boosters: list[Booster] = []
    training = pd.DataFrame({"model_id": task.model_ids, "actual": task.scores})
    if RELEASE_MONTH in task.design:
        training[RELEASE_MONTH] = task.design[RELEASE_MONTH]
    for prefix, fold_of_row in zip(CALIBRATION_FOLDS, calibration_folds(task.families, n_folds), strict=True):
        residuals, distances = np.empty(len(task.scores)), np.empty(len(task.scores))
        for part in range(fold_of_row.max() + 1):
            out = fold_of_row == part
            booster = train_booster(columns[~out], task.scores[~out], cell)
            residuals[out] = np.abs(task.scores[out] - predict_rows(booster, columns[out]))
            distances[out] = support_of(task, features, columns, ~out, weights).nearest_distance(columns[out])
            boosters.append(booster)
        numbered = fold_of_row + len(boosters) - fold_of_row.max() - 1
        named = {"fold": numbered, "residual": residuals, "distance": distances}
        training = training.assign(**{prefix + name: values for name, values in named.items()})
    training = training.assign(**dict(zip(features, columns.T, strict=True)))
    residuals = np.concatenate([training[f"{prefix}residual"] for prefix in CALIBRATION_FOLDS])
    return Fitted(
        boosters={FINAL: final, **{fold_file(fold): booster for fold, booster in enumerate(boosters)}},
        training=training,
        tables={},
        importance=weights,
        typical_error=float(residuals.mean()),
        cell=cell._asdict(),
        n_folds=len(boosters),
    )


def support_of(
    task: Task,
    features: Sequence[str],
    columns: Array,
    rows: NDArray[Any],
    weights: Array | None = None,
    error: float | None = None,
) -> Support:
    """The region that the models in `rows` (a mask or indices) cover in encoded `columns` [n, features], each feature
    with its weight [features] in distances; `error` is the typical one of the predictor that asks."""
    described = tuple(task.encoding.feature(name) for name in features)
    released = task.design[RELEASE_MONTH][rows].tolist() if error is not None and RELEASE_MONTH in task.design else ()
    return Support(
        columns[rows],
        described,
        tuple(np.array(task.model_ids)[rows]),
        importance=weights,
        error=error,
        release_months=released,
        shares=task.encoding.shares,
    )


def best_cell(task: Task, features: Sequence[str], protocol: Protocol, n_seeds: int) -> Cell:
    """The cell with the lowest mean error over inner folds of all rows, over seeds; the first of equals."""
    rows = np.arange(len(task.scores))
    splits = []
    for seed in range(n_seeds):
        parts = KFold(protocol.inner_folds, shuffle=True, random_state=seed).split(rows)
        inner = tuple(Fold(train, test) for train, test in parts)
        everything = Fold(rows, rows[:0])
        splits.append(Splits(seed, len(rows), (everything,), (inner,), (rows[:0],)))
    problem = Problem.of(task, features, splits, protocol)
    means = [cell_errors(problem, cell).mean() for cell in protocol.cells]
    return protocol.cells[int(np.argmin(means))]


def calibration_folds(families: Sequence[Hashable], n_folds: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Each row's calibration fold [n], twice: in shuffled folds, and in folds of whole families (as many folds as
    families when there are fewer of them than `n_folds`)."""
    n = len(families)
    shuffled = np.empty(n, dtype=np.int64)
    for fold, (_, out) in enumerate(KFold(min(n_folds, n), shuffle=True, random_state=seed).split(np.empty(n))):
        shuffled[out] = fold
    family = number_families(families)
    sizes = np.bincount(family)
    dealt = deal_families(sizes, min(n_folds, sizes.size), np.random.default_rng(seed))
    return [shuffled, dealt[family]]


def calibrated(
    task: Task, features: Sequence[str], problem: Problem, cell: Cell, n_folds: int, level: float
) -> tuple[Array, Array, list[str]]:
    """The intervals, low [t] and high [t], and the support verdicts [t] that a predictor with this cell, fitted on the
    training part of the problem's only outer fold, gives to its test models. Its scores are the problem's; the interval
    is calibrated inside the training part."""
    [split] = problem.splits
    fold, known = split.outer[0], problem.x[split.outer[0].train]
    weights = importance(train_booster(known, task.scores[fold.train], cell), known)
    calibration, predictions = _calibrate(task, features, problem, fold, cell, n_folds, weights)
    error = float(calibration.residual.mean())
    support = support_of(task, features, problem.x, fold.train, weights, error)
    verdicts = support.verdicts(problem.x[fold.test], task.design[RELEASE_MONTH].iloc[fold.test])
    low, high = calibration.interval(predictions, verdicts.distance, level)
    return low, high, verdicts.verdict


def _calibrate(
    task: Task, features: Sequence[str], problem: Problem, fold: Fold, cell: Cell, n_folds: int, weights: Array
) -> tuple[Calibration, Array]:
    """Calibration inside the fold's training part: residuals and distances of its rows, and the predictions
    [calibration folds, test rows] for the fold's test rows of the models that each leave one calibration fold out.
    `weights` [features] are those of distances."""
    learner = problem.learner
    table, every = learner.prepare(problem.x), np.arange(problem.x.shape[1])
    predictions: list[Array] = []
    residuals, distances, numbers = [], [], []
    for fold_of_row in calibration_folds([task.families[row] for row in fold.train], n_folds):
        for part in range(fold_of_row.max() + 1):
            known, out = fold.train[fold_of_row != part], fold.train[fold_of_row == part]
            rows = np.concatenate([out, fold.test])
            predicted = learner.predict(table, every, task.scores, known, rows, [cell])[0].astype(np.float64)
            residuals.append(np.abs(task.scores[out] - predicted[: len(out)]))
            support = support_of(task, features, problem.x, known, weights)
            distances.append(support.nearest_distance(problem.x[out]))
            numbers.append(np.full(len(out), len(predictions)))
            predictions.append(predicted[len(out) :])
    calibration = Calibration(np.concatenate(numbers), np.concatenate(residuals), np.concatenate(distances))
    return calibration, np.array(predictions)
