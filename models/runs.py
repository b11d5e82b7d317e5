"""What MLflow should hold, as plain values: a pure description of each run and registered version made from the files
that DVC owns. `models/registry.py` makes the store match these descriptions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Dataset:
    """A table that a run was computed from, with its DVC hash (md5 of the file)."""

    name: str
    path: str
    md5: str
    context: str


@dataclass(frozen=True)
class RunSpec:
    """One run: `history` maps a metric to (step, value) pairs; `artifacts` are (file, folder inside the run) pairs.
    `stage_hash` identifies the inputs; a run with the same one is the same run."""

    name: str
    stage_hash: str
    benchmark: str
    predictor: str
    description: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    history: Mapping[str, list[tuple[int, float]]]
    artifacts: tuple[tuple[Path, str], ...]
    datasets: tuple[Dataset, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionSpec:
    """A predictor to register: `folder` holds its files; `run` is the run it belongs to; `card` is its model card."""

    model_name: str
    run: RunSpec
    folder: Path
    card: str


def stage_hash(lock: Mapping[str, Any], stages: list[str], *extra: str) -> str:
    """SHA-256 over the dependencies, parameters and outputs that dvc.lock records for `stages`, and `extra` words.

    It changes exactly when one of the files or parameters behind a run changes.
    """
    recorded = {}
    for stage in stages:
        entry = lock["stages"][stage]
        files = {item["path"]: item.get("md5", "") for item in [*entry.get("deps", []), *entry.get("outs", [])]}
        recorded[stage] = {"files": files, "params": entry.get("params", {}), "cmd": entry.get("cmd", "")}
    text = json.dumps([recorded, extra], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest(value: Any) -> str:
    """Short SHA-256 of a plain value, for the params hash tag."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
