"""Whether this machine can run a language model, in one line before anything is downloaded, and what it would run it
with. Nothing here decides a number."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

from foretell.errors import ConfigError
from lms.record import Record
from lms.weights import local_folder

REQUIRED = ("torch", "transformers", "lm_eval", "accelerate", "datasets", "safetensors")


def _cannot_run(job: str, record: Record, why: str) -> ConfigError:
    return ConfigError(
        f"{job}@{record.slug} is stale and cannot run here ({why}): "
        f"run `dvc repro {job}@{record.slug}` on a GPU machine, then `dvc push` there and `dvc pull` here."
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
    folder = local_folder(record)
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


def find_device() -> str:
    """ "cuda" where there is a GPU, else "cpu". Raises ConfigError if the language-model libraries are missing."""
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"not installed: {', '.join(missing)}; pip install 'foretell[gpu]'")
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
