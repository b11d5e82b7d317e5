"""Where documents come from: a folder of text, or a data set of the Hugging Face hub at a pinned revision. A source
yields the same documents in the same order every time, and says by what it is pinned."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from foretell.errors import ConfigError, DataError
from foretell.settings import settings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
SUFFIXES = (".txt", ".jsonl", ".jsonl.gz")


@settings
class FolderSource:
    """Text below `folder`, subfolders included: each `.txt` file is a document, and so is each line of a `.jsonl` or
    `.jsonl.gz` file, an object with `text`. Other files are left alone. Order: by path, then by line."""

    name: Name
    folder: str


@settings
class HubSource:
    """A data set of the Hugging Face hub: `dataset` is its id (or a local folder in the hub's layout), `configuration`
    may be empty, `revision` is the commit (40 hex digits; of a local folder, any text), `field` the column that holds
    the text, `documents` how many are read from the beginning (0: all)."""

    name: Name
    dataset: str
    configuration: str
    split: str
    revision: str
    field: str
    documents: Annotated[int, Field(ge=0)]

    def __post_init__(self) -> None:
        if not Path(self.dataset).is_dir() and not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ConfigError(
                f"source {self.name}: revision {self.revision!r} can move to other text; give the commit, 40 hex digits"
            )


Source = FolderSource | HubSource


def read_documents(source: Source) -> Iterator[str]:
    """The source's documents in order, empty ones left out. Raises DataError where the source is missing, holds none,
    or holds something that is not text, naming file and line."""
    nothing = True
    for text in _folder(source) if isinstance(source, FolderSource) else _hub(source):
        if text.strip():
            nothing = False
            yield text.encode("utf-8", "replace").decode("utf-8")  # JSON may hold half of a surrogate pair
    if nothing:
        raise DataError(f"source {source.name}: no documents; expected {', '.join(SUFFIXES)} files with text")


def is_held_out(text: str, share: float) -> bool:
    """Whether a document belongs to the held-out text: decided by the SHA-256 of its content, so that copies of a
    document are on one side, and a source that grows keeps its split."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def pinned_by(source: Source) -> dict[str, Any]:
    """What a source's text depends on, without its place on this machine: the SHA-256 of a folder's files by path, or
    the data set's id, configuration, split and revision."""
    if isinstance(source, HubSource):
        return {name: getattr(source, name) for name in source.__dataclass_fields__}
    root = Path(source.folder)
    hashes = {}
    for path in _files(source):
        with path.open("rb") as file:
            hashes[path.relative_to(root).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": source.name, "files": hashes}


def _files(source: FolderSource) -> list[Path]:
    root = Path(source.folder)
    if not root.is_dir():
        raise DataError(f"source {source.name}: no folder {source.folder}; put the text there or change `folder`")
    found = [path for path in root.rglob("*") if path.name.endswith(SUFFIXES) and path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _folder(source: FolderSource) -> Iterator[str]:
    for path in _files(source):
        try:
            if path.suffix == ".txt":
                yield path.read_text(encoding="utf-8")
                continue
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    yield _text_of(line, f"{path}, line {number}")
        except (OSError, UnicodeDecodeError, EOFError) as error:
            raise DataError(f"{path}: not readable as UTF-8 text ({error}); mend or remove the file") from None


def _text_of(line: bytes, where: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise DataError(f"{where}: expected a JSON object with `text`")
    return text


def _hub(source: HubSource) -> Iterator[str]:
    from datasets import load_dataset

    revision = None if Path(source.dataset).is_dir() else source.revision
    try:
        rows = load_dataset(
            source.dataset, source.configuration or None, split=source.split, revision=revision, streaming=True
        )
        for number, row in enumerate(rows):
            if source.documents and number >= source.documents:
                return
            text = row.get(source.field)
            if not isinstance(text, str):
                raise DataError(f"source {source.name}, row {number}: no text in the column {source.field!r}")
            yield text
    except (OSError, ValueError) as error:
        raise DataError(
            f"source {source.name}: {source.dataset} cannot be read ({str(error).splitlines()[0]})"
        ) from None
