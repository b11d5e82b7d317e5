"""A registered version of a predictor, as every way of looking it up describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RegisteredVersion:
    """Version `number` of the registered model `name`, found by `alias`. `run_id` and `source` (the logged model's URI)
    are those of its run and files; `location` is where the files are, "" where the store has to be asked; `tags` are
    the version's."""

    name: str
    number: str
    alias: str
    run_id: str
    source: str
    location: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class NotReadableError(Exception):
    """A store that cannot be read without MLflow: its kind, its layout, what it asks of a user, or that it is down.
    MLflow is asked then; it can, or says why not."""
