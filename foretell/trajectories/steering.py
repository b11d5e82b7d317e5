"""Which benchmarks can steer a decision, and what moves choice accuracy. A benchmark whose score wanders from one
checkpoint to the next as much as models differ cannot rank them; and an accuracy can rise though the right option's
loss stands still, as long as the wrong options' losses rise (Xia et al. 2023, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from foretell.arrays import Floats, finite
from foretell.errors import DataError
from foretell.trajectories.learning import checkpoint_noise


@dataclass(frozen=True)
class SteeringNoise:
    """Of one benchmark: `signal`, the spread of the models' final scores (max - min); `noise`, the checkpoint noise
    (pooled standard deviation); their ratio; `pair_agreement`, the chance that one checkpoint of each of two models
    orders the pair as their means do, averaged over pairs; `too_noisy` by the threshold asked for."""

    signal: float
    noise: float
    signal_to_noise: float
    pair_agreement: float
    n_models: int
    n_checkpoints: int
    too_noisy: bool


def steering_noise(scores: ArrayLike, n_last: int = 5, minimum_agreement: float = 0.9) -> SteeringNoise:
    """Signal against checkpoint noise of a benchmark (Heineman et al. 2025, arXiv:2508.13144).

    `scores` (n_models, n_checkpoints) over training, last checkpoint last; the final score of a model is the mean of
    its last `n_last` >= 3 checkpoints, noise^2 the mean over models of `checkpoint_noise`^2 of these. Agreement of
    a pair = Phi(|difference| / (noise sqrt 2)), averaged over pairs; `too_noisy` when below `minimum_agreement`.
    Raises DataError on bad input, fewer than 2 models or n_last outside 3..n_checkpoints.
    """
    y = finite("scores", scores, (None, None))
    n_models, n_checkpoints = y.shape
    if n_models < 2 or not 3 <= n_last <= n_checkpoints:
        raise DataError(
            f"{n_models} models with {n_checkpoints} checkpoints and n_last {n_last}; "
            "expected at least 2 models and 3 <= n_last <= checkpoints"
        )
    last = y[:, -n_last:]
    final = last.mean(axis=1)
    noise = float(np.sqrt(np.mean([checkpoint_noise(row) ** 2 for row in last])))
    signal = float(np.ptp(final))
    first, second = np.triu_indices(n_models, 1)
    difference = np.abs(final[first] - final[second])
    if noise > 0:
        agreement = float(stats.norm.cdf(difference / (noise * np.sqrt(2.0))).mean())
        ratio = signal / noise
    else:
        agreement = float(np.where(difference > 0, 1.0, 0.5).mean())
        ratio = float("inf") if signal > 0 else float("nan")
    return SteeringNoise(signal, noise, ratio, agreement, n_models, n_last, agreement < minimum_agreement)


@dataclass(frozen=True)
class ChoiceSplit:
    """Per checkpoint (n_checkpoints,): accuracy, mean loss of the right option, mean loss of the best wrong option
    and of all wrong options, and the gap best wrong - right (nats). `gain_*` (nats): how far, first to last
    checkpoint, the gap moved, split as gap = from_right + from_wrong; `r2_*`: R-squared of accuracy on each over
    checkpoints (NaN where one of them does not vary)."""

    accuracy: Floats
    right_nats: Floats
    best_wrong_nats: Floats
    wrong_nats: Floats
    gap_nats: Floats
    gain_gap_nats: float
    gain_from_right_nats: float
    gain_from_wrong_nats: float
    r2_right: float
    r2_wrong: float
    r2_gap: float


def choice_split(right_nats: ArrayLike, wrong_nats: ArrayLike) -> ChoiceSplit:
    """Choice accuracy split into the losses of right and wrong options (Xia et al. 2023, section 6).

    `right_nats` (n_checkpoints, n_items), `wrong_nats` (n_checkpoints, n_items, n_wrong): loss of every option, nats,
    at least 0. An item is right when its right option's loss is below all wrong ones (a tie is wrong). With gap =
    best wrong - right, its change is minus the right option's change plus the best wrong option's change. Needs the
    losses of *all* options; with the right option's alone this question cannot be asked. Raises DataError on bad input.
    """
    right = finite("right_nats", right_nats, (None, None), 0.0)
    wrong = finite("wrong_nats", wrong_nats, (*right.shape, None), 0.0)
    best = wrong.min(axis=2)
    accuracy = (right < best).mean(axis=1)
    r, b, w = right.mean(axis=1), best.mean(axis=1), wrong.mean(axis=(1, 2))
    gap = b - r
    return ChoiceSplit(
        accuracy, r, b, w, gap,
        float(gap[-1] - gap[0]), float(r[0] - r[-1]), float(b[-1] - b[0]),
        _r_squared(r, accuracy), _r_squared(b, accuracy), _r_squared(gap, accuracy),
    )  # fmt: skip


def _r_squared(x: Floats, y: Floats) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.linregress(x, y).rvalue ** 2)
