"""Loading a language model safely: pinned revision, safetensors, no code from the model's repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.errors import ConfigError, DataError
from lms.record import Record, weights_sha256

_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer*", "*.model", "merges.txt", "vocab.*"]
_UNSAFE_FILES = ["*.bin", "*.bin.index.json"]


@dataclass(frozen=True)
class LoadedModel:
    """A language model ready to run on `device` ("cpu", "cuda")."""

    model: Any
    tokenizer: Any
    device: str


def local_folder(record: Record) -> Path | None:
    """The folder of the record's weights where they are on this machine already, else None."""
    if record.source == "folder":
        folder = Path(record.location)
        return folder if folder.is_dir() else None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(record.location, revision=record.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def _snapshot(record: Record) -> Path:
    from huggingface_hub import snapshot_download

    # No *.py: a model's own code is not even downloaded. What is here already is used, also offline.
    patterns = _FILES + (_UNSAFE_FILES if record.unsafe_weights else [])
    try:
        folder = snapshot_download(record.location, revision=record.revision, allow_patterns=patterns)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(
            f"{record.slug}: {record.location} at {record.revision} cannot be fetched ({reason}); is the "
            "commit right, the network there, and access granted where the repository asks for it?"
        ) from error
    return Path(folder)


def fetch_weights(record: Record) -> Path:
    """The folder of the record's weights; a hub model is downloaded at its pinned revision if it is not here yet.

    Raises ConfigError if it cannot be downloaded, DataError if a local folder is missing or its files are not the
    pinned ones.
    """
    if record.source == "hub":
        return _snapshot(record)
    folder = local_folder(record)
    if folder is None:
        raise DataError(f"record {record.slug}: no folder {record.location}; put the weights there or change path.")
    digest = weights_sha256(folder, record.unsafe_weights)
    if digest != record.revision:
        raise DataError(
            f"record {record.slug}: the files in {folder} hash to {digest}, the record pins {record.revision}; "
            f"restore the files, or pin the new ones in record.weights.{record.slug}.revision."
        )
    return folder


def load_model(record: Record, device: str) -> LoadedModel:
    """The record's model in evaluation mode on `device`, with its tokenizer. `trust_remote_code` is off, always.

    Raises ConfigError if the weights are not safetensors (and the record does not admit others) or the model needs
    code from its repository."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = fetch_weights(record)
    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, record.dtype), use_safetensors=not record.unsafe_weights or None, **safe
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{record.slug}: the weights in {folder} cannot be loaded safely: {error}") from error
    return LoadedModel(model.to(device).eval(), tokenizer, device)  # type: ignore[arg-type]  # transformers wraps `to`


def context_length(config: object, wanted: int) -> int:
    """Tokens a model is given at once: `wanted`, or with 0 its own longest.

    Raises ConfigError if `wanted` is longer than the model's own, or 0 where the model's configuration names none.
    """
    own = getattr(config, "max_position_embeddings", None)
    if wanted == 0 and own is None:
        raise ConfigError("the model's configuration names no context length; give one (--context)")
    if own is not None and wanted > own:
        raise ConfigError(f"a context of {wanted} tokens is longer than the model's own, {own}; give at most {own}")
    return int(wanted or own or 0)
