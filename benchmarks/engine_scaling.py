"""What nested cross-validation costs on this machine as tables, feature sets, seeds and benchmarks grow: on the real
rows and on resampled ones, on the engine and on XGBoost, in turns in one run. Reads the tables that `tabulate` writes,
writes reports/scale.json; docs/scale.md reads the figures. Seconds are of one core; ratios of runs beside each other
are what to trust.

    python -m benchmarks.engine_scaling
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.extrapolation import (
    Cost,
    Values,
    crossover,
    exponent,
    exponents,
    nested_seconds_at,
    selection_hours,
)
from benchmarks.timing import timed_in_turns
from features.catalogue import DESIGN_GROUPS, SCALE, feature_names
from foretell.engine import MAX_BINS, MAX_SORTED, FoldRows
from foretell.errors import DataError
from models.catalogue import LearnerName
from models.learners import LEARNERS
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

Array = NDArray[np.float64]
NOISE = 0.05  # of each column's standard deviation, added to resampled rows
COMPARED: tuple[LearnerName, LearnerName] = ("engine", "xgboost")
BENCHMARK = "hellaswag_10shot"
FIRST = (*SCALE, "d_model", "n_heads", "sequence_length", "pct_web", "pct_code", "pct_english")
SIZES, WIDTHS, LARGE = (92, 1_000, 10_000), (2, 8, 19), (10_000, 30_000, 100_000)
SEEDS, ROUNDS = (1, 2, 4, 8, 16), 3
FEATURE_SETS = 374
"""Of one benchmark: the selection that docs/engine.md timed tried 4,868 on 13 benchmarks."""
NODES, CORES = 50, 4


@dataclass(frozen=True)
class Growth:
    """Seconds at several sizes of one thing, and the exponent with which they grow."""

    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float


@dataclass(frozen=True)
class Table:
    """Encoded features `x` [n, f], scores `y` [n], and which columns are categories' codes, `words` [f]."""

    x: Array
    y: Array
    words: NDArray[np.bool_]


def resample(table: Table, n: int, values: Values, seed: int = 0) -> tuple[Array, Array]:
    """Features [n, f] and scores [n] of rows drawn from the table, with noise on the scores and on every column that is
    not a category (unknown values stay unknown)."""
    x, y, words = table.x, table.y, table.words
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(y), n)
    noise = NOISE * rng.normal(size=(n, x.shape[1])) * np.nanstd(x, axis=0)
    grown = x[rows] + np.where(words, 0.0, noise)
    if values == "binned":
        low, high = np.nanmin(grown, axis=0), np.nanmax(grown, axis=0)
        step = np.where(high > low, high - low, 1.0) / (MAX_BINS - 1)
        grown = np.where(words, grown, low + step * np.round((grown - low) / step))
    return grown, y[rows] + NOISE * rng.normal(size=n) * y.std()


def measure_costs(
    table: Table, protocol: Protocol, sizes: Sequence[int], widths: Sequence[int], rounds: int
) -> Iterator[Cost]:
    """Cost of one nested cross-validation (one seed) on the real table and at each size, on the first `width` columns.

    Raises DataError where engine and XGBoost return different errors.
    """

    def work(problem: Problem) -> Array:
        return nested_cv(problem).mae

    return _compare(protocol, [("recorded", table.x, table.y), *_resampled(table, sizes)], widths, rounds, work)


def measure_inner_fold(
    table: Table, protocol: Protocol, sizes: Sequence[int], width: int, rounds: int
) -> Iterator[Cost]:
    """Cost of the whole grid on one inner fold, for tables too large to repeat whole searches on: a nested search is
    `outer_folds * inner_folds` of them and `outer_folds` refits. Raises DataError as `measure_costs` does."""

    def work(problem: Problem) -> Array:
        fold = FoldRows.of([problem.splits[0].inner[0][0]])
        learner, columns = problem.learner, np.arange(problem.x.shape[1])
        return learner.errors(learner.prepare(problem.x), columns, problem.y[np.newaxis], fold, protocol.cells)

    return _compare(protocol, _resampled(table, sizes), [width], rounds, work)


def measure_seeds(x: Array, y: Array, protocol: Protocol, counts: Sequence[int], rounds: int) -> Growth:
    """Seconds of nested cross-validation on the engine with more and more seeds."""
    return _growth(counts, rounds, lambda n: nested_cv(Problem.at_random(x, y, range(n), protocol)))


def measure_targets(
    tables: Sequence[tuple[Array, Array]], protocol: Protocol, counts: Sequence[int], rounds: int
) -> Growth:
    """Seconds of nested cross-validation (two seeds each) on the engine, for more and more of the tables (x, y)."""

    def first(n: int) -> None:
        for x, y in tables[:n]:
            nested_cv(Problem.at_random(x, y, range(2), protocol))

    return _growth(counts, rounds, first)


def _resampled(table: Table, sizes: Sequence[int]) -> list[tuple[Values, Array, Array]]:
    kinds: tuple[Values, ...] = ("binned", "distinct")
    return [(values, *resample(table, n, values)) for n in sizes for values in kinds]


