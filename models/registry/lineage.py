"""Where a run's numbers come from: the git commit, dvc.lock, the parameters, and the facts that its stages read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from models.registry.dvc_lock import DvcLock
from models.registry.hashes import short_hash
from models.registry.workspace import Workspace

RAW = "raw"


@dataclass(frozen=True)
class Dataset:
    """A file that a run was computed from: its path in the repository, and the MD5 that dvc.lock records for it."""

    path: str
    md5: str

    @property
    def name(self) -> str:
        """`item_losses` for data/raw/item_losses.csv.gz; with its folder where that is not `raw`
        (`scores/eleutherai--pythia-1b`)."""
        path = PurePosixPath(self.path)
        stem = path.name.removesuffix(".gz").rpartition(".")[0]
        return stem if path.parent.name == RAW else f"{path.parent.name}/{stem}"

    @property
    def context(self) -> str:
        """What kind of facts it holds."""
        return "raw facts" if PurePosixPath(self.path).parent.name == RAW else "measured"

    @property
    def source(self) -> str:
        """Where it is, as MLflow stores it."""
        return json.dumps({"uri": self.path})


def data_version(datasets: Sequence[Dataset]) -> str:
    """A short name (8 hexadecimal digits) of the facts that a run was computed from: paths and contents of exactly the
    files its stages read. Two runs with the same version were computed from the same facts; a table that a run does not
    read does not change its version, so the runs of the benchmarks share one and each study has its own."""
    return short_hash({data.path: data.md5 for data in datasets})[:8]


@dataclass(frozen=True)
class Lineage:
    """The state of a checkout: git commit, whether tracked files had changes, dvc.lock, params.yaml as plain values."""

    commit: str
    dirty: bool
    lock: DvcLock
    params: Mapping[str, Any]
    workspace: Workspace

    def datasets(self, stages: Sequence[str]) -> tuple[Dataset, ...]:
        """The facts that `stages` were computed from."""
        return tuple(Dataset(path, md5) for path, md5 in self.workspace.facts_read(self.lock, list(stages)).items())

    def tags(self, datasets: Sequence[Dataset]) -> dict[str, str]:
        """The tags of a run that was computed from `datasets`, and of its registered version."""
        return {
            "git.commit": self.commit,
            "git.dirty": str(self.dirty).lower(),
            "dvc.lock_md5": self.lock.md5,
            "params.hash": short_hash(self.params),
            "data.version": data_version(datasets),
            **{f"data.{data.name}.md5": data.md5 for data in datasets},
        }


def read_lineage(workspace: Workspace, params: Mapping[str, Any]) -> Lineage:
    """The lineage of the files in this checkout. Raises DataError when dvc.lock is missing."""
    changes = _git(workspace.root, "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{workspace.lock}")
    commit = _git(workspace.root, "rev-parse", "HEAD").strip()
    return Lineage(commit or "none", bool(changes.strip()), workspace.read_lock(), params, workspace)


def _git(root: Path, *arguments: str) -> str:
    """What git prints; "" without git or outside a repository."""
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
