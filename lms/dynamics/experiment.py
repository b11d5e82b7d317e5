"""The experiments on learning dynamics as lists of units (a setting and a seed, one model trained from scratch), how a
unit is run, and the recorded tables that finished units give."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import ConfigError, DataError
from foretell.trajectories.learning import code_length
from lms.dynamics.addition import FORMATS, Addition
from lms.dynamics.chains import LAYOUTS, Chains
from lms.dynamics.modular import ModularAddition
from lms.dynamics.quanta import Quanta
from lms.dynamics.settings import DynamicsSettings, TinyModel, Training
from lms.dynamics.skills import ORDERS, Curriculum
from lms.dynamics.task import Task
from lms.files import open_work
from lms.fingerprint import code_hashes
from lms.machine import runtime_environment
from lms.pretrain.loop import Schedule, build_model, train
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings

EXPERIMENTS = ("grokking", "format", "curriculum", "quanta", "steps")
JOB = "learn"
CURVE_ROWS = 60
STATE_EVERY = 500
KEY = ["experiment", "setting", "seed"]


@dataclass(frozen=True)
class Unit:
    """One model to train: its `task`, shape and training; `setting` names the cell of the experiment."""

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
    def described(self) -> dict[str, Any]:
        """All that decides the unit's numbers, beside the code."""
        task: Any = self.task
        return {"task": {"class": type(task).__name__, **asdict(task)}, "model": asdict(self.model),
                "training": asdict(self.training)}  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the description, the task's code or the loop's code."""
        code = code_hashes(type(self.task).__module__, "lms.pretrain.loop")
        text = json.dumps([self.described, self.seed, code], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def units(settings: DynamicsSettings, experiment: str) -> list[Unit]:
    """The units of an experiment, seed by seed. Raises ConfigError when there is no such experiment."""
    if experiment not in EXPERIMENTS:
        raise ConfigError(f"experiment {experiment!r}: expected one of {', '.join(EXPERIMENTS)}")
    made = []
    for seed in range(settings.seeds):
        for setting, task, training in _cells(settings, experiment, seed):
            made.append(Unit(experiment, setting, seed, task, getattr(settings, experiment).model, training))
    return made


def _cells(settings: DynamicsSettings, experiment: str, seed: int) -> list[tuple[str, Task, Training]]:
    """Name, task and training of every setting of an experiment."""
    if experiment == "grokking":
        grokking = settings.grokking
        task = ModularAddition(grokking.modulus, grokking.train_share, grokking.batch_size, seed)
        base = grokking.training
        cells = {(base.learning_rate, decay) for decay in grokking.weight_decays}
        cells |= {(rate, base.weight_decay) for rate in grokking.learning_rates}
        return [
            (f"lr={rate:g},wd={decay:g}", task, replace(base, learning_rate=rate, weight_decay=decay))
            for rate, decay in sorted(cells)
        ]
    if experiment == "format":
        form = settings.format
        return [(name, Addition(name, form.batch_size, form.n_test, seed), form.training) for name in FORMATS]
    if experiment == "curriculum":
        plan = settings.curriculum
        steps, size = plan.training.steps, plan.batch_size
        return [(o, Curriculum(o, plan.shares, steps, size, plan.n_test, seed), plan.training) for o in ORDERS]
    if experiment == "quanta":
        many = settings.quanta
        quanta = Quanta(many.n_skills, many.modulus, many.exponent, many.batch_size, seed)
        return [(f"skills={many.n_skills}", quanta, many.training)]
    chain = settings.steps
    rest = (chain.modulus, chain.max_steps, chain.examples_per_length, chain.n_test, seed)
    return [(layout, Chains(layout, *rest), chain.training) for layout in LAYOUTS]


def measured_steps(training: Training) -> tuple[int, ...]:
    """0 and the steps measured, even in log step; neighbours that round to one step are one."""
    steps = np.geomspace(training.measure_from, training.steps, training.measurements)
    return (0, *(int(step) for step in np.unique(np.rint(steps))))


def run_unit(unit: Unit, root: Path) -> Path:
    """Train `unit` in its folder below `root` (going on where an earlier call was killed) and return the folder.

    Raises DataError when the training diverges.
    """
    folder = open_work(root, JOB, unit.name, unit.fingerprint, runtime_environment("cpu"))
    shape, training, task = unit.model, unit.training, unit.task
    model = build_model(
        ModelSettings(
            vocabulary=task.vocabulary,
            context=task.context,
            hidden=shape.hidden,
            layers=shape.layers,
            heads=shape.heads,
            key_value_heads=shape.heads,
            feed_forward=shape.feed_forward,
            tied=False,
        ),
        unit.seed,
    )
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
    loop = LoopSettings(
        steps=training.steps, optimiser=optimiser, micro_batches=1, dtype="float32", seed=unit.seed, threads=1
    )
    schedule = Schedule(measure_at=measured_steps(training), checkpoint_at=(), state_every=STATE_EVERY)
    skill = task.facts.skill

    def learned(metrics: Mapping[str, float]) -> bool:
        return metrics[skill] >= training.stop_at

    train(model, task, loop, schedule, task.measure, folder, learned)
    return folder


@dataclass(frozen=True)
class Recorded:
    """The tables of an experiment: `curves` (experiment, setting, seed, step, tokens, loss_nats), `metrics` (the same
    with metric and value) and `runs` (parameters, tokens, code length and, as JSON, facts and settings)."""

    curves: pd.DataFrame
    metrics: pd.DataFrame
    runs: pd.DataFrame


def collect(finished: Sequence[tuple[Unit, Path]]) -> Recorded:
    """The tables of finished units (unit and folder, as `run_unit` returns it), floats with 6 significant digits.

    Raises DataError when a unit is not finished.
    """
    curves, metrics, runs = [], [], []
    for unit, folder in finished:
        if not (folder / "finished.json").is_file():
            raise DataError(f"{folder}: the run is not finished; run its experiment again")
        key: dict[str, Any] = dict(zip(KEY, (unit.experiment, unit.setting, unit.seed), strict=True))
        curve = pd.read_csv(folder / "curve.csv")
        summary = json.loads((folder / "finished.json").read_text(encoding="utf-8"))
        facts = unit.task.facts
        labels = curve["tokens"] * (facts.labels_per_example / facts.tokens_per_example)
        code = code_length(labels, curve["loss_nats"].clip(lower=1e-12), facts.raw_bits_per_label)
        runs.append(
            {**key, "parameters": summary["parameters"], "tokens": summary["tokens"], "code_bits": code.code_bits,
             "compression_ratio": code.compression_ratio, "facts": json.dumps(asdict(facts)),
             "settings": json.dumps(unit.described)}
        )  # fmt: skip
        curves.append(thin(curve, CURVE_ROWS)[["step", "tokens", "loss_nats"]].assign(**key))
        metrics.append(pd.read_csv(folder / "metrics.csv").assign(**key))
    return Recorded(
        *(_rounded(table[[*KEY, *(c for c in table.columns if c not in KEY)]])
          for table in (pd.concat(curves), pd.concat(metrics), pd.DataFrame(runs)))
    )  # fmt: skip


def thin(curve: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """At most `n_rows` rows of a training curve, even in log step: in each stretch the mean of every column, with the
    last step and tokens of the stretch."""
    ends = np.unique(np.rint(np.geomspace(1, len(curve), n_rows)).astype(int))
    stretch = np.searchsorted(ends, np.arange(1, len(curve) + 1))
    means = curve.groupby(stretch).mean()
    last = curve[["step", "tokens"]].groupby(stretch).last()
    return means.assign(step=last["step"], tokens=last["tokens"]).reset_index(drop=True)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Floats with 6 significant digits."""
    floats = table.select_dtypes("float").columns
    return table.assign(**{c: [float(f"{v:.6g}") for v in table[c]] for c in floats}).reset_index(drop=True)
