"""What measured costs of nested cross-validation say about larger tables: exponents of growth, the size from which
XGBoost is the faster learner, and hours of a selection. Arithmetic only; `benchmarks.engine_scaling` measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Values = Literal["recorded", "binned", "distinct"]
"""recorded: the real rows. binned: resampled, every column rounded to at most 256 values. distinct: resampled, not
rounded, so that more than 4,098 training rows go to XGBoost."""


@dataclass(frozen=True)
class Cost:
    """One core's seconds on a table of `n_models` rows and `n_features` columns, medians over rounds.

    `engine_seconds` is NaN where the engine hands over (a column has more than 256 distinct values in more than 4,098
    rows). `ratio`: XGBoost's
    seconds over the engine's, the median of the rounds' ratios.
    """

    values: Values
    n_models: int
    n_features: int
    engine_seconds: float
    xgboost_seconds: float
    ratio: float


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
    powers = {}
    for kind, seconds in _SERIES.items():
        timed = [cost for cost in costs if cost.values == kind[1]]
        most, widest = max(cost.n_models for cost in timed), max(cost.n_features for cost in timed)
        by_size = [cost for cost in timed if cost.n_features == widest]
        by_width = [cost for cost in timed if cost.n_models == most]
        label = f"{kind[0]}, {kind[1]}"
        for low, high in pairwise(by_size):
            name = f"models from {low.n_models:,} to {high.n_models:,} ({label})"
            powers[name] = exponent([low.n_models, high.n_models], [seconds(low), seconds(high)])
        powers[f"features ({label})"] = exponent([c.n_features for c in by_width], [seconds(c) for c in by_width])
    return {name: value for name, value in powers.items() if not math.isnan(value)}


def nested_seconds_at(n: int, costs: Sequence[Cost], folds: Sequence[Cost]) -> dict[str, float]:
    """Seconds of one nested cross-validation of `n` models, by learner and kind of values: those of the largest table
    in `costs`, times what the grid on one inner fold costs at `n` over what it costs at that size."""
    nested = {}
    for (learner, values), seconds in _SERIES.items():
        width = folds[0].n_features
        whole = [cost for cost in costs if cost.values == values and cost.n_features == width][-1]
        part = {fold.n_models: seconds(fold) for fold in folds if fold.values == values}
        nested[f"{learner}, {values}"] = seconds(whole) * part[n] / part[whole.n_models]
    return {name: value for name, value in nested.items() if not math.isnan(value)}


def selection_hours(
    nested_seconds: float, benchmarks: int, feature_sets: int, seeds: int, nodes: int, cores: int
) -> float:
    """Hours that forward selection takes on `nodes` machines of `cores` cores, all of them busy:
    benchmarks * feature_sets (of one benchmark) * seeds * nested_seconds / (3600 * nodes * cores)."""
    return benchmarks * feature_sets * seeds * nested_seconds / (3600 * nodes * cores)


_SERIES: dict[tuple[str, Values], Callable[[Cost], float]] = {
    ("engine", "binned"): lambda cost: cost.engine_seconds,
    ("engine", "distinct"): lambda cost: cost.engine_seconds,
    ("XGBoost", "binned"): lambda cost: cost.xgboost_seconds,
    ("XGBoost", "distinct"): lambda cost: cost.xgboost_seconds,
}
