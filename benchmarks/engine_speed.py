"""How fast the engine is on this machine, measured beside what it replaces. Reads the tables that `tabulate` writes;
prints milliseconds per ensemble and per nested cross-validation, also of larger tables (`engine_sizes`), and the
seconds of the forward selection of every benchmark; writes the same figures to reports/bench.json.

    python -m benchmarks.engine_speed

scikit-learn over XGBoost, XGBoost alone and the engine do the same work and must return the same errors; they are timed
in turns, and medians over rounds are compared. A figure from another machine or another hour is never used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_sizes import measure_sizes
from benchmarks.timing import timed_in_turns
from features.catalogue import ALL_GROUPS, SCALE
from foretell.engine import Cell, bin_rows
from foretell.engine.kernels import boost
from foretell.errors import DataError
from models.catalogue import LearnerName
from models.learners import ENGINE, LEARNERS
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import Scheme
from models.selection import Rule, forward_select
from models.splits import Splits
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

if TYPE_CHECKING:
    from pipelines.params import Params

Array = NDArray[np.float64]
AGREEMENT = 1e-6
SEEDS_PER_CORE = 8
BENCHMARK = "hellaswag_10shot"
FEATURES = (*SCALE, "d_model", "n_heads", "sequence_length", "pct_web", "pct_code", "pct_english")
ROUNDS = 5


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

    on_engine = Problem.at_random(x, y, range(cores), protocol)
    on_xgboost = replace(on_engine, learner=LEARNERS["xgboost"])
    many_seeds = on_engine.with_splits(on_engine.splits * SEEDS_PER_CORE)
    small = Protocol(max_depth=(2,), learning_rate=(0.1,), n_estimators=(2,))

    with Parallel(n_jobs=cores) as pool:

        def xgboost(problem: Problem) -> Array:
            results = pool(delayed(nested_cv)(problem.with_splits([split])) for split in problem.splits)
            return np.concatenate([result.mae for result in results])

        # start the workers, load the libraries and compile before anything is timed
        _grid_search(x, y, on_engine.splits[0], small, cores)
        xgboost(replace(on_xgboost, protocol=small))
        nested_cv(replace(on_engine, protocol=small))
        runs: list[Callable[[], Array]] = [
            lambda: np.array([_grid_search(x, y, on_engine.splits[0], protocol, cores)]),
            lambda: xgboost(on_xgboost),
            lambda: nested_cv(many_seeds, cores).mae,
            lambda: nested_cv(on_engine).mae,
        ]
        seconds, errors = timed_in_turns(runs, rounds)
    ms = 1000 * np.median(seconds / [each.size for each in errors], axis=0)
    engine = errors[2][:cores]
    difference = max(float(np.abs(engine[: other.size] - other).max()) for other in errors[:2])
    if difference > AGREEMENT:
        raise DataError(f"the engine's nested errors differ from XGBoost's by {difference:.2g}: do not use its results")
    return Speed(
        n_models=len(y),
        n_features=x.shape[1],
        cores=cores,
        rounds=rounds,
        ms_sklearn=float(ms[0]),
        ms_xgboost=float(ms[1]),
        ms_engine=float(ms[2]),
        ms_engine_one_core=float(ms[3]),
        ratio_sklearn=float(ms[0]) / float(ms[2]),
        ratio_xgboost=float(ms[1]) / float(ms[2]),
        largest_difference=difference,
    )


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


@dataclass(frozen=True)
class EnsembleSpeed:
    """Milliseconds to train one ensemble of `trees` trees and predict, on one core, medians over rounds."""

    depth: int
    trees: int
    n_train: int
    ms_xgboost: float
    ms_step_by_step: float
    ms_engine: float


def measure_ensembles(problem: Problem, rounds: int) -> list[EnsembleSpeed]:
    """Time XGBoost, the engine's step-by-step kernel and the engine as it runs, per depth, on the first inner fold.

    All read the smaller ensembles off the larger ones; figures are per ensemble, averaged over learning rates.
    """
    protocol, fold = problem.protocol, problem.splits[0].inner[0][0]
    columns = np.arange(problem.x.shape[1])
    ranked = ENGINE.prepare(problem.x).ranked
    bins = bin_rows(ranked, fold.train, fold.test, columns)
    y32 = problem.y[fold.train].astype(np.float32)
    rates, sizes = np.asarray(protocol.learning_rate, np.float32), np.asarray(sorted(protocol.n_estimators), np.int64)
    out = np.empty((rates.size, sizes.size, fold.test.size), np.float32)
    speeds = []
    for depth in protocol.max_depth:
        cells = [cell for cell in protocol.cells if cell.max_depth == depth]
        runs: list[Callable[[], None]] = [
            _ensembles(problem, "xgboost", cells),
            partial(boost, *bins, y32, rates, np.full(rates.size, depth, np.int64), sizes, out),
            _ensembles(problem, "engine", cells),
        ]
        for run in runs:  # compiled and loaded before anything is timed
            run()
        ms = 1000 * np.median(timed_in_turns(runs, rounds)[0], axis=0) / rates.size
        speeds.append(EnsembleSpeed(depth, int(sizes[-1]), fold.train.size, *(float(value) for value in ms)))
    return speeds


def _ensembles(problem: Problem, library: LearnerName, cells: Sequence[Cell]) -> Callable[[], None]:
    """Training one library's ensembles of these cells on the first inner fold, and predicting its test part."""
    learner, fold = LEARNERS[library], problem.splits[0].inner[0][0]
    table = learner.prepare(problem.x)
    columns = np.arange(problem.x.shape[1])

    def run() -> None:
        learner.predict(table, columns, problem.y, fold.train, fold.test, cells)

    return run


