"""Files that are either whole or absent, and the folder of unfinished work. A job here runs for hours and may be
killed at any point, or run twice at once when a scheduler takes a slow worker for dead: hence results are written
once, under a name that says what they were made from, and a second run finds them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from foretell.files import atomic


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that `path` never holds a part of it; an earlier file is replaced."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_once(path: Path, content: bytes) -> bool:
    """Write `content` unless `path` exists already; True if this call wrote it. Two writers: the first one's file
    stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp") as folder:
        aside = Path(folder) / path.name
        write_whole(aside, content)
        try:
            os.link(aside, path)
        except FileExistsError:
            return False
    return True


def open_work(root: Path, job: str, slug: str, fingerprint: str, environment: dict[str, Any]) -> Path:
    """The folder of a job's unfinished work, `<root>/<job>@<slug>@<fingerprint>`.

    Work of the same job and model under another fingerprint (its record or settings changed), or made by other
    library versions or another device, is removed: numbers of two makings are never put together."""
    folder = root / f"{job}@{slug}@{fingerprint}"
    for other in root.glob(f"{job}@{slug}@*"):
        if other != folder:
            shutil.rmtree(other)
    stated = folder / "environment.json"
    content = (json.dumps(environment, indent=2, sort_keys=True) + "\n").encode()
    if folder.exists() and not (stated.is_file() and stated.read_bytes() == content):
        shutil.rmtree(folder)
    if not write_once(stated, content) and stated.read_bytes() != content:
        raise RuntimeError(f"{folder}: two environments write the same work; run one of them.")
    for leftover in folder.glob(".*.tmp"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
    return folder


def work_folder(root: Path, job: str, slug: str, fingerprint: str) -> Path:
    """Where `open_work` keeps this work, whether or not it exists."""
    return root / f"{job}@{slug}@{fingerprint}"
