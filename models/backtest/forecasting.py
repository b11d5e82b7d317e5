"""The backtest: what would have been said of every model by those that were known, and what came. Every outer fold of
every scheme is fitted by itself: features, grid cells, weights and intervals are chosen inside its training part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.intervals import bounded
from foretell.answering.model import Raw
from foretell.answering.offsets import scores_of
from foretell.parallel import HERE, Spread
from models.baselines import baselines, power_law
from models.catalogue import (
    EVERY_DESIGN,
    FORECAST,
    LOG_LINEAR,
    MEMBERS,
    POWER_LAW,
    SCALE_ONLY,
    SELECTED_DESIGN,
    Entry,
)
from models.fitting import calibrated
from models.forecast.fitting import fit_forecast, queries_of
from models.forecast.members import Inputs, predict_members
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import Scheme
from models.selection import Rule, forward_select, selected
from models.splits import Fold, Splits
from models.task import Task

Array = NDArray[np.float64]
DIGITS = 10  # of forecasts: what survives another processor
LAWS = (LOG_LINEAR, POWER_LAW)
TREES = (SCALE_ONLY, EVERY_DESIGN, SELECTED_DESIGN)


@dataclass(frozen=True)
class Plan:
    """How the backtest is run: the `protocol`, how many `seeds` draw the folds of random and family, the `rule` by
    which features are selected inside each training part, the number of `calibration_folds` of plain trees and the
    `level` of the intervals."""

    protocol: Protocol
    seeds: int
    rule: Rule
    calibration_folds: int
    level: float


@dataclass(frozen=True)
class Part:
    """One outer fold: its scheme, its seed's splits restricted to it, and the words for its cut-off."""

    scheme: Scheme
    splits: Splits
    cutoff: str

    @property
    def fold(self) -> Fold:
        """The training and test rows."""
        return self.splits.outer[0]


@dataclass(frozen=True)
class Given:
    """What one predictor says of the test models [t]: scores, intervals (NaN: none) and verdicts ("": none)."""

    predicted: Array
    low: Array
    high: Array
    support: Sequence[str]

    @classmethod
    def alone(cls, predicted: Array) -> Given:
        """Scores without intervals."""
        none = np.full(len(predicted), np.nan)
        return cls(predicted, none, none, [""] * len(predicted))

    @classmethod
    def within(cls, raw: Raw, support: Sequence[str], bounds: tuple[float, float]) -> Given:
        """Scores and intervals as they would be answered, within what is possible."""
        return cls(*bounded(raw.score, raw.low, raw.high, bounds), support)

    def table(self, task: Task, fold: Fold) -> pd.DataFrame:
        """One row per test model."""
        return pd.DataFrame(
            {
                "model_id": np.array(task.model_ids)[fold.test],
                "actual": task.scores[fold.test],
                "predicted": self.predicted,
                "low": self.low,
                "high": self.high,
                "support": list(self.support),
            }
        )


def parts_of(task: Task, plan: Plan) -> Iterator[Part]:
    """Every outer fold of every scheme."""
    for scheme in Scheme:
        for split in scheme.splits(task, plan.seeds, plan.protocol):
            for index in range(len(split.outer)):
                alone = replace(
                    split,
                    outer=(split.outer[index],),
                    inner=(split.inner[index],),
                    set_aside=(split.set_aside[index],),
                )
                yield Part(scheme, alone, split.cutoffs[index] if split.cutoffs else f"fold {index + 1}")


def n_parts(task: Task, plan: Plan) -> int:
    """How many times `backtest` calls `on_done`: once for each outer fold of each scheme."""
    return sum(1 for _ in parts_of(task, plan))


def backtest(
    task: Task,
    features: Mapping[Entry, Sequence[str]],
    plan: Plan,
    spread: Spread,
    on_done: Callable[[str], None] = lambda description: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every forecast of the laws, the plain trees, the members and their blend (`features` names what each learns from;
    those of SELECTED_DESIGN are chosen anew by the plan's rule). Folds are spread over processes.

    Returns the forecasts (scheme, seed, cutoff, predictor, model_id, actual, predicted, low, high, support, n_train;
    NaN and "" where a predictor gives no interval or verdict) and what was chosen inside each training part (scheme,
    seed, cutoff, predictor, choice, value): the members' weights, and the selected features as one text.
    """
    parts = list(parts_of(task, plan))
    done = spread.without_gil.map(
        partial(_forecasts_of, task, features, plan), parts, lambda result: on_done(f"{len(result[0])} predictors")
    )
    rows: list[pd.DataFrame] = []
    chosen: list[dict[str, Any]] = []
    for part, (answers, choices) in zip(parts, done, strict=True):
        about: dict[str, Any] = {"scheme": part.scheme.value, "seed": part.splits.seed, "cutoff": part.cutoff}
        for entry, given in answers.items():
            table = given.table(task, part.fold)
            rows.append(table.assign(**about, predictor=entry.name, n_train=len(part.fold.train)))
        chosen += [{**about, **choice} for choice in choices]
    columns = ["scheme", "seed", "cutoff", "predictor", "model_id", "actual", "predicted", "low", "high", "support"]
    forecasts = pd.concat(rows, ignore_index=True)[[*columns, "n_train"]]
    return forecasts.round(DIGITS), pd.DataFrame(chosen)


def _forecasts_of(
    task: Task,
    features: Mapping[Entry, Sequence[str]],
    plan: Plan,
    part: Part,
) -> tuple[dict[Entry, Given], list[dict[str, Any]]]:
    """What each predictor, fitted on one training part, says of its test part, and what was chosen inside."""
    fold, bounds = part.fold, (task.target.low, task.target.high)
    by_baseline = baselines(task, power_law(task))
    answers = {entry: Given.alone(by_baseline[entry](fold.train)[fold.test]) for entry in LAWS}
    choices: list[dict[str, Any]] = []
    path = forward_select(task.subset(np.sort(fold.train)), plan.rule, HERE)
    inside = {**features, SELECTED_DESIGN: selected(path)}
    choices.append(_choice(SELECTED_DESIGN, "features", ", ".join(inside[SELECTED_DESIGN])))
    for entry in TREES:
        problem = Problem.of(task, inside[entry], [part.splits], plan.protocol)
        nested = nested_cv(problem)
        cell = plan.protocol.cells[int(nested.cell[0, 0])]
        low, high, support = calibrated(task, inside[entry], problem, cell, plan.calibration_folds, plan.level)
        raw = Raw(nested.predictions[0, fold.test], low, high)
        answers[entry] = Given.within(raw, support, bounds)
    inputs = Inputs(task, tuple(features[FORECAST]))
    of_members = predict_members(inputs, fold.train, fold.test)
    answers |= {entry: Given.alone(scores_of(of_members[:, i], bounds)) for i, entry in enumerate(MEMBERS)}
    fitted = fit_forecast(inputs, fold.train)
    queries = queries_of(inputs, fold.test)
    verdicts = fitted.support.verdicts(queries.encoded, task.design[RELEASE_MONTH].iloc[fold.test])
    answers[FORECAST] = Given.within(fitted.model.answers(queries, verdicts, plan.level), verdicts.verdict, bounds)
    choices += [_choice(entry, "weight", f"{weight:.4f}") for entry, weight in fitted.weights.items()]
    return answers, choices


def _choice(entry: Entry, choice: str, value: str) -> dict[str, Any]:
    return {"predictor": entry.name, "choice": choice, "value": value}
