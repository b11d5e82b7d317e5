"""Statistics of repeated cross-validation: means with intervals, paired tests over seeds, their correction for the
overlap of training sets, and for many benchmarks. Bodies are short on purpose: the equation is in the docstring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foretell.errors import DataError


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """Mean difference, t statistic, degrees of freedom and two-sided p-value of a paired test."""

    difference: float
    t: float
    dof: int
    p: float


def _finite(values: ArrayLike, what: str, at_least: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.size < at_least or not np.isfinite(array).all():
        broken = int((~np.isfinite(array)).sum())
        raise DataError(f"{what}: {array.size} values, {broken} of them not finite; needs {at_least} or more, finite")
    return array


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean and t interval of `values` [n]: mean +- t_{(1+level)/2, n-1} s / sqrt(n). DataError below 2 values."""
    array = _finite(values, "mean_interval", 2)
    half = stats.t.ppf((1 + level) / 2, array.size - 1) * array.std(ddof=1) / np.sqrt(array.size)
    return Interval(float(array.mean()), float(array.mean() - half), float(array.mean() + half))


def paired_t(reference: ArrayLike, candidate: ArrayLike) -> PairedTest:
    """Student's paired t-test of reference - candidate [n seeds]: t = mean(d) / (s_d / sqrt(n)).

    Over seeds that re-split the same models it tests the split noise, not new models. Equal arrays give p = 1.
    """
    difference = _finite(reference, "paired_t", 2) - _finite(candidate, "paired_t", 2)
    return _t_test(difference, difference.std(ddof=1) / np.sqrt(difference.size))


def corrected_paired_t(reference: ArrayLike, candidate: ArrayLike, n_train: float, n_test: float) -> PairedTest:
    """The corrected resampled t-test of Nadeau and Bengio (2003, eq. 8) on fold errors [seeds, folds]:
    t = mean(d) / sqrt((1/k + n_test/n_train) s_d^2), k = seeds x folds.

    The added n_test/n_train accounts for training sets that overlap between splits, which the plain test ignores.
    """
    difference = (_finite(reference, "corrected_paired_t", 2) - _finite(candidate, "corrected_paired_t", 2)).ravel()
    spread = np.sqrt((1 / difference.size + n_test / n_train) * difference.var(ddof=1))
    return _t_test(difference, spread)


def _t_test(difference: NDArray[np.float64], spread: float) -> PairedTest:
    mean, dof = float(difference.mean()), difference.size - 1
    if spread == 0:
        return PairedTest(mean, 0.0 if mean == 0 else float(np.copysign(np.inf, mean)), dof, 1.0 if mean == 0 else 0.0)
    t = mean / float(spread)
    return PairedTest(mean, t, dof, float(2 * stats.t.sf(abs(t), dof)))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values [m] adjusted for the false discovery rate (Benjamini and Hochberg 1995): p_(i) m / i, made monotone."""
    return np.asarray(stats.false_discovery_control(_finite(p_values, "benjamini_hochberg", 1), method="bh"))


def relative_improvement(reference: ArrayLike, candidate: ArrayLike) -> float:
    """(mean reference error - mean candidate error) / mean reference error, in percent; positive = candidate better."""
    base = float(_finite(reference, "relative_improvement", 1).mean())
    return 100 * (base - float(_finite(candidate, "relative_improvement", 1).mean())) / base


def pair_order_accuracy(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Share of pairs of models with different actual scores [n] that the predictions [n] order rightly; a tie in the
    predictions counts half. It equals (Somers' D + 1) / 2. Raises DataError when no pair differs."""
    y, f = _finite(actual, "pair_order_accuracy", 2), _finite(predicted, "pair_order_accuracy", 2)
    above = np.triu_indices(y.size, 1)
    truth, guess = np.sign(y[above[0]] - y[above[1]]), np.sign(f[above[0]] - f[above[1]])
    differs = truth != 0
    if not differs.any():
        raise DataError("pair_order_accuracy: every actual score is the same, no pair can be ordered")
    return float(((truth * guess)[differs] + 1).mean() / 2)
