"""What a person may change in the study of the laboratory's runs: the section `examine` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foretell.settings import Count, Level, Seed, settings


@settings
class BestShareSettings:
    """`level` of the intervals, and number and seed of the resamples."""

    level: Level
    n_bootstrap: Annotated[int, Field(ge=100)]
    seed: Seed


@settings
class ExamineSettings:
    """Intervals and resamples of the best share of code, and the step in percent between the weights of code for which
    it is asked."""

    best_share: BestShareSettings
    weight_step: Count
