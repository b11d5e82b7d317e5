"""One small file per language model says exactly which weights are scored, sampled and tagged: the file is what the
expensive stages depend on, so that only a changed model is made again. Nothing here touches weights or the
network."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from foretell.errors import ConfigError, DataError
from lms.settings import Dtype, RecordSettings, Weights

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What decides a local model's behaviour; an optimizer state or a README beside them does not.
_WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*")


@dataclass(frozen=True)
class Record:
    """Which weights stand for a language model. `slug` is its file-safe key; `source` says whether `location` is a hub
    repository or a local folder; `revision` pins the files (a commit, or the SHA-256 of the folder's files);
    `settings_sha256` hashes everything that decides how they are loaded."""

    slug: str
    model_id: str
    source: Literal["hub", "folder"]
    location: str
    revision: str
    dtype: Dtype
    unsafe_weights: bool
    settings_sha256: str


def check_model_id(model_id: str) -> str:
    """`org/name` or `name` of letters, digits, `.`, `_`, `-`, each part beginning with a letter or digit, without
    `..` or `--`. Returned as it is; raises ConfigError, so that an id can never step out of a folder or into a
    shell."""
    parts = model_id.split("/")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts) or ".." in model_id or "--" in model_id:
        raise ConfigError(
            f"model_id {model_id!r}: expected org/name of letters, digits, '.', '_', '-' (no '..', no '--', no path)."
        )
    return model_id


def slug_of(model_id: str) -> str:
    """The file-safe key of a model id: lower case, `/` as `--`; matches `^[a-z0-9][a-z0-9._-]*$`."""
    return check_model_id(model_id).replace("/", "--").lower()


def check_slug(slug: str) -> str:
    """The slug itself; raises ConfigError unless it matches `^[a-z0-9][a-z0-9._-]*$` without `..`."""
    if not _SLUG.fullmatch(slug) or ".." in slug:
        raise ConfigError(
            f"slug {slug!r}: expected lower-case letters, digits, '.', '_', '-' (see lms.record.slug_of)."
        )
    return slug


def _check_pin(slug: str, weights: Weights) -> None:
    digits, what = (64, "SHA-256 of the folder's files") if weights.path else (40, "commit of the hub repository")
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", weights.revision):
        raise ConfigError(
            f"record.weights.{slug}.revision: {weights.revision!r} does not pin the weights; expected the {what}, "
            f"{digits} hex digits. A branch or tag can move under the numbers made from it."
        )


def settings_sha256(weights: Weights) -> str:
    """Hash of everything that decides how the weights are loaded, as 64 hex digits."""
    return hashlib.sha256(json.dumps(weights.model_dump(), sort_keys=True).encode()).hexdigest()


def make_records(settings: RecordSettings) -> list[Record]:
    """One record per slug of `settings.regenerate`, in slug order.

    Raises ConfigError for a slug without weights or that is not its model's, named twice, an id that is not an id, or
    a revision that is not pinned. Ids that fall on one slug differ in case only and are refused the same way."""
    missing = sorted(set(settings.regenerate) - set(settings.weights))
    if missing:
        raise ConfigError(f"record.regenerate: {missing} have no entry under record.weights.")
    repeated = sorted({slug for slug in settings.regenerate if settings.regenerate.count(slug) > 1})
    if repeated:
        raise ConfigError(f"record.regenerate: {repeated} named more than once.")
    records = []
    for slug in sorted(settings.regenerate):
        weights = settings.weights[slug]
        if check_slug(slug) != slug_of(weights.model_id):
            raise ConfigError(
                f"record.weights.{slug}: model {weights.model_id!r} has the slug {slug_of(weights.model_id)!r}."
            )
        _check_pin(slug, weights)
        records.append(
            Record(
                slug=slug,
                model_id=weights.model_id,
                source="folder" if weights.path else "hub",
                location=weights.path or weights.model_id,
                revision=weights.revision,
                dtype=weights.dtype,
                unsafe_weights=weights.unsafe_weights,
                settings_sha256=settings_sha256(weights),
            )
        )
    return records


def record_text(record: Record) -> str:
    """The record file's content: equal records are equal bytes."""
    return json.dumps(asdict(record), indent=2, sort_keys=True) + "\n"


def read_record(path: Path) -> Record:
    """A record file; raises DataError if it is missing or not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable record ({error}); `dvc repro record` writes it.") from error
    expected = {field.name for field in fields(Record)}
    if not isinstance(content, dict) or set(content) != expected:
        raise DataError(f"{path}: expected exactly the fields {sorted(expected)}; `dvc repro record` writes them.")
    check_slug(content["slug"])
    return Record(**content)


def weights_sha256(folder: Path, unsafe_weights: bool = False) -> str:
    """SHA-256 over names and contents of a local model's safetensors, configuration and tokenizer files, in name
    order (and of its *.bin files with `unsafe_weights`).

    Raises DataError if the folder holds no weights of an admitted kind.
    """
    patterns = (*_WEIGHT_FILES, "*.bin") if unsafe_weights else _WEIGHT_FILES
    files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    admitted = {".safetensors", ".bin"} if unsafe_weights else {".safetensors"}
    if not any(path.suffix in admitted for path in files):
        raise DataError(f"{folder}: no weights of a kind that is read: {sorted(admitted)}.")
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
