"""The multi-class Brier score from option log-likelihoods, ours because the evaluation harness's own metric fails on
benchmarks whose items have different numbers of options, after all the compute is spent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax


def option_probabilities(log_likelihoods: Sequence[float]) -> NDArray[np.float64]:
    """p_k = exp(l_k) / sum_j exp(l_j), shape (options,): the softmax of one item's option log-likelihoods (nats).

    An option of log-likelihood -inf has probability 0. Raises ValueError on no options, NaN, or all -inf.
    """
    values = np.asarray(log_likelihoods, dtype=np.float64)
    if values.size == 0 or np.isnan(values).any() or not np.isfinite(values.max()):
        raise ValueError(f"option log-likelihoods must hold a finite largest value and no NaN: {values.tolist()}")
    return np.asarray(softmax(values), dtype=np.float64)


def item_brier_score(log_likelihoods: Sequence[float], right: int) -> float:
    """sum_k (p_k - 1[k = right])^2 of one item, between 0 and 2 (Brier 1950). `right` is the right option's index."""
    probability = option_probabilities(log_likelihoods)
    if not 0 <= right < probability.size:
        raise ValueError(f"right option {right} of an item with {probability.size} options")
    probability[right] -= 1.0
    return float(probability @ probability)


def brier_score(items: Sequence[tuple[Sequence[float], int]]) -> tuple[float, float]:
    """Mean over items of the item Brier score, and its standard error s / sqrt(n) (NaN for one item).

    `items` holds (option log-likelihoods, right option) per item; option counts may differ. Raises ValueError on no
    items."""
    if not items:
        raise ValueError("a Brier score needs at least one item")
    scores = np.array([item_brier_score(log_likelihoods, right) for log_likelihoods, right in items])
    stderr = float(scores.std(ddof=1) / np.sqrt(scores.size)) if scores.size > 1 else float("nan")
    return float(scores.mean()), stderr
