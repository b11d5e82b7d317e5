"""The laboratory's training runs in MLflow: an experiment of their own, whose metrics have the optimiser step, so that
the curves of runs lie over each other in the UI."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.ledger.sealed import digest
from models.registry.hashes import file_md5
from models.registry.lineage import Dataset, Lineage
from models.registry.own_experiment import OwnExperiment
from models.registry.runs import RunSpec

LAB_EXPERIMENT = "foretell-lab"
DESCRIPTION = """\
One run per training run of the laboratory (docs/lab.md): `experiment/setting/seed`. Choose runs of one experiment, then
**Compare**: `loss_nats` is the training loss, the other metrics were measured on examples that the run was not trained
on. The horizontal axis is the optimiser step."""
RUN = ["experiment", "setting", "seed"]


def lab_runs(create: bool = False) -> OwnExperiment:
    """The runs of the laboratory: an experiment beside that of the predictors."""
    return OwnExperiment(LAB_EXPERIMENT, DESCRIPTION, create=create)


def lab_specs(
    runs: pd.DataFrame, curves: pd.DataFrame, metrics: pd.DataFrame, files: Sequence[Path], lineage: Lineage
) -> list[RunSpec]:
    """The MLflow run of every row of `runs`, from the tables lab_runs, lab_curves and lab_metrics, which were read from
    `files` (paths in the repository). A run is identified by its rows."""
    datasets = tuple(Dataset(path.as_posix(), file_md5(path)) for path in files)
    tags = lineage.tags(datasets)
    losses, measured = dict(list(curves.groupby(RUN))), dict(list(metrics.groupby(RUN)))
    specs = []
    for row in runs.to_dict("records"):
        key = (row["experiment"], row["setting"], row["seed"])
        history = {"loss_nats": _points(losses[key], "loss_nats")} if key in losses else {}
        if key in measured:
            history |= {str(name): _points(rows, "value") for name, rows in measured[key].groupby("metric")}
        settings = json.loads(row["settings"])
        name = f"{row['experiment']}/{row['setting']}/{row['seed']}"
        specs.append(
            RunSpec(
                name=name,
                stage_hash=digest({"run": {**row, "seed": int(row["seed"])}, "history": history})[:32],
                benchmark=row["experiment"],
                predictor=name,
                description=f"{row['parameters']:,} parameters trained on {row['tokens']:,} tokens.",
                params={**{key: str(row[key]) for key in (*RUN, "parameters", "tokens")}, **_flat(settings)},
                metrics={name: float(row[name]) for name in ("code_bits", "compression_ratio")},
                history={_metric_name(metric): points for metric, points in history.items() if points},
                artifacts=(),
                datasets=datasets,
                tags=tags,
            )
        )
    return specs


def _points(rows: pd.DataFrame, column: str) -> list[tuple[int, float]]:
    """(step, value) of the finite values, in order of step."""
    ordered = rows.sort_values("step")
    pairs = zip(ordered["step"], ordered[column], strict=True)
    return [(int(step), float(value)) for step, value in pairs if math.isfinite(value)]


def _metric_name(metric: str) -> str:
    """A metric's name in the letters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-. /:" else "_" for letter in metric)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as `part.name` -> text, cut to what MLflow takes as a parameter (6,000 characters)."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)[:6000]
    return flat
