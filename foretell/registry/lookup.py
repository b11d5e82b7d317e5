"""Which registered versions answer, read from a store without MLflow where that is possible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foretell.registry import rest, sqlite
from foretell.registry.version import NotReadableError, RegisteredVersion

SQLITE, HTTP = "sqlite:///", ("http://", "https://")


def aliased_versions(address: str, names: Sequence[str], aliases: Sequence[str]) -> dict[str, RegisteredVersion]:
    """Each of the registered models `names` and its version: the one that the first of `aliases` points to which the
    model has; a model that has none of them is left out. It is looked up anew each time, so that a promotion is seen.

    Raises NotReadableError where the store at `address` cannot be read without MLflow.
    """
    if address.startswith(SQLITE):
        found = sqlite.aliased_versions(Path(address.removeprefix(SQLITE)), names, aliases)
    elif address.startswith(HTTP):
        found = rest.aliased_versions(address, names, aliases)
    else:
        raise NotReadableError(f"{address.partition(':')[0]}: neither a SQLite file nor an MLflow server")
    by_alias = {(version.name, version.alias): version for version in found}
    chosen = {}
    for name in names:
        version = next((by_alias[name, alias] for alias in aliases if (name, alias) in by_alias), None)
        if version is not None:
            chosen[name] = version
    return chosen


def registered_names(address: str, prefix: str) -> list[str]:
    """The names of the registered models that begin with `prefix`. Raises as `aliased_versions` does."""
    if address.startswith(SQLITE):
        return sqlite.registered_names(Path(address.removeprefix(SQLITE)), prefix)
    if address.startswith(HTTP):
        return rest.registered_names(address, prefix)
    raise NotReadableError(f"{address.partition(':')[0]}: neither a SQLite file nor an MLflow server")
