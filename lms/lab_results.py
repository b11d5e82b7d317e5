"""The finished runs of the laboratory's text experiments, for measurements, and as the recorded tables."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

from lms.lab_settings import LabSettings
from lms.probe import LabRun
from lms.recorded import Described, Recorded, recorded_run, together


def finished_runs(lab: LabSettings, run: str, made: Path) -> list[LabRun]:
    """The seeds of a run below `made` (a folder per run), as measurements and probes take them."""
    return [LabRun(lab.runs[run].setting, seed, made / run / f"seed-{seed}") for seed in lab.seeds(run)]


def collect_runs(lab: LabSettings, made: Path) -> Recorded:
    """The recorded tables of all runs below `made` (a folder per run, as `train_run` writes it). Raises DataError when
    a run is missing."""
    parts = []
    for run, cell in lab.runs.items():
        shape = lab.models[cell.model]
        described = {"run": run, **asdict(cell), "shape": asdict(shape), "training": asdict(lab.training),
                     "data": asdict(lab.data), "schedule": asdict(lab.schedules[cell.experiment])}  # fmt: skip
        parts += [
            recorded_run(
                made / run / f"seed-{seed}",
                Described(
                    key=(cell.experiment, cell.setting, seed),
                    labels_per_token=1 - 1 / shape.context,  # the first token of a sequence is not scored
                    raw_bits=math.log2(shape.vocabulary),
                    facts={},
                    settings=described,
                ),
            )
            for seed in lab.seeds(run)
        ]
    return together(parts)
