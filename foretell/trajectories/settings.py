"""What a person may change in the study of training curves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TraceSettings:
    """What a person may change: test level `alpha`; the part of training skipped; stages of training (fractions);
    Newey-West lags; interval `level`, resamples and seed; `min_tokens` below which a checkpoint is too early to
    regress on; last checkpoints and pair agreement of the steering test; vocabulary of the loss curves' tokeniser."""

    alpha: float = 0.05
    skip_fraction: float = 0.1
    stages: tuple[tuple[float, float], ...] = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0))
    hac_lags: int = 3
    level: float = 0.95
    n_bootstrap: int = 1000
    seed: int = 0
    min_tokens: float = 1e9
    n_last: int = 5
    minimum_agreement: float = 0.9
    curve_vocabulary: int = 100_352
