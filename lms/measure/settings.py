"""The settings of the stage that measures the checkpoints of a laboratory run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foretell.settings import Count, Seed, settings


@settings
class PassageSettings:
    """Items made from held-out text (`lms.measure.passages`): `items_per_source` of them per source, each with a prompt
    of `prompt_tokens` tokens and `n_options` continuations of `option_tokens` tokens; drawn by `seed`, which is the
    items' own: every run is measured on the same ones."""

    items_per_source: Count
    n_options: Annotated[int, Field(ge=2)]
    prompt_tokens: Count
    option_tokens: Count
    seed: Seed


@settings
class MeasureSettings:
    """What a run's checkpoints are measured on, and `batch_size`, the options that a model is given at once (other
    sizes give losses that agree to float32 rounding)."""

    passages: PassageSettings
    batch_size: Count
