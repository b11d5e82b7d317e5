"""How a unit of the experiments on learning dynamics is trained, and the recorded tables that finished units give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from lms.dynamics.units import Unit
from lms.files import open_work
from lms.machine import runtime_environment
from lms.pretrain.loop import build_model, train
from lms.recorded import Described, Recorded, recorded_run, together

JOB = "learn"


def run_unit(unit: Unit, root: Path) -> Path:
    """Train `unit` in its folder below `root` (going on where an earlier call was killed) and return the folder.

    Raises DataError when the training diverges.
    """
    folder = open_work(root, JOB, unit.name, unit.fingerprint, runtime_environment("cpu"))
    skill = unit.task.facts.skill

    def learned(metrics: Mapping[str, float]) -> bool:
        return metrics[skill] >= unit.training.stop_at

    model = build_model(unit.shape, unit.seed)
    train(model, unit.task, unit.loop, unit.schedule, unit.task.measure, folder, learned)
    return folder


def collect(finished: Sequence[tuple[Unit, Path]]) -> Recorded:
    """The tables of finished units (unit and folder, as `run_unit` returns it). Raises DataError when one is not
    finished."""
    return together([recorded_run(folder, _described(unit)) for unit, folder in finished])


def _described(unit: Unit) -> Described:
    facts = unit.task.facts
    return Described(
        key=(unit.experiment, unit.setting, unit.seed),
        labels_per_token=facts.labels_per_example / facts.tokens_per_example,
        raw_bits=facts.raw_bits_per_label,
        facts=asdict(facts),
        settings=unit.described,
    )
