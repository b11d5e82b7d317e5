"""The predictor that is registered: the best grid cell over all models, XGBoost boosters on all of them and on
calibration folds, and a measurement of how often its intervals hold on held-out models and families."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from xgboost import Booster

from foretell.answering.boosters import importance, predict_rows
from foretell.answering.card import Card
from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.intervals import CALIBRATION_FOLDS, Calibration, bounded, coverage
from foretell.answering.predictor import FINAL, fold_file
from foretell.answering.support import Support
from foretell.engine import Cell
from models.boosters import train_booster
from models.nested import cell_errors, nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.splits import Fold, Splits, deal_families, number_families
from models.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """Boosters fitted on every model (`final`) and without each calibration fold (`folds`), with `training`: model_id,
    actual, then for random folds and (prefix `family_`) folds of whole families the fold, the residual |actual -
    prediction without the fold| and the distance to the nearest model outside the fold; then the encoded features."""

    cell: Cell
    final: Booster
    folds: tuple[Booster, ...]
    training: pd.DataFrame

    def boosters(self) -> dict[str, Booster]:
        """File name -> booster, as foretell.answering.predictor reads them."""
        return {FINAL: self.final, **{fold_file(fold): booster for fold, booster in enumerate(self.folds)}}


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
        cell=fitted.cell._asdict(),
        n_models=len(task.scores),
        n_families=len(set(task.families)),
        n_folds=len(fitted.folds),
        level=level,
        examples=tuple(
            {str(name): None if pd.isna(value) else value for name, value in row.items()}
            for row in examples.to_dict("records")
        ),
    )


def fit(task: Task, features: Sequence[str], protocol: Protocol, n_seeds: int, n_folds: int) -> Fitted:
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
    return Fitted(cell, final, tuple(boosters), training)


def support_of(
    task: Task, features: Sequence[str], columns: Array, rows: NDArray[Any], weights: Array | None = None
) -> Support:
    """The region that the models in `rows` (a mask or indices) cover in encoded `columns` [n, features], each feature
    with its weight [features] in distances."""
    described = tuple(task.encoding.feature(name) for name in features)
    return Support(columns[rows], described, tuple(np.array(task.model_ids)[rows]), importance=weights)


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


def measure_coverage(
    task: Task, features: Sequence[str], protocol: Protocol, splits: Sequence[Splits], n_folds: int, level: float
) -> dict[str, float]:
    """Coverage and mean width of the intervals on the test parts of `splits`: in every outer training part the cell is
    chosen inside, the calibration models are fitted on its folds, and their intervals are held against unseen scores.
    """
    problem = Problem.of(task, features, splits, protocol)
    nested, bounds = nested_cv(problem), (task.target.low, task.target.high)
    parts: list[tuple[Array, Array, Array]] = []
    for split, cells, scores in zip(problem.splits, nested.cell, nested.predictions, strict=True):
        for fold, cell in zip(split.outer, cells, strict=True):
            chosen, known = protocol.cells[int(cell)], problem.x[fold.train]
            weights = importance(train_booster(known, task.scores[fold.train], chosen), known)
            calibration, predictions = _calibrate(task, features, problem, fold, chosen, n_folds, weights)
            support = support_of(task, features, problem.x, fold.train, weights)
            distances = support.nearest_distance(problem.x[fold.test])
            low, high = calibration.interval(predictions, distances, level)
            _, low, high = bounded(scores[fold.test], low, high, bounds)
            parts.append((task.scores[fold.test], low, high))
    actual, low, high = (np.concatenate(values) for values in zip(*parts, strict=True))
    return {"coverage": coverage(actual, low, high), "mean_width": float(np.mean(high - low))}


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
