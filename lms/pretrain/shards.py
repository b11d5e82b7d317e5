"""Tokens on disk: every source is tokenised once into numbered shards that are read through the memory map, and a
manifest, written last, says what they are. A shard holds a fixed range of the source's documents and appears whole, so
that neither a kill nor the number of workers changes a byte.

Below `<folder>/<source>/`: `shard-00000/` with `train.npy` and `held_out.npy` (token numbers, uint16 or uint32), and
`train_lengths.npy`, `held_out_lengths.npy` (tokens of each document, int64), then `manifest.json`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.errors import DataError
from foretell.parallel import Spread
from foretell.settings import Count, Share, settings
from lms.files import write_whole
from lms.pretrain.state import whole_folder
from lms.pretrain.text import Source, is_held_out, pinned_by, read_documents
from lms.pretrain.tokenizer import (
    Encoder,
    LoadedTokenizer,
    TrainedTokenizer,
    load_encoder,
    make_tokenizer,
    tokenizer_sha256,
)

Split = Literal["train", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "held_out")
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer"
DESCRIPTION = "description.json"


@settings
class DataSettings:
    """Which text, and how it becomes tokens. `held_out_share` of the documents, chosen by their content, are never
    trained on. A shard holds `documents_per_shard` documents: neither number may depend on the machine."""

    sources: tuple[Source, ...]
    tokenizer: TrainedTokenizer | LoadedTokenizer
    held_out_share: Share
    documents_per_shard: Count


def tokenise(settings: DataSettings, folder: Path, workers: int = 1) -> None:
    """Tokenise every source into `folder`, with `workers` processes; what a killed call finished is used, and what was
    made from other text or settings is made anew. A document is its tokens between the tokenizer's beginning-of-text
    (if it has one that is not end-of-text) and end-of-text.

    Raises DataError when a source is missing, empty, named twice or called `tokenizer`.
    """
    names = [source.name for source in settings.sources]
    if len(set(names)) < len(names) or TOKENIZER in names or not names:
        raise DataError(f"sources {', '.join(names) or 'none'}: expected different names, none of them `{TOKENIZER}`")
    pins = {source.name: pinned_by(source) for source in settings.sources}
    described = {"tokenizer": _plain(settings.tokenizer), "held_out_share": settings.held_out_share}
    trained_on = pins if isinstance(settings.tokenizer, TrainedTokenizer) else {}
    _clear_half_written(folder)
    _start_anew(folder / TOKENIZER, described | {"sources": trained_on}, folder / f"{TOKENIZER}.json")
    make_tokenizer(settings.tokenizer, settings.sources, settings.held_out_share, folder / TOKENIZER)
    described |= {"documents_per_shard": settings.documents_per_shard, "sha256": tokenizer_sha256(folder / TOKENIZER)}
    for source in settings.sources:
        target = folder / source.name
        whole = described | {"source": pins[source.name]}
        _start_anew(target, whole, target / DESCRIPTION)
        if not (target / MANIFEST).is_file():
            work = partial(_write_shards, settings, source, folder, workers)
            counts = Spread("loky", workers).map(work, range(workers)) if workers > 1 else [work(0)]
            write_whole(target / MANIFEST, _json(_manifest(target, max(counts), whole)))


def _clear_half_written(folder: Path) -> None:
    for leftover in [*folder.glob(".*.tmp"), *folder.glob("*/.*.tmp")]:
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _start_anew(target: Path, described: dict[str, Any], stated: Path) -> None:
    """Remove `target` if `stated` does not hold this description, and write it there."""
    if not (stated.is_file() and stated.read_bytes() == _json(described)):
        shutil.rmtree(target, ignore_errors=True)
        write_whole(stated, _json(described))


def _write_shards(settings: DataSettings, source: Source, folder: Path, workers: int, worker: int) -> int:
    """Write the missing shards whose number leaves the remainder `worker`; the number of shards of the source."""
    encoder = load_encoder(folder / TOKENIZER)
    documents = read_documents(source)
    for number in itertools.count():
        block = list(itertools.islice(documents, settings.documents_per_shard))
        if not block:
            return number
        shard = folder / source.name / f"shard-{number:05d}"
        if number % workers == worker and not shard.is_dir():
            _write_shard(shard, encoder, block, settings.held_out_share)
    raise AssertionError("a counter does not end")


def _write_shard(shard: Path, encoder: Encoder, block: list[str], held_out_share: float) -> None:
    kind = np.uint16 if encoder.size <= 2**16 else np.uint32
    encoded = encoder.documents(block)
    sides = [is_held_out(text, held_out_share) for text in block]
    with whole_folder(shard) as temporary:
        for split in SPLITS:
            chosen = [row for row, side in enumerate(sides) if side == (split == "held_out")]
            tokens = [np.array(encoded[row], dtype=kind) for row in chosen]
            np.save(temporary / f"{split}.npy", np.concatenate([np.empty(0, kind), *tokens]))
            np.save(temporary / f"{split}_lengths.npy", np.array([len(row) for row in tokens], dtype=np.int64))
            n_bytes = sum(len(block[row].encode()) for row in chosen)
            (temporary / f"{split}_bytes.json").write_text(f"{n_bytes}\n", encoding="utf-8")


def _manifest(target: Path, n_shards: int, described: dict[str, Any]) -> dict[str, Any]:
    shards = [target / f"shard-{number:05d}" for number in range(n_shards)]
    splits: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        lengths = [np.load(shard / f"{split}_lengths.npy") for shard in shards]
        splits[split] = {
            "documents": sum(len(row) for row in lengths),
            "tokens": sum(int(row.sum()) for row in lengths),
            "bytes": sum(int((shard / f"{split}_bytes.json").read_text(encoding="utf-8")) for shard in shards),
        }
    files = sorted(path for shard in shards for path in shard.iterdir())
    hashes = {}
    for path in files:
        with path.open("rb") as file:
            hashes[path.relative_to(target).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return {**described, "splits": splits, "sha256_by_file": hashes}


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


@dataclass(frozen=True)
class Documents:
    """One split of a tokenised source: `shards` are its token arrays (memory-mapped), document i is tokens `starts[i]`
    to `starts[i] + lengths[i]` of shard `shard[i]`; `n_bytes` is the text's size in UTF-8."""

    name: str
    shards: tuple[NDArray[Any], ...]
    shard: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    n_bytes: int

    @property
    def n_tokens(self) -> int:
        """Tokens of all documents, beginning and end of text included."""
        return int(self.lengths.sum())

    def tokens(self, document: int, start: int, stop: int) -> NDArray[np.int64]:
        """Tokens `start` to `stop` (exclusive) of a document."""
        first = int(self.starts[document])
        part = self.shards[int(self.shard[document])][first + start : first + stop]
        return np.asarray(part, dtype=np.int64)


