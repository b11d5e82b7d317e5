"""Hashes of files and folders as DVC records them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def file_md5(path: Path) -> str:
    """The MD5 of a file's content, which is DVC's hash of it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def files_md5(folder: Path) -> dict[str, str]:
    """Path below `folder` -> MD5, of every file in it."""
    return {path.relative_to(folder).as_posix(): file_md5(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def folder_md5(folder: Path) -> str:
    """DVC's hash of a folder: the MD5 of its JSON list of files, sorted by path, followed by `.dir`."""
    listing = [{"md5": digest, "relpath": path} for path, digest in sorted(files_md5(folder).items())]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def short_hash(value: object) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
