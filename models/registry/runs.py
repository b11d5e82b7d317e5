"""What MLflow should hold, as plain values: a pure description of each run and registered version made from the files
that DVC owns. `models/registry` makes the store match these descriptions."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.catalogue import Entry
from models.report.cards import run_card


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


def version_stages(benchmark: str) -> list[str]:
    """The stages whose inputs and outputs identify a benchmark's runs and registered versions."""
    return [f"evaluate@{benchmark}", f"explain@{benchmark}", f"fit@{benchmark}"]


def digest(value: Any) -> str:
    """Short SHA-256 of a plain value, for the params hash tag."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Lineage:
    """Where a run's numbers come from: the git commit, whether the tree had changes, dvc.lock's md5 and content, the
    raw tables' hashes and a hash of the parameters."""

    commit: str
    dirty: bool
    lock_md5: str
    lock: Mapping[str, Any]
    raw_md5: Mapping[str, str]
    params: Mapping[str, Any]

    @property
    def data_version(self) -> str:
        """A short name of the state of all raw tables."""
        return digest(dict(self.raw_md5))[:8]

    def tags(self) -> dict[str, str]:
        """The tags that every run and version carries."""
        return {
            "git.commit": self.commit,
            "git.dirty": str(self.dirty).lower(),
            "dvc.lock_md5": self.lock_md5,
            "params.hash": digest(self.params),
            "data.version": self.data_version,
            **{f"data.{name}.md5": md5 for name, md5 in self.raw_md5.items()},
        }


@dataclass(frozen=True)
class Folders:
    """Where a benchmark's results are: `errors` (errors.csv, predictions.parquet), `explained` (one folder per tree
    predictor), `runs` (figures per predictor)."""

    errors: Path
    explained: Path
    runs: Path


def run_spec(
    benchmark: str,
    predictor: Entry,
    row: Mapping[str, Any],
    per_seed: Mapping[int, float],
    features: Sequence[str],
    extra_metrics: Mapping[str, float],
    folders: Folders,
    lineage: Lineage,
) -> RunSpec:
    """The run of one predictor: `row` is its line of reports/errors.csv, `per_seed` its MAE of each seed (one run whose
    metric `mae` has step = seed, never a run per seed)."""
    figures = {key: float(value) for key, value in row.items() if isinstance(value, float) and math.isfinite(value)}
    figures |= dict(extra_metrics)
    view = str(lineage.params["tabulate"]["view"])
    artifacts = [(folders.errors / "errors.csv", "errors"), (folders.errors / "predictions.parquet", "errors")]
    artifacts += [(path, "figures") for path in sorted((folders.runs / predictor.name).glob("*.png"))]
    artifacts += [(path, "shap") for path in sorted((folders.explained / predictor.name).glob("*"))]
    settings = {"benchmark": benchmark, "predictor": predictor.name, "view": view, "features": ", ".join(features)}
    settings |= {f"protocol.{key}": str(value) for key, value in lineage.params["protocol"].items()}
    settings |= {"n_seeds": str(len(per_seed)), "family_seeds": str(lineage.params["evaluate"]["family_seeds"])}
    return RunSpec(
        name=f"{benchmark}/{predictor.name}",
        stage_hash=stage_hash(lineage.lock, version_stages(benchmark), predictor.name),
        benchmark=benchmark,
        predictor=predictor.name,
        description=run_card(benchmark, predictor, figures, features, view),
        params=settings,
        metrics={key: value for key, value in figures.items() if key != "mae"} | {"mae_mean": figures["mae"]},
        history={"mae": sorted(per_seed.items())},
        artifacts=tuple(artifacts),
        datasets=tuple(
            Dataset(name, f"data/raw/{name}.csv", md5, "raw facts") for name, md5 in lineage.raw_md5.items()
        ),
        tags={**lineage.tags(), "view": view, "n_seeds": str(len(per_seed))},
    )


def study_spec(
    name: str, stage: str, description: str, metrics: Mapping[str, float], folder: Path, lineage: Lineage
) -> RunSpec:
    """The run of a study that is no predictor (laws, trajectories, mixtures, generations): its figures and files."""
    return RunSpec(
        name=f"study/{name}",
        stage_hash=stage_hash(lineage.lock, [stage], name),
        benchmark="-",
        predictor=name,
        description=description,
        params={"study": name, **{f"{stage}.{k}": str(v) for k, v in lineage.params.get(stage, {}).items()}},
        metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
        history={},
        artifacts=tuple((path, "files") for path in sorted(folder.iterdir()) if path.is_file()),
        datasets=tuple(Dataset(n, f"data/raw/{n}.csv", md5, "raw facts") for n, md5 in lineage.raw_md5.items()),
        tags=lineage.tags(),
    )
