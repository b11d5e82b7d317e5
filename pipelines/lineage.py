"""What git and DVC say about this workspace: the commit, dvc.lock, the raw tables' hashes. Tracking and the promotion
gates read it; nothing is computed here."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from features.schema import RAW_TABLES
from foretell.errors import DataError
from models.registry.runs import Lineage
from pipelines.params import Params

LOCK = Path("dvc.lock")


def read_lineage(params: Params) -> Lineage:
    """The lineage of the files in this workspace; DataError when dvc.lock is missing."""
    status = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock")
    lock = read_lock()
    return Lineage(
        commit=_git("rev-parse", "HEAD").strip() or "none",
        dirty=bool(status.strip()),
        lock_md5=md5(LOCK),
        lock=lock,
        raw_md5={name: md5(table.path) for name, table in RAW_TABLES.items()},
        params=params.model_dump(mode="json"),
    )


def read_lock() -> dict[str, Any]:
    """dvc.lock as DVC reads it."""
    if not LOCK.is_file():
        raise DataError("dvc.lock: not there; `dvc repro` writes it")
    return dict(YAML(typ="safe").load(LOCK.read_text(encoding="utf-8")))


def md5(path: Path) -> str:
    """The MD5 of a file, which is DVC's hash of it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def files_md5(folder: Path) -> dict[str, str]:
    """Path below `folder` -> MD5, of every file in it."""
    return {path.relative_to(folder).as_posix(): md5(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def directory_md5(folder: Path) -> str:
    """DVC's hash of a folder: the MD5 of its JSON list of files, sorted by path, with `.dir` behind it."""
    listing = [{"md5": digest, "relpath": path} for path, digest in sorted(files_md5(folder).items())]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
