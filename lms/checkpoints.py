"""Which checkpoints of which language models the sequence-level jobs run on. A list in YAML names them, each pinned
exactly as in params.yaml's record section; one file serves token losses (many steps of a model), contrastive sampling
(a small and a large model) and MAUVE (the model whose hidden states are the features)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foretell.errors import ConfigError
from lms.record import Record, make_records, slug_of
from lms.settings import RecordSettings, Weights

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CheckpointEntry(Weights):
    """One entry of the list: `model`, the name a table and a command line call it by; `step`, the optimiser step it
    was saved at (1 or later; token losses need it); and the weights, pinned."""

    model: str
    step: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights at one `step` of its training; `record` pins them."""

    model: str
    step: int | None
    record: Record

    @property
    def name(self) -> str:
        """`model`, or `model@step` where the step is known."""
        return self.model if self.step is None else f"{self.model}@{self.step}"


def _checkpoint(entry: CheckpointEntry) -> Checkpoint:
    slug = slug_of(entry.model_id)
    weights = Weights(**entry.model_dump(exclude={"model", "step"}))
    (record,) = make_records(RecordSettings(regenerate=[slug], weights={slug: weights}))
    return Checkpoint(entry.model, entry.step, record)


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """The checkpoints that the YAML list in `path` names, in order of model, then step.

    Raises ConfigError if the file is missing or not such a list, a revision does not pin its weights, unsafe
    weights are asked for, a name is not of letters, digits, '.', '_', '-', or a model is named twice at one step.
    """
    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        entries = TypeAdapter(Annotated[list[CheckpointEntry], Field(min_length=1)]).validate_python(raw)
    except OSError as error:
        raise ConfigError(f"{path}: not readable ({error}); expected a YAML list of checkpoints") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise ConfigError(f"{path}: " + "; ".join(problems)) from None
    odd = sorted({entry.model for entry in entries if not _NAME.fullmatch(entry.model)})
    if odd:
        raise ConfigError(f"{path}: models {odd}: expected names of letters, digits, '.', '_', '-'")
    unsafe = sorted({entry.model for entry in entries if entry.unsafe_weights})
    if unsafe:
        raise ConfigError(f"{path}: unsafe_weights of {unsafe}: only safetensors are read here; convert them first")
    checkpoints = sorted((_checkpoint(entry) for entry in entries), key=lambda item: (item.model, item.step or 0))
    names = [checkpoint.name for checkpoint in checkpoints]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"{path}: {repeated} named more than once; give each checkpoint its step")
    return checkpoints


def find_checkpoint(checkpoints: list[Checkpoint], name: str) -> Checkpoint:
    """The checkpoint called `name`: `model@step`, or `model` where that is unique. Raises ConfigError otherwise."""
    matches = [checkpoint for checkpoint in checkpoints if name in (checkpoint.name, checkpoint.model)]
    if len(matches) != 1:
        raise ConfigError(
            f"{name!r}: {len(matches)} checkpoints; known: {', '.join(item.name for item in checkpoints)}"
        )
    return matches[0]
