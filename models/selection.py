"""Forward selection: start from parameters and tokens, add the feature that lowers the nested error most, stop when
none does by more than a threshold. The whole path is kept, so that "why not feature X?" has an answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from features.catalogue import SCALE, View, feature_names
from foretell.parallel import Spread
from models.catalogue import LearnerName
from models.learners import LEARNERS
from models.nested import nested_cv, nested_cv_many
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import Scheme
from models.task import Task

Array = NDArray[np.float64]
CHUNK = 6  # candidates a worker scores at a time
LARGE = 500  # models; with more, one candidate takes a second or longer and is a piece of work by itself
CHECKED: tuple[LearnerName, LearnerName] = ("engine", "xgboost")


@dataclass(frozen=True)
class Candidate:
    """A feature tried at a step: the mean nested MAE over seeds when it is added, and its spread over them."""

    feature: str
    mae: float
    mae_std: float
    chosen: bool


@dataclass(frozen=True)
class Step:
    """One step: the features so far (`base`), their mean MAE, every candidate, and the one added ("" = none helps)."""

    base: tuple[str, ...]
    mae: float
    added: str
    candidates: tuple[Candidate, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Step:
        """The inverse of `to_dict`."""
        candidates = tuple(Candidate(**candidate) for candidate in plain["candidates"])
        return cls(tuple(plain["base"]), plain["mae"], plain["added"], candidates)


class Keeper(Interface):
    """Stores the finished pieces of a long computation; `done` are those that an interrupted run left behind."""

    done: list[Any]

    def keep(self, steps: Sequence[Any], text: str) -> None:
        """Store all finished pieces and print `text`."""


@dataclass(frozen=True)
class Rule:
    """What is selected, and how: from the features in `start`, which are always in, through `candidates` in catalogue
    order (the first of equals wins). Random folds of the seeds 0 to n_seeds - 1 score a candidate; it is added while it
    lowers the mean MAE by more than `threshold` (in score units)."""

    start: tuple[str, ...]
    candidates: tuple[str, ...]
    protocol: Protocol
    n_seeds: int
    threshold: float

    @classmethod
    def among(cls, view: View, groups: Sequence[str], protocol: Protocol, n_seeds: int, threshold: float) -> Rule:
        """Selection from parameters and tokens through the view's features in `groups`."""
        candidates = tuple(name for name in feature_names(view, tuple(groups)) if name not in SCALE)
        return cls(SCALE, candidates, protocol, n_seeds, threshold)


def forward_select(
    task: Task,
    rule: Rule,
    spread: Spread,
    done: Sequence[Step] = (),
    on_step: Callable[[Sequence[Step]], None] = lambda steps: None,
    on_scored: Callable[[int, int, int], None] = lambda step, done, total: None,
) -> list[Step]:
    """The path of a forward selection.

    `done` are steps already taken (a resumed selection); `on_step` receives the path after each step, `on_scored` the
    step, how many of its candidates are scored and how many there are. The last step adds nothing. The chosen features
    are `selected(path)`.
    """
    steps = list(done)
    while not steps or steps[-1].added:
        base = selected(steps) if steps else rule.start
        current = _best(steps[-1]) if steps else float(_score_sets(task, rule, [base]).mean())
        steps.append(_take_step(task, rule, spread, (base, current), partial(on_scored, len(steps) + 1)))
        on_step(steps)
    return steps


def _take_step(
    task: Task,
    rule: Rule,
    spread: Spread,
    start: tuple[tuple[str, ...], float],
    on_scored: Callable[[int, int], None],
) -> Step:
    """Score every candidate that is left, beside the features so far; `start` holds these and their mean MAE."""
    base, current = start
    left = [name for name in rule.candidates if name not in base]
    size = CHUNK if len(task.scores) <= LARGE else 1
    chunks = [[(*base, name) for name in left[i : i + size]] for i in range(0, len(left), size)]
    scored = spread.map(partial(_score_sets, task, rule), chunks, _Counter(on_scored, len(left)))
    errors = np.concatenate(scored) if scored else np.empty((0, rule.n_seeds))
    means = errors.mean(axis=1)
    best = int(np.argmin(means)) if left else -1
    helps = bool(left) and bool(current - means[best] > rule.threshold)
    std = errors.std(axis=1, ddof=1) if rule.n_seeds > 1 else np.zeros(len(left))
    tried = tuple(Candidate(name, float(means[i]), float(std[i]), helps and i == best) for i, name in enumerate(left))
    return Step(base, current, left[best] if helps else "", tried)


