"""How the engine compares with XGBoost as tables grow, side by side in one run: nested cross-validations of 90, 200 and
500 models with 8 and 19 features. A part of `benchmarks.engine_speed`; alone it prints its own lines:

    python -m benchmarks.engine_sizes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_scaling import BENCHMARK, FIRST, NOISE, Table, resample
from benchmarks.timing import timed_in_turns
from features.catalogue import DESIGN_GROUPS, feature_names
from foretell.errors import DataError
from models.learners import LEARNERS
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.task import Task
from pipelines.params import load_params
from pipelines.stage import run_stage
from pipelines.tables import read_task

Array = NDArray[np.float64]
SIZES, WIDTHS, SEEDS_PER_CORE, ROUNDS = (90, 200, 500), (8, 19), 4, 5
Rows = Literal["recorded", "repeated", "distinct"]
"""recorded: real rows. repeated: rows drawn from them, noise on scores only, so that columns have as few distinct
values as recorded. distinct: noise on features too, so that almost every value of a number is another one."""


@dataclass(frozen=True)
class SizeSpeed:
    """Milliseconds per nested cross-validation with all cores at work, medians over rounds; `ratio`: XGBoost's over the
    engine's, the median of the rounds' ratios."""

    values: Rows
    n_models: int
    n_features: int
    ms_xgboost: float
    ms_engine: float
    ratio: float

    def line(self) -> str:
        """As printed: rows, models, features, milliseconds of XGBoost and of the engine, their ratio."""
        milliseconds = f"{self.ms_xgboost:9.1f} {self.ms_engine:8.2f}"
        return f"  {self.values:9} {self.n_models:4} {self.n_features:3} {milliseconds} {self.ratio:6.1f}"


def measure_sizes(task: Task, protocol: Protocol, cores: int, rounds: int) -> Iterator[SizeSpeed]:
    """Time plain XGBoost (a process of one thread per core, the smaller ensembles read off the larger ones) and the
    engine on as many threads, in turns. Raises DataError where their errors differ."""
    names = (*FIRST, *(name for name in feature_names(task.view, DESIGN_GROUPS) if name not in FIRST))
    words = np.array([task.encoding.feature(name).kind == "word" for name in names])
    table = Table(task.columns(names), task.scores, words)
    for n in SIZES:
        for values, x, y in rows_of(table, n):
            for width in WIDTHS:
                problem = Problem.at_random(np.ascontiguousarray(x[:, :width]), y, range(cores), protocol)
                yield measure_size(values, problem, cores, rounds)


def rows_of(table: Table, n: int) -> Iterator[tuple[Rows, Array, Array]]:
    """Features and scores of n rows: the recorded ones where there are so many, else drawn from them."""
    rng = np.random.default_rng(0)
    if n <= len(table.y):
        rows = rng.permutation(len(table.y))[:n]
        yield "recorded", table.x[rows], table.y[rows]
        return
    rows = rng.integers(0, len(table.y), n)
    yield "repeated", table.x[rows], table.y[rows] + NOISE * rng.normal(size=n) * table.y.std()
    yield "distinct", *resample(table, n, "distinct")


def measure_size(values: Rows, problem: Problem, cores: int, rounds: int) -> SizeSpeed:
    """One line: the problem's seeds on XGBoost, one a process, and several times as many on the engine."""
    from joblib import Parallel, delayed

    on_xgboost = replace(problem, learner=LEARNERS["xgboost"])
    many_seeds = problem.with_splits(problem.splits * SEEDS_PER_CORE)
    with Parallel(n_jobs=cores) as pool:

        def xgboost() -> Array:
            results = pool(delayed(nested_cv)(on_xgboost.with_splits([split])) for split in on_xgboost.splits)
            return np.concatenate([result.mae for result in results])

        def engine() -> Array:
            return nested_cv(many_seeds, cores).mae

        small = Protocol(max_depth=(2,), learning_rate=(0.1,), n_estimators=(2,))
        warm = replace(on_xgboost, protocol=small)  # workers and libraries are there before anything is timed
        pool(delayed(nested_cv)(warm) for _ in range(cores))
        engine()
        seconds, errors = timed_in_turns([xgboost, engine], rounds)
    if not np.array_equal(errors[0], errors[1][: len(errors[0])]):
        raise DataError(f"{len(problem.y)} models: engine and XGBoost differ: do not use its results")
    ms = 1000 * seconds / [each.size for each in errors]
    xgboost_ms, engine_ms = (float(median) for median in np.median(ms, axis=0))
    ratio = float(np.median(ms[:, 0] / ms[:, 1]))
    return SizeSpeed(values, len(problem.y), problem.x.shape[1], xgboost_ms, engine_ms, ratio)


def main() -> None:
    """Print the lines."""
    params = load_params()
    for each in measure_sizes(read_task(BENCHMARK), params.protocol, params.parallel.n_workers, ROUNDS):
        print(each.line(), flush=True)


if __name__ == "__main__":
    run_stage(main)
