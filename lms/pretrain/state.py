"""The state of an unfinished training run on disk: weights, AdamW's moments and the rows written so far. A state is a
folder that appears whole under its name or not at all, so that a run killed at any moment goes on from the newest one.
Tensors are safetensors and rows are JSON, exact to the last bit: reading a state never runs code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lms.files import write_whole

CURVE_COLUMNS = ["step", "tokens", "learning_rate", "loss_nats", "gradient_norm"]
METRIC_COLUMNS = ["step", "tokens", "metric", "value"]
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class Rows:
    """The rows of curve.csv and metrics.csv up to a step."""

    curve: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    metrics: list[tuple[int, int, str, float]] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Steps finished: one row of the curve for each."""
        return len(self.curve)

    @property
    def tokens(self) -> int:
        """Tokens of all batches so far."""
        return self.curve[-1][1] if self.curve else 0

    def write(self, folder: Path) -> None:
        """Write curve.csv and metrics.csv, each whole, floats with all their digits."""
        for name, rows, columns in (
            ("curve.csv", self.curve, CURVE_COLUMNS),
            ("metrics.csv", self.metrics, METRIC_COLUMNS),
        ):
            text = pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")
            write_whole(folder / name, text.encode())


def step_name(step: int) -> str:
    """Folder name of a step, `step-000250`."""
    return f"step-{step:06d}"


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that becomes `path` when the block ends without an error. An earlier `path`
    stays as it is: the same step of the same run holds the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    yield temporary
    for file in temporary.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    if path.exists():
        shutil.rmtree(temporary)
    else:
        temporary.rename(path)


def save_state(folder: Path, model: Any, optimiser: Any, rows: Rows) -> None:
    """Write the state after `rows.step` steps below `folder`, then remove older ones."""
    from safetensors.torch import save_file

    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"weight/{name}"] = parameter.detach()
        for moment in MOMENTS:
            tensors[f"{moment}/{name}"] = optimiser.state[parameter][moment]
    newest = folder / step_name(rows.step)
    with whole_folder(newest) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / "tensors.safetensors")
        write_whole(temporary / "rows.json", json.dumps(asdict(rows)).encode())
    for other in _states(folder):
        if other != newest:
            shutil.rmtree(other)


def load_state(folder: Path, model: Any, optimiser: Any) -> Rows:
    """Put the newest state below `folder` into `model` and `optimiser`, and return its rows; if there is none, change
    nothing and return no rows."""
    import torch
    from safetensors.torch import load_file

    states = _states(folder)
    if not states:
        return Rows()
    stored = json.loads((states[-1] / "rows.json").read_text(encoding="utf-8"))
    rows = Rows(**{name: [tuple(row) for row in table] for name, table in stored.items()})
    tensors = load_file(states[-1] / "tensors.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"weight/{name}"])
            optimiser.state[parameter] = {
                "step": torch.tensor(float(rows.step), device=parameter.device),
                **{moment: tensors[f"{moment}/{name}"].to(parameter.device) for moment in MOMENTS},
            }
    return rows


def _states(folder: Path) -> list[Path]:
    """Folders of states, the oldest first."""
    return sorted(folder.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))