def _compare(
    protocol: Protocol,
    tables: Sequence[tuple[Values, Array, Array]],
    widths: Sequence[int],
    rounds: int,
    work: Callable[[Problem], Array],
) -> Iterator[Cost]:
    """Time `work` on each table's first columns, on both learners or, where a column is too wide for the engine, on
    XGBoost alone. Raises DataError where the two return different errors."""
    loaded = False
    for values, x, y in tables:
        for width in widths:
            problem = Problem.at_random(np.ascontiguousarray(x[:, :width]), y, [0], protocol)
            widest = max(np.unique(column[~np.isnan(column)]).size for column in problem.x.T)
            learners = COMPARED if widest <= MAX_BINS or len(y) <= MAX_SORTED else COMPARED[1:]
            runs = [partial(work, replace(problem, learner=LEARNERS[name])) for name in learners]
            if not loaded:
                for run in runs:  # compiled and loaded before anything is timed
                    run()
                loaded = True
            seconds = np.full((rounds, len(COMPARED)), np.nan)
            seconds[:, len(COMPARED) - len(runs) :], errors = timed_in_turns(runs, rounds)
            if any(np.abs(errors[0] - other).max() > 1e-6 for other in errors):
                raise DataError(f"{len(y)} models, {width} features: engine and XGBoost differ: do not use its results")
            engine, xgboost = (float(median) for median in np.median(seconds, axis=0))
            ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
            yield Cost(values, len(y), width, engine, xgboost, ratio)


def _growth(counts: Sequence[int], rounds: int, run: Callable[[int], object]) -> Growth:
    run(1)  # compiled and loaded before anything is timed
    measured, _ = timed_in_turns([partial(run, n) for n in counts], rounds)
    seconds = tuple(float(median) for median in np.median(measured, axis=0))
    return Growth(tuple(counts), seconds, exponent(counts, seconds))


def main() -> None:
    """Print and write the figures."""
    params = load_params()
    protocol, task = params.protocol, read_task(BENCHMARK)
    names = (*FIRST, *(name for name in feature_names(task.view, DESIGN_GROUPS) if name not in FIRST))
    words = np.array([task.encoding.feature(name).kind == "word" for name in names])
    table, width = Table(task.columns(names), task.scores, words), len(FIRST)
    tasks = [read_task(benchmark) for benchmark in params.benchmarks]

    print("seconds of one core: values, models, features, engine, XGBoost, ratio")
    print("one nested cross-validation", flush=True)
    costs = _printed(measure_costs(table, protocol, SIZES, WIDTHS, ROUNDS))
    print("the grid on one inner fold", flush=True)
    folds = _printed(measure_inner_fold(table, protocol, LARGE, width, ROUNDS))
    seeds = measure_seeds(table.x[:, :width], table.y, protocol, SEEDS, ROUNDS)
    counts = [n for n in (1, 2, 4, 8, len(tasks)) if n <= len(tasks)]
    targets = measure_targets([(each.columns(FIRST), each.scores) for each in tasks], protocol, counts, ROUNDS)
    grown = {**exponents(costs), "seeds": seeds.exponent, "benchmarks": targets.exponent}
    for name, value in grown.items():
        print(f"cost grows with {name} to the power {value:.2f}")
    binned = [cost for cost in folds if cost.values == "binned"]
    crossing = crossover([cost.n_models for cost in binned], [cost.ratio for cost in binned])
    print(f"XGBoost is the faster one from {crossing:,.0f} models of {width} features (nan: not up to {LARGE[-1]:,})")
    nested = nested_seconds_at(LARGE[-1], costs, folds)
    work = (len(params.benchmarks), FEATURE_SETS, params.select.seeds, NODES, CORES)
    hours = {name: selection_hours(seconds, *work) for name, seconds in nested.items()}
    for name, seconds in nested.items():
        print(f"{LARGE[-1]:,} models, {name}: {seconds:.0f} s each, selection {hours[name]:.1f} h on {NODES} nodes")
    figures = {
        "nested": [asdict(cost) for cost in costs],
        "inner_fold": [asdict(cost) for cost in folds],
        "seeds": asdict(seeds),
        "benchmarks": asdict(targets),
        "exponents": grown,
        "crossover_models": crossing,
        "nested_seconds_100000": nested,
        "selection_hours_100000": hours,
    }
    write_json(REPORTS / "scale.json", figures)


def _printed(costs: Iterator[Cost]) -> list[Cost]:
    """The costs, each printed as soon as it is measured."""
    measured = []
    for cost in costs:
        measured.append(cost)
        seconds = f"{cost.engine_seconds:9.4f} {cost.xgboost_seconds:9.4f} {cost.ratio:7.2f}"
        print(f"  {cost.values:9} {cost.n_models:7,} {cost.n_features:3} {seconds}", flush=True)
    return measured


if __name__ == "__main__":
    run_stage(main)
