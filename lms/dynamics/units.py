"""The experiments on learning dynamics as lists of units: a setting and a seed, one model trained from scratch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from foretell.errors import ConfigError
from lms.dynamics.addition import FORMATS, Addition
from lms.dynamics.chains import LAYOUTS, Chains
from lms.dynamics.modular import ModularAddition
from lms.dynamics.quanta import Quanta
from lms.dynamics.settings import (
    CurriculumSettings,
    DynamicsSettings,
    FormatSettings,
    Grokking,
    QuantaSettings,
    StepsSettings,
    TinyModel,
    Training,
)
from lms.dynamics.skills import ORDERS, Curriculum
from lms.dynamics.task import Task
from lms.fingerprint import code_hashes
from lms.pretrain.loop import Schedule
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings

STATE_EVERY = 500  # steps between states from which a killed run goes on


@dataclass(frozen=True)
class Unit:
    """One model to train: its `task`, the shape of the `model` and the `training`; `setting` names the cell of the
    experiment."""

    experiment: str
    setting: str
    seed: int
    task: Task
    model: TinyModel
    training: Training

    @property
    def name(self) -> str:
        """Names the unit among all."""
        return f"{self.experiment}-{self.setting}-{self.seed}"

    @property
    def shape(self) -> ModelSettings:
        """The model of this task: its own vocabulary and context, no shared heads, untied embeddings."""
        return ModelSettings(
            vocabulary=self.task.vocabulary,
            context=self.task.context,
            key_value_heads=self.model.heads,
            tied=False,
            **asdict(self.model),
        )

    @property
    def loop(self) -> LoopSettings:
        """The training loop's settings: a learning rate that stays where the warm-up brought it, one thread."""
        training = self.training
        optimiser = OptimiserSettings(
            learning_rate=training.learning_rate,
            final_learning_rate=training.learning_rate,
            warm_up_steps=training.warm_up_steps,
            horizon_steps=training.steps,
            beta1=0.9,
            beta2=training.beta2,
            weight_decay=training.weight_decay,
            clip=training.clip,
        )
        return LoopSettings(
            steps=training.steps, optimiser=optimiser, micro_batches=1, dtype="float32", seed=self.seed, threads=1
        )

    @property
    def schedule(self) -> Schedule:
        """When the run is measured; it keeps no checkpoints."""
        return Schedule(measure_at=measured_steps(self.training), checkpoint_at=(), state_every=STATE_EVERY)

    @property
    def described(self) -> dict[str, Any]:
        """All that decides the unit's numbers, beside the code."""
        task: Any = self.task
        return {
            "task": {"class": type(task).__name__, **asdict(task)},
            "model": asdict(self.shape),
            "loop": asdict(self.loop),
            "measure_at": self.schedule.measure_at,
            "stop_at": self.training.stop_at,
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the description, the task's code or the loop's code."""
        code = code_hashes(type(self.task).__module__, "lms.pretrain.loop")
        text = json.dumps([self.described, code], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def measured_steps(training: Training) -> tuple[int, ...]:
    """0 and the steps measured, even in log step; neighbours that round to one step are one."""
    steps = np.geomspace(training.measure_from, training.steps, training.measurements)
    return (0, *(int(step) for step in np.unique(np.rint(steps))))


Cell = tuple[str, Task, Training]
"""A setting of an experiment for one seed: its name, its task and how it is trained."""


def _grokking(settings: Grokking, seed: int) -> list[Cell]:
    task = ModularAddition(settings.modulus, settings.train_share, settings.batch_size, seed)
    base = settings.training
    pairs = {(base.learning_rate, decay) for decay in settings.weight_decays}
    pairs |= {(rate, base.weight_decay) for rate in settings.learning_rates}
    return [
        (f"lr={rate:g},wd={decay:g}", task, replace(base, learning_rate=rate, weight_decay=decay))
        for rate, decay in sorted(pairs)
    ]


def _format(settings: FormatSettings, seed: int) -> list[Cell]:
    return [(form, Addition(form, settings.batch_size, settings.n_test, seed), settings.training) for form in FORMATS]


def _curriculum(settings: CurriculumSettings, seed: int) -> list[Cell]:
    plan = (settings.shares, settings.training.steps, settings.batch_size, settings.n_test, seed)
    return [(order, Curriculum(order, *plan), settings.training) for order in ORDERS]


def _quanta(settings: QuantaSettings, seed: int) -> list[Cell]:
    task = Quanta(settings.n_skills, settings.exponent, settings.batch_size, seed)
    return [(f"skills={settings.n_skills}", task, settings.training)]


def _steps(settings: StepsSettings, seed: int) -> list[Cell]:
    chain = (settings.modulus, settings.max_steps, settings.examples_per_length, settings.n_test, seed)
    return [(layout, Chains(layout, *chain), settings.training) for layout in LAYOUTS]


EXPERIMENTS: dict[str, Callable[[Any, int], list[Cell]]] = {
    "grokking": _grokking,
    "format": _format,
    "curriculum": _curriculum,
    "quanta": _quanta,
    "steps": _steps,
}
"""Name of an experiment, which is that of its settings -> its settings for a seed."""


def units(settings: DynamicsSettings, experiment: str) -> list[Unit]:
    """The units of an experiment, seed by seed. Raises ConfigError when there is no such experiment."""
    if experiment not in EXPERIMENTS:
        raise ConfigError(f"experiment {experiment!r}: expected one of {', '.join(EXPERIMENTS)}")
    section = getattr(settings, experiment)
    return [
        Unit(experiment, setting, seed, task, section.model, training)
        for seed in settings.seeds
        for setting, task, training in EXPERIMENTS[experiment](section, seed)
    ]