def read_manifest(folder: Path, name: str) -> dict[str, Any]:
    """The manifest of source `name` below `folder`. Raises DataError if it is missing: the tokens are not whole."""
    path = folder / name / MANIFEST
    if not path.is_file():
        raise DataError(f"{path}: missing, so the tokens of {name} are not complete; tokenise again")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def open_documents(folder: Path, name: str, split: Split) -> Documents:
    """The documents of one source and split. Raises DataError if the source is not whole or the split is empty."""
    manifest = read_manifest(folder, name)
    shards = sorted({file.split("/")[0] for file in manifest["sha256_by_file"]})
    lengths = [np.load(folder / name / shard / f"{split}_lengths.npy") for shard in shards]
    if sum(len(row) for row in lengths) == 0:
        raise DataError(f"source {name}: no {split} documents; change held_out_share or add text")
    return Documents(
        name,
        tuple(np.load(folder / name / shard / f"{split}.npy", mmap_mode="r") for shard in shards),
        np.repeat(np.arange(len(shards)), [len(row) for row in lengths]),
        np.concatenate([np.cumsum(row) - row for row in lengths]),
        np.concatenate(lengths),
        int(manifest["splits"][split]["bytes"]),
    )


def changed_files(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """The shard files of these sources that are missing or are not those their manifest names."""
    for name in names:
        for file, digest in read_manifest(folder, name)["sha256_by_file"].items():
            path = folder / name / file
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                yield path
