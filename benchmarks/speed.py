"""How long one nested cross-validation takes: on scikit-learn over XGBoost, on XGBoost alone, and on the engine.

The three do the same work and must return the same errors; they are timed in turns, so that a machine that slows down
slows all of them, and medians over rounds are compared. A figure from another machine or another hour is never used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from foretell.engine import Cell, bin_rows
from foretell.engine.kernels import boost
from foretell.errors import DataError
from models.learners import LEARNERS
from models.nested import Protocol, Splits, nested_cv, random_splits

Array = NDArray[np.float64]
Result = TypeVar("Result")
AGREEMENT = 1e-6
SEEDS_PER_CORE = 8


@dataclass(frozen=True)
class Speed:
    """Milliseconds per nested cross-validation with all of `cores` at work, medians over `rounds`.

    `ratio_sklearn` and `ratio_xgboost`: the engine is so many times faster. `ms_engine_one_core`: one thread alone.
    `largest_difference`: between the three's errors, in score units.
    """

    n_models: int
    n_features: int
    cores: int
    rounds: int
    ms_sklearn: float
    ms_xgboost: float
    ms_engine: float
    ms_engine_one_core: float
    ratio_sklearn: float
    ratio_xgboost: float
    largest_difference: float


def measure(x: Array, y: Array, protocol: Protocol, cores: int, rounds: int) -> Speed:
    """Time the three on the features `x` [n, f] and the target `y` [n].

    (a) scikit-learn's GridSearchCV over XGBRegressor, `n_jobs` = cores, one nested cross-validation after the other
    (one thread per regressor: more would only wait for each other, and much longer where the machine is busy);
    (b) plain XGBoost, one process with one thread per core, each a nested cross-validation of its own, the smaller
    ensembles read off the larger ones; (c) the engine on as many threads. Raises DataError if their errors differ.
    """
    from joblib import Parallel, delayed

    seeds = [random_splits(len(y), seed, protocol) for seed in range(cores)]
    many = seeds * SEEDS_PER_CORE
    xgboost = LEARNERS["xgboost"]
    small = Protocol(max_depth=(2,), learning_rate=(0.1,), n_estimators=(2,))

    with Parallel(n_jobs=cores) as pool:

        def on_sklearn() -> Array:
            return np.array([_grid_search(x, y, seeds[0], protocol, cores)])

        def on_xgboost() -> Array:
            done = pool(delayed(nested_cv)(x, y, [one], protocol, learner=xgboost) for one in seeds)
            return np.concatenate([result.mae for result in done])

        def on_engine() -> Array:
            return nested_cv(x, y, many, protocol, n_threads=cores).mae

        def on_one_thread() -> Array:
            return nested_cv(x, y, seeds, protocol).mae

        # start the workers, load the libraries and compile before the clock runs
        _grid_search(x, y, seeds[0], small, cores)
        pool(delayed(nested_cv)(x, y, [one], small, learner=xgboost) for one in seeds)
        nested_cv(x, y, seeds[:1], small)
        runs = [on_sklearn, on_xgboost, on_engine, on_one_thread]
        taken, found = np.empty((rounds, len(runs))), [np.empty(0)] * len(runs)
        for r in range(rounds):
            for k, run in enumerate(runs):
                seconds, found[k] = _timed(run)
                taken[r, k] = 1000 * seconds / found[k].size

    engine = found[2][: len(seeds)]
    difference = max(float(np.abs(engine[: other.size] - other).max()) for other in found[:2])
    if difference > AGREEMENT:
        raise DataError(f"the engine's nested errors differ from XGBoost's by {difference:.2g}: do not use its results")
    sklearn_ms, xgboost_ms, engine_ms, one_core_ms = (float(value) for value in np.median(taken, axis=0))
    return Speed(
        len(y), x.shape[1], cores, rounds, sklearn_ms, xgboost_ms, engine_ms, one_core_ms,
        sklearn_ms / engine_ms, xgboost_ms / engine_ms, difference,
    )  # fmt: skip


@dataclass(frozen=True)
class EnsembleSpeed:
    """Milliseconds to train one ensemble of `trees` trees and predict, on one core, medians over rounds."""

    depth: int
    trees: int
    n_train: int
    ms_xgboost: float
    ms_step_by_step: float
    ms_engine: float


def measure_ensembles(x: Array, y: Array, protocol: Protocol, rounds: int) -> list[EnsembleSpeed]:
    """Time XGBoost, the engine's step-by-step kernel and the engine as it runs, per depth, on one inner fold.

    All read the smaller ensembles off the larger ones; figures are per ensemble, averaged over learning rates.
    """
    fold = random_splits(len(y), 0, protocol).inner[0][0]
    columns, trees = np.arange(x.shape[1]), max(protocol.n_estimators)
    learners = [LEARNERS["xgboost"], LEARNERS["engine"]]
    tables = [learner.prepare(x) for learner in learners]
    bins = bin_rows(tables[1].ranked, fold.train, fold.test, columns)
    y32 = y[fold.train].astype(np.float32)
    rates, sizes = np.asarray(protocol.learning_rate, np.float32), np.asarray(sorted(protocol.n_estimators), np.int64)
    out = np.empty((rates.size, sizes.size, fold.test.size), np.float32)
    speeds = []
    for depth in protocol.max_depth:
        cells = [cell for cell in protocol.cells if cell.max_depth == depth]
        depths = np.full(rates.size, depth, np.int64)

        def by_learner(k: int, cells: Sequence[Cell] = cells) -> None:
            learners[k].predict(tables[k], columns, y, fold.train, fold.test, cells)

        def step_by_step(depths: NDArray[np.int64] = depths) -> None:
            boost(*bins, y32, rates, depths, sizes, out)

        runs: list[Callable[[], None]] = [partial(by_learner, 0), step_by_step, partial(by_learner, 1)]
        for run in runs:
            run()
        seconds = np.array([[_timed(run)[0] for run in runs] for _ in range(rounds)])
        ms = 1000 * np.median(seconds, axis=0) / rates.size
        speeds.append(EnsembleSpeed(depth, trees, fold.train.size, *(float(value) for value in ms)))
    return speeds


def _timed(run: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def _grid_search(x: Array, y: Array, splits: Splits, protocol: Protocol, cores: int) -> float:
    """Nested MAE of one seed as the reference analysis computes it, with scikit-learn's own grid search."""
    from sklearn.model_selection import GridSearchCV, KFold
    from xgboost import XGBRegressor

    grid = {
        "max_depth": protocol.max_depth,
        "learning_rate": protocol.learning_rate,
        "n_estimators": protocol.n_estimators,
    }
    errors = []
    for fold in splits.outer:
        inner = KFold(protocol.inner_folds, shuffle=True, random_state=splits.seed)
        search = GridSearchCV(XGBRegressor(n_jobs=1), grid, scoring="neg_mean_absolute_error", cv=inner, n_jobs=cores)
        search.fit(x[fold.train], y[fold.train])
        errors.append(np.abs(search.predict(x[fold.test]) - y[fold.test]).mean())
    return float(np.mean(errors))
