"""How a unit of the experiments on learning dynamics is trained, and the recorded tables that finished units give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.trajectories.learning import code_length
from lms.dynamics.units import Unit
from lms.files import open_work
from lms.machine import runtime_environment
from lms.pretrain.loop import build_model, train

JOB = "learn"
CURVE_ROWS = 60
KEY = ["experiment", "setting", "seed"]


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
