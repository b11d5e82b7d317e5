"""The settings of the learning-dynamics experiments: the section `lab.dynamics` of params.yaml. Every field is
required."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foretell.errors import ConfigError
from foretell.settings import Count, Level, Positive, Seed, Share, settings
from lms.pretrain.settings import Amount, Momentum, Steps

AtLeast = Annotated[tuple[Amount, ...], Field(min_length=2)]


@settings
class TinyModel:
    """Shape of a model: `hidden` width, `feed_forward` width; vocabulary and context come from the task."""

    hidden: Count
    layers: Count
    heads: Count
    feed_forward: Count


@settings
class Training:
    """How a unit is trained: at most `steps` steps at a `learning_rate` that is constant after `warm_up_steps`,
    measured `measurements` times, in even steps of log step from `measure_from` on; the run ends early once its skill
    is measured at `stop_at` or above."""

    steps: Count
    learning_rate: Positive
    warm_up_steps: Steps
    beta2: Momentum
    weight_decay: Amount
    clip: Amount
    measure_from: Count
    measurements: Annotated[int, Field(ge=6)]
    stop_at: Positive

    def __post_init__(self) -> None:
        if self.measure_from >= self.steps:
            raise ConfigError(f"measure_from {self.measure_from}: expected fewer than steps ({self.steps})")


@settings
class Grokking:
    """Modular addition: each of `weight_decays` at the learning rate of `training`, each of `learning_rates` at its
    weight decay."""

    modulus: Annotated[int, Field(ge=3)]
    train_share: Level
    batch_size: Count
    weight_decays: AtLeast
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=2)]
    model: TinyModel
    training: Training


@settings
class FormatSettings:
    """Three-digit addition in every format, `batch_size` problems a step, tested on `n_test` others."""

    batch_size: Count
    n_test: Count
    model: TinyModel
    training: Training


@settings
class CurriculumSettings:
    """Addition of one, two and three digits; `shares` of the steps that skills 1, 2 and 3 get."""

    shares: tuple[Share, Share, Share]
    batch_size: Count
    n_test: Count
    model: TinyModel
    training: Training

    def __post_init__(self) -> None:
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ConfigError(f"shares {self.shares}: expected a sum of 1")


@settings
class QuantaSettings:
    """`n_skills` facts with frequencies proportional to rank^-`exponent`."""

    n_skills: Annotated[int, Field(ge=2, le=999)]
    exponent: Positive
    batch_size: Count
    model: TinyModel
    training: Training


@settings
class StepsSettings:
    """Chains of 1 to `max_steps` additions modulo `modulus`."""

    modulus: Annotated[int, Field(ge=3)]
    max_steps: Annotated[int, Field(ge=2)]
    examples_per_length: Count
    n_test: Count
    model: TinyModel
    training: Training


@settings
class DynamicsSettings:
    """All experiments, each setting with each of `seeds`: take none with which the settings were chosen."""

    seeds: Annotated[tuple[Seed, ...], Field(min_length=2)]
    grokking: Grokking
    format: FormatSettings
    curriculum: CurriculumSettings
    quanta: QuantaSettings
    steps: StepsSettings
