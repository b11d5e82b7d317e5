"""What nested cross-validation costs as tables grow: measured on the real rows and on resampled ones, on the engine and
on XGBoost, in turns in one run. From these figures follow where XGBoost becomes the faster of the two and what a study
of many more models would take. Seconds are of one core; ratios of runs beside each other are what to trust.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from foretell.engine import MAX_BINS, FoldRows
from foretell.errors import DataError
from models.learners import LEARNERS
from models.nested import Protocol, nested_cv, random_splits

Array = NDArray[np.float64]
Result = TypeVar("Result")
Values = Literal["recorded", "binned", "distinct"]
"""recorded: the real rows. binned: resampled, every column rounded to at most 256 values. distinct: resampled, not
rounded, so that a column of more than 256 rows goes to XGBoost."""
NOISE = 0.05  # of each column's standard deviation, added to resampled rows
COMPARED = ("engine", "xgboost")


@dataclass(frozen=True)
class Cost:
    """One core's seconds on a table of `n_models` rows and `n_features` columns, medians over rounds.

    `engine_seconds` is NaN where the engine hands over (a column has more than 256 distinct values). `ratio`: XGBoost's
    seconds over the engine's, the median of the rounds' ratios.
    """

    values: Values
    n_models: int
    n_features: int
    engine_seconds: float
    xgboost_seconds: float
    ratio: float


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

    def work(columns: Array, scores: Array, learner: str) -> Callable[[], Array]:
        splits = [random_splits(len(scores), 0, protocol)]
        return lambda: nested_cv(columns, scores, splits, protocol, learner=LEARNERS[learner]).mae

    return _in_turns([("recorded", table.x, table.y), *_resampled(table, sizes)], widths, rounds, work)


def measure_inner_fold(
    table: Table, protocol: Protocol, sizes: Sequence[int], width: int, rounds: int
) -> Iterator[Cost]:
    """Cost of the whole grid on one inner fold, for tables too large to repeat whole searches on: a nested search is
    `outer_folds * inner_folds` of them and `outer_folds` refits. Raises DataError as `measure_costs` does."""

    def work(columns: Array, scores: Array, learner: str) -> Callable[[], Array]:
        fold = FoldRows.of([random_splits(len(scores), 0, protocol).inner[0][0]])
        one, picked = LEARNERS[learner], np.arange(columns.shape[1])
        return lambda: one.errors(one.prepare(columns), picked, scores[np.newaxis], fold, protocol.cells)

    return _in_turns(_resampled(table, sizes), [width], rounds, work)


def measure_seeds(x: Array, y: Array, protocol: Protocol, counts: Sequence[int], rounds: int) -> Growth:
    """Seconds of nested cross-validation on the engine with more and more seeds."""
    return _growth(counts, rounds, lambda n: nested_cv(x, y, range(n), protocol))


def measure_targets(
    tables: Sequence[tuple[Array, Array]], protocol: Protocol, counts: Sequence[int], rounds: int
) -> Growth:
    """Seconds of nested cross-validation (two seeds each) on the engine, for more and more of the tables (x, y)."""

    def first(n: int) -> None:
        for x, y in tables[:n]:
            nested_cv(x, y, range(2), protocol)

    return _growth(counts, rounds, first)


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """b of the least-squares line log seconds = a + b log size; NaN for fewer than two sizes."""
    if len(sizes) < 2:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def crossover(sizes: Sequence[float], ratios: Sequence[float]) -> float:
    """The size at which `ratios` (ascending sizes) first falls through 1, log-log between the neighbours; NaN if it
    never does."""
    for i in range(1, len(sizes)):
        if ratios[i - 1] > 1 >= ratios[i]:
            share = math.log(ratios[i - 1]) / math.log(ratios[i - 1] / ratios[i])
            return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share)
    return math.nan


def exponents(costs: Sequence[Cost]) -> dict[str, float]:
    """Powers of models (at the widest feature set) and features (on the largest table) with which resampled tables'
    seconds grow, by learner and kind of values; models also from one size to the next."""
    found = {}
    for kind, seconds in _SERIES.items():
        timed = [cost for cost in costs if cost.values == kind[1]]
        most, widest = max(cost.n_models for cost in timed), max(cost.n_features for cost in timed)
        by_size = [cost for cost in timed if cost.n_features == widest]
        by_width = [cost for cost in timed if cost.n_models == most]
        label = f"{kind[0]}, {kind[1]}"
        for low, high in pairwise(by_size):
            name = f"models from {low.n_models:,} to {high.n_models:,} ({label})"
            found[name] = exponent([low.n_models, high.n_models], [seconds(low), seconds(high)])
        found[f"features ({label})"] = exponent([c.n_features for c in by_width], [seconds(c) for c in by_width])
    return {name: value for name, value in found.items() if not math.isnan(value)}


def nested_seconds_at(n: int, costs: Sequence[Cost], folds: Sequence[Cost]) -> dict[str, float]:
    """Seconds of one nested cross-validation of `n` models, by learner and kind of values: those of the largest table
    in `costs`, times what the grid on one inner fold costs at `n` over what it costs at that size."""
    found = {}
    for (learner, values), seconds in _SERIES.items():
        width = folds[0].n_features
        whole = [cost for cost in costs if cost.values == values and cost.n_features == width][-1]
        part = {fold.n_models: seconds(fold) for fold in folds if fold.values == values}
        found[f"{learner}, {values}"] = seconds(whole) * part[n] / part[whole.n_models]
    return {name: value for name, value in found.items() if not math.isnan(value)}


def selection_hours(
    nested_seconds: float, benchmarks: int, feature_sets: int, seeds: int, nodes: int, cores: int
) -> float:
    """Hours that forward selection takes on `nodes` machines of `cores` cores, all of them busy:
    benchmarks * feature_sets (of one benchmark) * seeds * nested_seconds / (3600 * nodes * cores)."""
    return benchmarks * feature_sets * seeds * nested_seconds / (3600 * nodes * cores)


_SERIES: dict[tuple[str, Values], Callable[[Cost], float]] = {
    ("engine", "binned"): lambda cost: cost.engine_seconds,
    ("XGBoost", "binned"): lambda cost: cost.xgboost_seconds,
    ("XGBoost", "distinct"): lambda cost: cost.xgboost_seconds,
}


def _resampled(table: Table, sizes: Sequence[int]) -> list[tuple[Values, Array, Array]]:
    kinds: tuple[Values, ...] = ("binned", "distinct")
    return [(values, *resample(table, n, values)) for n in sizes for values in kinds]


def _in_turns(
    tables: Sequence[tuple[Values, Array, Array]],
    widths: Sequence[int],
    rounds: int,
    work: Callable[[Array, Array, str], Callable[[], Array]],
) -> Iterator[Cost]:
    warm = False
    for values, x, y in tables:
        for width in widths:
            columns = np.ascontiguousarray(x[:, :width])
            widest = max(np.unique(column[~np.isnan(column)]).size for column in columns.T)
            learners = COMPARED if widest <= MAX_BINS else ("xgboost",)
            runs = [work(columns, y, learner) for learner in learners]
            if not warm:
                for run in runs:  # compiled and loaded before the clock runs
                    run()
                warm = True
            taken = np.full((rounds, len(COMPARED)), np.nan)
            found: list[Array] = []
            for r in range(rounds):
                timed = [_timed(run) for run in runs]
                taken[r, len(COMPARED) - len(runs) :] = [seconds for seconds, _ in timed]
                found = [result for _, result in timed]
            if any(np.abs(found[0] - other).max() > 1e-6 for other in found):
                raise DataError(f"{len(y)} models, {width} features: engine and XGBoost differ: do not use its results")
            engine, xgboost = (float(one) for one in np.median(taken, axis=0))
            ratio = float(np.median(taken[:, 1] / taken[:, 0]))
            yield Cost(values, len(y), width, engine, xgboost, ratio)


def _growth(counts: Sequence[int], rounds: int, run: Callable[[int], object]) -> Growth:
    run(1)  # compiled and loaded before the clock runs
    taken = [[_timed(partial(run, n))[0] for n in counts] for _ in range(rounds)]
    seconds = tuple(float(one) for one in np.median(taken, axis=0))
    return Growth(tuple(counts), seconds, exponent(counts, seconds))


def _timed(run: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result
