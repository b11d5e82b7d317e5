"""Downloaded predictors on this machine, so that a second call need not fetch them again.

An entry is a folder named after the registered version and its files' address. It is written beside its place and moved
there whole, with a list of its files' hashes that every use checks. So a killed download leaves no entry, a damaged one
is fetched anew, and of two processes that download the same version the first one's entry stays."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from foretell.registry.version import RegisteredVersion

FILES, MANIFEST = "files", "sha256.json"
DOWNLOADING = ".downloading-"
ENTRY = re.compile(r"[a-zA-Z0-9._-]+-v\d+-[0-9a-f]{16}")
UNUSED_SECONDS = 90 * 86400.0  # an entry that nobody used for so long is removed
ABANDONED_SECONDS = 86400.0  # a download that is not complete after a day was killed


def cache_folder() -> Path:
    """Where downloaded predictors are kept: FORETELL_CACHE, or `foretell` in XDG_CACHE_HOME, or `~/.cache/foretell`."""
    given = os.environ.get("FORETELL_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path("~/.cache").expanduser()) / "foretell"


def cached_files(address: str, version: RegisteredVersion, download: Callable[[Path], Path]) -> Path:
    """A folder with the files of a registered version of the store at `address`, downloaded if need be.

    `download` is called with an empty folder, writes below it and returns the folder that holds the predictor. What it
    raises is raised. Where the cache cannot be written, the files are downloaded to a temporary folder each time.
    """
    entry = cache_folder() / "predictors" / _key(address, version)
    if _is_whole(entry):
        with contextlib.suppress(OSError):
            os.utime(entry)  # says when it was last used
        return entry / FILES
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=DOWNLOADING, dir=entry.parent))
    except OSError:
        return download(Path(tempfile.mkdtemp(prefix="foretell-")))
    try:
        return _stored(download(_new(work / "download")), work, entry)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _remove_unused(entry.parent)


def _key(address: str, version: RegisteredVersion) -> str:
    """A folder's name: readable, and different for another store, version or logged model."""
    identity = "\n".join([address, version.name, version.number, version.run_id, version.source])
    readable = re.sub(r"[^a-zA-Z0-9._-]", "_", version.name).lstrip(".")[:80]
    return f"{readable}-v{version.number}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _stored(files: Path, work: Path, entry: Path) -> Path:
    """Move the downloaded `files` into the entry, unless another process was first; returns the folder to read."""
    ready = _new(work / "entry")
    shutil.move(files, ready / FILES)
    (ready / MANIFEST).write_text(json.dumps(_hashes(ready / FILES), indent=1), encoding="utf-8")
    for path in (*(ready / FILES).rglob("*"), ready / MANIFEST):
        if path.is_file():
            with path.open("rb") as written:
                os.fsync(written.fileno())
    for _ in range(3):
        try:
            ready.rename(entry)  # fails where there is an entry: a folder is not replaced
            break
        except OSError:
            if _is_whole(entry):
                break
            with contextlib.suppress(OSError):  # another process may move it away at the same time
                entry.rename(work / f"damaged-{time.monotonic_ns()}")
    return entry / FILES


def _is_whole(entry: Path) -> bool:
    try:
        expected = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
        return bool(expected) and _hashes(entry / FILES) == expected
    except (OSError, ValueError):
        return False


def _hashes(folder: Path) -> dict[str, str]:
    """Path below `folder` -> SHA-256 of each file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _remove_unused(folder: Path) -> None:
    """Remove entries that nobody uses any more, and downloads that were killed."""
    now = time.time()
    for path in folder.iterdir():
        killed = path.name.startswith(DOWNLOADING)
        if not killed and not ENTRY.fullmatch(path.name):
            continue  # not ours
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > (ABANDONED_SECONDS if killed else UNUSED_SECONDS):
                shutil.rmtree(path, ignore_errors=True)
