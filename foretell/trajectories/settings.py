"""What a person may change in the study of training curves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foretell.settings import Level, Seed, Share, settings

Stage = tuple[Share, Annotated[float, Field(gt=0, le=1)]]


@settings
class TraceSettings:
    """The section `trace` of params.yaml: the level `alpha` of the trend tests; the part of training that is left out
    before a trend is fitted; the `stages` of training (fractions) that are classed by themselves; lags of the
    Newey-West standard errors; `level`, resamples and seed of the intervals; `min_tokens` below which a checkpoint is
    too early to regress on; how many last checkpoints measure noise, and the pair agreement below which a benchmark is
    too noisy; the vocabulary of the loss curves' tokeniser."""

    alpha: Level = 0.05
    skip_fraction: Share = 0.1
    stages: Annotated[tuple[Stage, ...], Field(min_length=2)] = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0))
    hac_lags: Annotated[int, Field(ge=1)] = 3
    level: Level = 0.95
    n_bootstrap: Annotated[int, Field(ge=100)] = 1000
    seed: Seed = 0
    min_tokens: Annotated[float, Field(ge=1e5)] = 1e9
    n_last: Annotated[int, Field(ge=3)] = 5
    minimum_agreement: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    curve_vocabulary: Annotated[int, Field(ge=2)] = 100_352
