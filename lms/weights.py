"""Loading a language model safely: pinned revision, safetensors, no code from the model's repository; and saying in
one line, before anything is downloaded, that this machine cannot run it."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.errors import ConfigError, DataError
from lms.record import Record, weights_sha256

_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer*", "*.model", "merges.txt", "vocab.*"]
_UNSAFE_FILES = ["*.bin", "*.bin.index.json"]
REQUIRED = ("torch", "transformers", "lm_eval", "accelerate", "datasets", "safetensors")


@dataclass(frozen=True)
class LoadedModel:
    """A language model ready to run. `environment` names what can change its numbers: library versions and device."""

    model: Any
    tokenizer: Any
    device: str
    environment: dict[str, str]


def _cannot_run(job: str, record: Record, why: str) -> ConfigError:
    return ConfigError(
        f"{job}@{record['slug']} is stale and cannot run here ({why}): "
        f"run `dvc repro {job}@{record['slug']}` on a GPU machine, then `dvc push` there and `dvc pull` here."
    )


def n_parameters(folder: Path) -> int:
    """Stored weights in a folder's safetensors files, counted from their headers (nothing is loaded); 0 if there are
    none."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        total += sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return total


def _local_folder(record: Record) -> Path | None:
    if record["source"] == "folder":
        folder = Path(record["location"])
        return folder if folder.is_dir() else None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(record["location"], revision=record["revision"], local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def require_runnable(job: str, record: Record, cpu_max_parameters: int) -> str:
    """The device this machine runs the model on, "cuda" or "cpu"; asks neither the network nor for the weights
    themselves.

    Raises ConfigError, one line, if the libraries are missing, or if there is no GPU and the weights are not here or
    hold more than `cpu_max_parameters`."""
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise _cannot_run(job, record, f"not installed: {', '.join(missing)}; pip install 'foretell[gpu]'")
    import torch

    if torch.cuda.is_available():
        return "cuda"
    folder = _local_folder(record)
    if folder is None:
        raise _cannot_run(job, record, "no GPU, and the weights are not on this machine")
    size = n_parameters(folder)
    if size > cpu_max_parameters:
        raise _cannot_run(job, record, f"no GPU, and {size:,} parameters exceed {job}.cpu_max_parameters")
    return "cpu"


def runtime_environment(device: str) -> dict[str, str]:
    """Versions of the libraries and the device's name: what two runs must share to give the same bytes."""
    from importlib.metadata import version

    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return {"device": name, **{package: version(package) for package in ("torch", "transformers", "lm_eval")}}


def _snapshot(record: Record) -> Path:
    from huggingface_hub import snapshot_download

    # No *.py: a model's own code is not even downloaded. What is here already is used, also offline.
    patterns = _FILES + (_UNSAFE_FILES if record["unsafe_weights"] else [])
    try:
        found = snapshot_download(record["location"], revision=record["revision"], allow_patterns=patterns)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(
            f"{record['slug']}: {record['location']} at {record['revision']} cannot be fetched ({reason}); is the "
            "commit right, the network there, and access granted where the repository asks for it?"
        ) from error
    return Path(found)


def fetch_weights(record: Record) -> Path:
    """The folder of the record's weights; a hub model is downloaded at its pinned revision if it is not here yet.

    Raises ConfigError if it cannot be downloaded, DataError if a local folder is missing or its files are not the
    pinned ones.
    """
    if record["source"] == "hub":
        return _snapshot(record)
    folder = _local_folder(record)
    if folder is None:
        raise DataError(
            f"record {record['slug']}: no folder {record['location']}; put the weights there or change path."
        )
    found = weights_sha256(folder, record["unsafe_weights"])
    if found != record["revision"]:
        raise DataError(
            f"record {record['slug']}: the files in {folder} hash to {found}, the record pins {record['revision']}; "
            f"restore the files, or pin the new ones in record.weights.{record['slug']}.revision."
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
            folder, dtype=getattr(torch, record["dtype"]), use_safetensors=not record["unsafe_weights"] or None, **safe
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{record['slug']}: the weights in {folder} cannot be loaded safely: {error}") from error
    return LoadedModel(model.to(device).eval(), tokenizer, device, runtime_environment(device))
