"""The predictor that is registered: the best grid cell over all models, XGBoost boosters on all of them and on
calibration folds, and a measurement of how often its intervals hold on held-out models and families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from xgboost import Booster

from features.schema import BENCHMARKS, SCORE_BOUNDS
from models.boosters import predict_rows, train_booster
from models.engine import Cell
from models.intervals import coverage, cv_plus
from models.learners import LEARNERS
from models.nested import Fold, Protocol, Splits, cell_errors, nested_cv
from models.predictor import FINAL, fold_file
from models.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """Boosters fitted on every model (`final`) and without each calibration fold (`folds`), with `training`:
    model_id, fold, residual (|actual - prediction without its fold|), actual, then the encoded features."""

    cell: Cell
    final: Booster
    folds: tuple[Booster, ...]
    training: pd.DataFrame

    def boosters(self) -> dict[str, Booster]:
        """File name -> booster, as models.predictor reads them."""
        return {FINAL: self.final, **{fold_file(fold): booster for fold, booster in enumerate(self.folds)}}


def card(
    task: Task, predictor: str, features: Sequence[str], fitted: Fitted, level: float, predictable: bool
) -> dict[str, Any]:
    """What a predictor's folder says about itself: how to encode a query, read the boosters and bound the answer."""
    about = BENCHMARKS[task.benchmark]
    examples = task.design[list(features)].iloc[[0, len(task.design) // 2]].astype(object)
    return {
        "benchmark": task.benchmark,
        "title": about.title,
        "metric": about.metric,
        "lower_is_better": about.lower_is_better,
        "bounds": list(SCORE_BOUNDS[about.metric]),
        "predictor": predictor,
        "predictable": predictable,
        "features": list(features),
        "encoding": task.encoding.to_dict(),
        "cell": fitted.cell._asdict(),
        "n_models": len(task.scores),
        "n_families": len(set(task.families)),
        "n_folds": len(fitted.folds),
        "level": level,
        "examples": [
            {name: None if pd.isna(value) else value for name, value in row.items()}
            for row in examples.to_dict("records")
        ],
    }


def fit(task: Task, features: Sequence[str], protocol: Protocol, n_seeds: int, n_folds: int) -> Fitted:
    """Choose the cell with the lowest mean error over `n_seeds` searches on all models, fit it with XGBoost."""
    columns = task.columns(features)
    cell = best_cell(columns, task.scores, protocol, n_seeds)
    fold_of_row = calibration_folds(len(task.scores), n_folds)
    boosters, residuals = [], np.empty(len(task.scores))
    for part in range(n_folds):
        out = fold_of_row == part
        booster = train_booster(columns[~out], task.scores[~out], cell)
        residuals[out] = np.abs(task.scores[out] - predict_rows(booster, columns[out]))
        boosters.append(booster)
    training = pd.DataFrame({"model_id": task.model_ids, "fold": fold_of_row, "residual": residuals})
    training = training.assign(actual=task.scores, **dict(zip(features, columns.T, strict=True)))
    return Fitted(cell, train_booster(columns, task.scores, cell), tuple(boosters), training)


def best_cell(columns: Array, scores: Array, protocol: Protocol, n_seeds: int) -> Cell:
    """The cell with the lowest mean error over inner folds of all rows, over seeds; the first of equals."""
    rows = np.arange(len(scores))
    splits = []
    for seed in range(n_seeds):
        parts = KFold(protocol.inner_folds, shuffle=True, random_state=seed).split(rows)
        inner = tuple(Fold(train, test) for train, test in parts)
        everything = Fold(rows, rows[:0])
        splits.append(Splits(seed, len(rows), (everything,), (inner,), (rows[:0],)))
    means = [cell_errors(columns, scores, splits, protocol, cell).mean() for cell in protocol.cells]
    return protocol.cells[int(np.argmin(means))]


def calibration_folds(n: int, n_folds: int, seed: int = 0) -> NDArray[np.intp]:
    """Each row's calibration fold [n]."""
    fold_of_row = np.empty(n, dtype=np.intp)
    for fold, (_, out) in enumerate(KFold(n_folds, shuffle=True, random_state=seed).split(np.empty(n))):
        fold_of_row[out] = fold
    return fold_of_row


def measure_coverage(
    task: Task, features: Sequence[str], protocol: Protocol, splits: Sequence[Splits], n_folds: int, level: float
) -> dict[str, float]:
    """Coverage and mean width of CV+ intervals on the test parts of `splits`: in every outer training part the cell is
    chosen inside, `n_folds` calibration models are fitted, and their intervals are held against the unseen scores."""
    columns = task.columns(features)
    learner = LEARNERS["engine"]
    table, every = learner.prepare(columns), np.arange(columns.shape[1])
    chosen = nested_cv(columns, task.scores, splits, protocol).cell
    covered, widths, tested = 0.0, [], 0
    for seed, split in enumerate(splits):
        for index, fold in enumerate(split.outer):
            cell = protocol.cells[int(chosen[seed, index])]
            fold_of_row = calibration_folds(len(fold.train), n_folds)
            predictions, residuals = np.empty((n_folds, len(fold.test))), np.empty(len(fold.train))
            for part in range(n_folds):
                out = fold_of_row == part
                asked = np.concatenate([fold.train[out], fold.test])
                predicted = learner.predict(table, every, task.scores, fold.train[~out], asked, [cell])[0]
                residuals[out] = np.abs(task.scores[fold.train[out]] - predicted[: out.sum()])
                predictions[part] = predicted[out.sum() :]
            low, high = cv_plus(predictions, residuals, fold_of_row, level)
            covered += coverage(task.scores[fold.test], low, high) * len(fold.test)
            widths.append(float(np.mean(high - low)))
            tested += len(fold.test)
    return {"coverage": covered / tested, "mean_width": float(np.mean(widths))}
