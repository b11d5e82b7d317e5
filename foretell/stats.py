"""The statistics that the whole library shares: the one interval type, intervals of a mean and from resampling, paired
tests over seeds and their correction for overlapping training sets, the correction for many tests, distances between
mixtures, and R-squared. The equation of each is in its docstring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from foretell.arrays import Floats, finite, fraction
from foretell.errors import ConfigError, DataError

DISTANCES = ("kl", "tv", "euclidean")
NEGATIVE_TOLERANCE = 1e-7  # an optimiser's weights may lie this far below 0


class Interval(NamedTuple):
    """An estimate with the ends of its interval, in the unit of the estimate. Unpacks as (estimate, low, high)."""

    estimate: float
    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Whether `value` lies in the interval, ends included; False where an end is NaN."""
        return self.low <= value <= self.high


NO_INTERVAL = Interval(float("nan"), float("nan"), float("nan"))
"""What is given where nothing could be estimated; the reason stands beside it."""


class Band(NamedTuple):
    """Estimates at many points with the ends of their intervals: three arrays of one shape. Unpacks as (estimate, low,
    high)."""

    estimate: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class PairedTest:
    """Mean difference, t statistic, degrees of freedom and two-sided p-value of a paired test."""

    difference: float
    t: float
    dof: int
    p: float