@dataclass(frozen=True)
class SelectionSpeed:
    """Forward selection of every benchmark: `feature_sets` tried on `seeds` seeds each, in `seconds` on all cores."""

    feature_sets: int
    seeds: int
    seconds: float


def measure_selection(params: Params) -> SelectionSpeed:
    """Time the selection among all features of every benchmark, as params.yaml describes it, on threads."""
    cfg, spread, tried = params.select, replace(params.parallel, backend="threads"), 0
    started = time.perf_counter()
    for benchmark in params.benchmarks:
        task = read_task(benchmark)
        rule = Rule.among(task.view, ALL_GROUPS, params.protocol, cfg.seeds, cfg.threshold)
        path = forward_select(task, rule, spread)
        tried += sum(len(step.candidates) for step in path)
    return SelectionSpeed(tried, cfg.seeds, time.perf_counter() - started)


def main() -> None:
    """Print and write the figures."""
    params = load_params()
    protocol, spread, task = params.protocol, params.parallel, read_task(BENCHMARK)
    problem = Problem.of(task, FEATURES, Scheme.RANDOM.splits(task, 1, protocol), protocol)
    ensembles = measure_ensembles(problem, ROUNDS)
    for each in ensembles:
        print(f"{each.trees} trees of depth {each.depth}, {each.n_train} rows x {len(FEATURES)} features, one core:")
        step_by_step = f"step by step {each.ms_step_by_step:.3f}"
        print(f"  XGBoost {each.ms_xgboost:.2f} ms, {step_by_step}, engine {each.ms_engine:.4f}")
    speed = measure(problem.x, problem.y, protocol, spread.n_workers, ROUNDS)
    print(f"one nested cross-validation, {speed.n_models} models, {speed.n_features} features, {speed.cores} cores:")
    print(f"  scikit-learn grid search {speed.ms_sklearn:9.1f} ms  {speed.ratio_sklearn:6.0f} times the engine")
    print(f"  XGBoost, one per core    {speed.ms_xgboost:9.1f} ms  {speed.ratio_xgboost:6.0f} times the engine")
    print(f"  the engine               {speed.ms_engine:9.2f} ms  ({speed.ms_engine_one_core:.2f} ms on one core)")
    print("one nested cross-validation as tables grow: models, features, XGBoost ms, engine ms, XGBoost / engine")
    sizes = []
    for size in measure_sizes(task, protocol, spread.n_workers, ROUNDS):
        sizes.append(size)
        print(size.line(), flush=True)
    selection = measure_selection(params)
    work = f"{len(params.benchmarks)} benchmarks, {selection.feature_sets} feature sets x {selection.seeds} seeds"
    print(f"forward selection of {work}: {selection.seconds:.1f} s")
    figures = {
        **asdict(speed),
        "ensembles": [asdict(each) for each in ensembles],
        "sizes": [asdict(each) for each in sizes],
        **{f"selection_{name}": value for name, value in asdict(selection).items()},
    }
    write_json(REPORTS / "bench.json", figures)


if __name__ == "__main__":
    run_stage(main)