def selected(path: Sequence[Step]) -> tuple[str, ...]:
    """The features at the end of `path`."""
    last = path[-1]
    return (*last.base, last.added) if last.added else last.base


def _best(step: Step) -> float:
    return next(candidate.mae for candidate in step.candidates if candidate.chosen)


@dataclass
class _Counter:
    """Counts scored candidates and passes on how many there are, of how many."""

    on_scored: Callable[[int, int], None]
    total: int
    done: int = 0

    def __call__(self, chunk: Array) -> None:
        self.done += len(chunk)
        self.on_scored(self.done, self.total)


def _score_sets(task: Task, rule: Rule, feature_sets: Sequence[tuple[str, ...]]) -> Array:
    """Nested MAE [sets, seeds] of each feature set."""
    names = list(dict.fromkeys(name for features in feature_sets for name in features))
    sets = [np.array([names.index(name) for name in features]) for features in feature_sets]
    splits = Scheme.RANDOM.splits(task, rule.n_seeds, rule.protocol)
    results = nested_cv_many(Problem.of(task, names, splits, rule.protocol), sets)
    return np.array([result.mae for result in results])


def recheck(task: Task, path: Sequence[Step], rule: Rule, spread: Spread, n_candidates: int = 2) -> None:
    """Compare a sample of a selection with XGBoost, the library of record: the chosen features and `n_candidates` of
    the candidates that were tried, on the first seed. Raises ArithmeticError when a prediction differs in one bit."""
    tried = [(*step.base, candidate.feature) for step in path for candidate in step.candidates]
    rng = np.random.default_rng(len(tried))
    picked = [tried[i] for i in rng.choice(len(tried), size=min(n_candidates, len(tried)), replace=False)]
    spread.map(partial(_recheck_one, task, rule), (selected(path), *picked))


def _recheck_one(task: Task, rule: Rule, features: Sequence[str]) -> None:
    splits = Scheme.RANDOM.splits(task, 1, rule.protocol)
    engine, xgboost = (
        nested_cv(Problem.of(task, features, splits, rule.protocol, learner=LEARNERS[name])) for name in CHECKED
    )
    if not np.array_equal(engine.predictions, xgboost.predictions) or not np.array_equal(engine.cell, xgboost.cell):
        worst = float(np.abs(engine.predictions - xgboost.predictions).max())
        raise ArithmeticError(
            f"{task.benchmark}: engine and XGBoost differ by up to {worst:.3g} on {', '.join(features)}; "
            "the selection cannot be trusted (is this XGBoost version the locked one?)"
        )


def stability(task: Task, rule: Rule, spread: Spread, n_resamples: int) -> dict[str, float]:
    """Share of `n_resamples` selections, each on a random 80 % of the models, that choose each feature."""
    counts: Counter[str] = Counter()
    for resample in range(n_resamples):
        rng = np.random.default_rng(resample)
        n = len(task.scores)
        rows = np.sort(rng.choice(n, size=int(0.8 * n), replace=False))
        path = forward_select(task.subset(rows), rule, spread)
        counts.update(selected(path)[len(rule.start) :])
    return {name: counts[name] / n_resamples for name in rule.candidates if counts[name]}


def nested_selection(task: Task, rule: Rule, spread: Spread, n_seeds: int, keep: Keeper) -> list[float]:
    """MAE of each seed when features are selected anew inside every outer training fold [n_seeds].

    In each outer fold, `forward_select` sees the training part only; the chosen features are then tuned on its inner
    folds and predict the test part. `keep` holds the errors of the folds that are done (a resumed run) and receives
    those of each new one. The mean duration of a fold, times the folds left, is the time left that is printed.
    """
    splits = Scheme.RANDOM.splits(task, n_seeds, rule.protocol)
    folds = [(seed, fold) for seed, split in enumerate(splits) for fold in range(len(split.outer))]
    errors = [float(error) for error in keep.done]
    started = time.monotonic()
    for position, (seed, fold) in enumerate(folds):
        if position < len(errors):
            continue
        train = np.sort(splits[seed].outer[fold].train)
        path = forward_select(task.subset(train), rule, spread)
        result = nested_cv(Problem.of(task, selected(path), [splits[seed]], rule.protocol))
        errors.append(float(result.fold_mae[0, fold]))
        passed = time.monotonic() - started
        left = passed / (position + 1 - len(keep.done)) * (len(folds) - position - 1)
        keep.keep(errors, f"fold {position + 1} of {len(folds)}: MAE {errors[-1]:.5f}, about {left:.0f} s left")
    return [float(mean) for mean in np.array(errors).reshape(n_seeds, -1).mean(axis=1)]
