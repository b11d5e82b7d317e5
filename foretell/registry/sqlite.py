"""Versions in a local MLflow store: one SQLite file, read with two queries. MLflow itself would take seconds to import
and check the schema; where the tables are not laid out as here, it is asked all the same."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from foretell.registry.version import NotReadableError, RegisteredVersion

WAIT_SECONDS = 20.0  # for a writer to finish
VERSIONS = """
SELECT versions.name, versions.version, aliases.alias, versions.run_id, versions.source,
       COALESCE(models.artifact_location, versions.storage_location, '')
FROM registered_model_aliases AS aliases
JOIN model_versions AS versions
  ON versions.workspace = aliases.workspace AND versions.name = aliases.name AND versions.version = aliases.version
LEFT JOIN logged_models AS models ON versions.source = 'models:/' || models.model_id
WHERE aliases.workspace = ?
"""
TAGS = "SELECT name, version, key, value FROM model_version_tags WHERE workspace = ?"


def aliased_versions(path: Path, names: Sequence[str], aliases: Sequence[str]) -> list[RegisteredVersion]:
    """Every version of the registered models `names` that one of `aliases` points to, in the store's file `path`.

    Raises NotReadableError when there is no such file, or it is locked, damaged or laid out otherwise.
    """
    tags: dict[tuple[str, str], dict[str, str]] = {}
    with _opened(path) as database:
        rows = database.execute(VERSIONS, (_workspace(),)).fetchall()
        for name, number, key, value in database.execute(TAGS, (_workspace(),)):
            tags.setdefault((str(name), str(number)), {})[str(key)] = str(value)
    return [
        RegisteredVersion(
            name=str(name),
            number=str(number),
            alias=str(alias),
            run_id=str(run_id or ""),
            source=str(source or ""),
            location=str(location),
            tags=tags.get((str(name), str(number)), {}),
        )
        for name, number, alias, run_id, source, location in rows
        if name in names and alias in aliases
    ]


def registered_names(path: Path, prefix: str) -> list[str]:
    """The names of the registered models that begin with `prefix`, in order. Raises as `aliased_versions` does."""
    with _opened(path) as database:
        rows = database.execute("SELECT name FROM registered_models WHERE workspace = ? ORDER BY name", (_workspace(),))
        return [str(name) for (name,) in rows if str(name).startswith(prefix)]


def _workspace() -> str:
    """The workspace that MLflow's client would ask; a store without workspaces has one called default."""
    return os.environ.get("MLFLOW_WORKSPACE") or "default"


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads (SQLite takes back what a killed writer left half-written, where it may write)."""
    if not path.is_file():
        raise NotReadableError(f"{path}: no such file")
    try:
        address = f"{path.resolve().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as database:
            yield database
    except sqlite3.Error as error:
        raise NotReadableError(f"{path}: {error}") from None