def _sample(name: str, values: ArrayLike, at_least: int) -> Floats:
    array = finite(name, values)
    if array.size < at_least:
        raise DataError(f"{name}: {array.size} values, at least {at_least} are needed")
    return array


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean and t interval of `values` [n]: mean +- t_{(1+level)/2, n-1} s / sqrt(n). DataError below 2 values."""
    array = _sample("mean_interval", values, 2)
    half = stats.t.ppf((1 + fraction("level", level)) / 2, array.size - 1) * array.std(ddof=1) / np.sqrt(array.size)
    return Interval(float(array.mean()), float(array.mean() - half), float(array.mean() + half))


def percentile_interval(estimate: float, draws: ArrayLike, level: float = 0.95, skip_nan: bool = False) -> Interval:
    """`estimate` with the percentile interval of resampled `draws` [n]: their (1 - level)/2 and (1 + level)/2
    quantiles (Efron 1979). With `skip_nan`, draws that gave no value are left out; otherwise one makes the ends NaN.
    DataError on a level outside 0-1."""
    low, high = percentiles(draws, level, skip_nan)
    return Interval(float(estimate), float(low), float(high))


def percentiles(draws: ArrayLike, level: float = 0.95, skip_nan: bool = False) -> Floats:
    """The ends [2, ...] of percentile intervals of `draws` [n, ...] along the first axis."""
    tail = (1.0 - fraction("level", level)) / 2.0
    quantile = np.nanquantile if skip_nan else np.quantile
    return np.asarray(quantile(np.asarray(draws, dtype=np.float64), [tail, 1.0 - tail], axis=0), dtype=np.float64)


def paired_t(reference: ArrayLike, candidate: ArrayLike) -> PairedTest:
    """Student's paired t-test of reference - candidate [n seeds]: t = mean(d) / (s_d / sqrt(n)).

    Over seeds that re-split the same models it tests the split noise, not new models. Equal arrays give p = 1.
    """
    difference = _sample("paired_t", reference, 2) - _sample("paired_t", candidate, 2)
    return _t_test(difference, difference.std(ddof=1) / np.sqrt(difference.size))


def corrected_paired_t(reference: ArrayLike, candidate: ArrayLike, n_train: float, n_test: float) -> PairedTest:
    """The corrected resampled t-test of Nadeau and Bengio (2003, eq. 8) on fold errors [seeds, folds]:
    t = mean(d) / sqrt((1/k + n_test/n_train) s_d^2), k = seeds x folds.

    The added n_test/n_train accounts for training sets that overlap between splits, which the plain test ignores.
    """
    name = "corrected_paired_t"
    difference = (_sample(name, reference, 2) - _sample(name, candidate, 2)).ravel()
    spread = np.sqrt((1 / difference.size + n_test / n_train) * difference.var(ddof=1))
    return _t_test(difference, spread)


def _t_test(difference: Floats, spread: float) -> PairedTest:
    mean, dof = float(difference.mean()), difference.size - 1
    if spread == 0:
        return PairedTest(mean, 0.0 if mean == 0 else float(np.copysign(np.inf, mean)), dof, 1.0 if mean == 0 else 0.0)
    t = mean / float(spread)
    return PairedTest(mean, t, dof, float(2 * stats.t.sf(abs(t), dof)))


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """p-values [m] adjusted for the false discovery rate, in the order given: q_(i) = min over j >= i of m p_(j) / j of
    the sorted p_(1) <= ... <= p_(m) (Benjamini and Hochberg 1995). DataError on values outside 0-1, NaN or none."""
    p = finite("p_values", p_values, (None,), 0.0, 1.0)
    return np.asarray(stats.false_discovery_control(p, method="bh"), dtype=np.float64)


def distance(kind: str, weights: ArrayLike, reference: ArrayLike) -> float:
    """How far mixture w is from q: `kl` sum w log(w / q) nats (0 log 0 = 0, infinite where q = 0 < w), `tv` half of
    sum |w - q|, `euclidean` the root of sum (w - q)^2. Both [k]. Raises ConfigError on another kind, DataError on
    arrays that are not two mixtures of the same parts."""
    w = finite("weights", weights, (None,), -NEGATIVE_TOLERANCE)
    return float(distances(kind, w[None], reference)[0])


def distances(kind: str, weights: ArrayLike, reference: ArrayLike) -> Floats:
    """`distance` of every row of `weights` [n, k] from `reference` [k]: [n]."""
    w = finite("weights", weights, (None, None), -NEGATIVE_TOLERANCE)
    q = finite("reference", reference, (w.shape[1],), 0.0)
    if kind == "tv":
        return np.asarray(np.abs(w - q).sum(axis=1) / 2.0)
    if kind == "euclidean":
        return np.asarray(np.sqrt(((w - q) ** 2).sum(axis=1)))
    if kind == "kl":
        return np.asarray(special.rel_entr(np.maximum(w, 0.0), q).sum(axis=1))
    raise ConfigError(f"distance {kind!r} does not exist; expected one of {', '.join(DISTANCES)}")


def r_squared(observed: ArrayLike, predicted: ArrayLike) -> float:
    """1 - sum (y - y_hat)^2 / sum (y - mean y)^2; NaN where the observed values do not vary. Negative where their mean
    would do better."""
    y, y_hat = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    total = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - y_hat) ** 2).sum()) / total if total > 0 else float("nan")


def relative_improvement(reference: ArrayLike, candidate: ArrayLike) -> float:
    """(mean reference error - mean candidate error) / mean reference error, in percent; positive = candidate better."""
    base = float(finite("reference", reference).mean())
    return 100 * (base - float(finite("candidate", candidate).mean())) / base


def interval_score(actual: ArrayLike, low: ArrayLike, high: ArrayLike, level: float) -> Floats:
    """The interval score [n] of Winkler (1972) of intervals of `level` (Gneiting and Raftery 2007, eq. 43), in the unit
    of the scores, lower is better: (high - low) + 2 / (1 - level) x the distance by which the actual score lies outside
    of the interval. NaN where an end is NaN. Raises DataError on a level that is not between 0 and 1."""
    y, below, above = (np.asarray(values, dtype=np.float64) for values in (actual, low, high))
    missed = np.maximum(below - y, 0.0) + np.maximum(y - above, 0.0)
    return np.asarray(above - below + 2.0 / (1.0 - fraction("level", level)) * missed)


def pair_order_accuracy(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Share of pairs of models with different actual scores [n] that the predictions [n] put in the right order; a tie
    in the predictions counts half. It equals (Somers' D + 1) / 2. Raises DataError when no pair differs."""
    y, f = _sample("pair_order_accuracy", actual, 2), _sample("pair_order_accuracy", predicted, 2)
    above = np.triu_indices(y.size, 1)
    truth, guess = np.sign(y[above[0]] - y[above[1]]), np.sign(f[above[0]] - f[above[1]])
    differs = truth != 0
    if not differs.any():
        raise DataError("pair_order_accuracy: every actual score is the same, no pair can be ordered")
    return float(((truth * guess)[differs] + 1).mean() / 2)
