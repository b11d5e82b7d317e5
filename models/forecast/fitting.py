"""The forecast of one training part: members, the weights of their blend and the errors that its intervals come from,
all decided on folds inside the part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.answering.blend import Blend, Part
from foretell.answering.blended import Blended
from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.model import Queries
from foretell.answering.offsets import scores_of
from foretell.answering.spread import Errors
from foretell.answering.support import Support
from foretell.answering.verdicts import month_text
from models.catalogue import LINE_BOOSTED_TREES, MEMBERS, Entry
from models.forecast.folds import inner_folds
from models.forecast.members import FORESTED, Inputs, final_offset, fit_members, predict_members
from models.forecast.merging import merge
from models.schemes import Scheme
from models.splits import Indices

Array = NDArray[np.float64]
SHRINKAGE = 0.8
"""How far the weights are moved from the best ones inside the training part towards equal ones. With a few dozen models
the best ones are mostly luck: without shrinkage the blend errs more than with equal weights."""
STEPS = 4
"""Weights are tried in steps of 1 / STEPS."""
WEIGHED_BY = (Scheme.FAMILY, Scheme.TIME)
"""What decides the weights: a new family and a later model, half and half, are what a forecast is asked about."""


@dataclass(frozen=True)
class OutOfFold:
    """Every prediction inside a training part, one entry [m] per fold and model that it left out: its `row`, the number
    of the `fold` and its `scheme`, and the members' log odds [m, members]; `train` [folds] are the training parts."""

    row: Indices
    fold: Indices
    scheme: NDArray[np.str_]
    log_odds: Array
    train: Mapping[int, Indices]


@dataclass(frozen=True)
class FittedForecast:
    """What a fit on `rows` gives: `model` answers, `support` judges, `weights` are the members', `errors` the table
    that the intervals come from (errors.csv)."""

    rows: Indices
    model: Blended
    support: Support
    weights: Mapping[Entry, float]
    errors: pd.DataFrame

    @property
    def typical_error(self) -> float:
        """The mean absolute out-of-fold error, in score units."""
        return float(self.model.errors.error.mean())


def out_of_fold(inputs: Inputs, rows: Indices) -> OutOfFold:
    """The members' predictions of the folds inside `rows`."""
    folds = list(inner_folds(inputs.task, rows))
    inputs.law.fit([each.fold.train for each in folds] + [rows])
    answers = [predict_members(inputs, each.fold.train, each.fold.test) for each in folds]
    return OutOfFold(
        row=np.concatenate([each.fold.test for each in folds]),
        fold=np.concatenate([np.full(each.fold.test.size, each.number) for each in folds]),
        scheme=np.concatenate([np.full(each.fold.test.size, each.scheme.value) for each in folds]),
        log_odds=np.concatenate(answers),
        train={each.number: each.fold.train for each in folds},
    )


def blend_weights(out: OutOfFold, actual: Array, bounds: tuple[float, float]) -> Array:
    """The members' weights [members], at least 0 and 1 together: those of a grid with the lowest error, mean over the
    schemes of WEIGHED_BY, moved towards equal ones by SHRINKAGE."""
    n_members = out.log_odds.shape[1]
    grid = np.array([point for point in np.ndindex(*(STEPS + 1,) * n_members) if sum(point) == STEPS]) / STEPS
    kinds = [out.scheme == scheme.value for scheme in WEIGHED_BY if (out.scheme == scheme.value).any()]

    def error(weights: Array) -> float:
        missed = np.abs(scores_of(out.log_odds @ weights, bounds) - actual[out.row])
        return float(np.mean([missed[kind].mean() for kind in kinds]))

    best = grid[int(np.argmin([error(weights) for weights in grid]))] if kinds else np.full(n_members, 1 / n_members)
    return np.asarray((1 - SHRINKAGE) * best + SHRINKAGE / n_members)


def fit_forecast(inputs: Inputs, rows: Indices) -> FittedForecast:
    """Fit members, blend and intervals on `rows`, without a look at others."""
    out = out_of_fold(inputs, rows)
    weights = blend_weights(out, inputs.task.scores, inputs.bounds)
    by_member = dict(zip(MEMBERS, weights.tolist(), strict=True))
    _, trees = fit_members(inputs, rows)
    of_forest = np.array([by_member[entry] for entry in FORESTED])
    booster = merge(trees.forest, of_forest, trees.boosted, by_member[LINE_BOOSTED_TREES])
    parts = tuple(Part(m.name, m.title, weight, final_offset(m, inputs, rows)) for m, weight in by_member.items())
    months = inputs.task.release_months
    blend = Blend(parts, booster, inputs.bounds, inputs.encoded[rows], inputs.newest(rows))
    importance = blend.importance(months[rows])
    predicted = scores_of(out.log_odds @ weights, inputs.bounds)
    errors = pd.DataFrame(
        {
            "model_id": np.array(inputs.task.model_ids)[out.row],
            "fold": out.fold,
            "later": (out.scheme == Scheme.TIME.value).astype(int),
            "actual": inputs.task.scores[out.row],
            "predicted": predicted,
            "distance": _distances(inputs, out, importance),
        }
    )
    support = support_of(inputs, rows, importance, float((errors["actual"] - errors["predicted"]).abs().mean()))
    position = np.full(len(inputs.task.scores), -1)
    position[rows] = np.arange(rows.size)
    model = Blended(
        blend,
        Errors.of(errors, inputs.bounds),
        position[out.row],
        inputs.names,
        inputs.task.scores[rows],
        months[rows],
    )
    return FittedForecast(rows, model, support, by_member, errors)


def support_of(inputs: Inputs, rows: Indices, importance: Array, error: float | None = None) -> Support:
    """The region that the models in `rows` cover."""
    encoding, task = inputs.task.encoding, inputs.task
    return Support(
        inputs.encoded[rows],
        tuple(encoding.feature(name) for name in inputs.names),
        tuple(np.array(task.model_ids)[rows]),
        importance=importance,
        error=error,
        release_months=[None if np.isnan(month) else month_text(month) for month in task.release_months[rows]],
        shares=encoding.shares,
    )


def _distances(inputs: Inputs, out: OutOfFold, importance: Array) -> Array:
    """How far each entry's model lies from the nearest of its fold's training part [m]."""
    distances = np.empty(len(out.row))
    for number, train in out.train.items():
        own = out.fold == number
        distances[own] = support_of(inputs, train, importance).nearest_distance(inputs.encoded[out.row[own]])
    return distances


def training_table(inputs: Inputs, rows: Indices) -> pd.DataFrame:
    """The training models as a predictor's training.csv holds them: model_id, actual, release_month, and the encoded
    features."""
    months = inputs.task.release_months[rows]
    table = pd.DataFrame(
        {
            "model_id": np.array(inputs.task.model_ids)[rows],
            "actual": inputs.task.scores[rows],
            RELEASE_MONTH: ["" if np.isnan(month) else month_text(month) for month in months],
        }
    )
    return table.assign(**dict(zip(inputs.names, inputs.encoded[rows].T, strict=True)))


def queries_of(inputs: Inputs, rows: Indices) -> Queries:
    """The models in `rows` as they would be asked about, their month of release told."""
    return Queries(inputs.encoded[rows], inputs.task.release_months[rows])
