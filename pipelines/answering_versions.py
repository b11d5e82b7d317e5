"""Which registered versions answer a command of this checkout: looked up each time, without MLflow where that is
possible, since importing it takes longer than answering."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from foretell.loading import DEFAULT_ALIASES, NAME_PREFIX
from foretell.registry.lookup import aliased_versions
from foretell.registry.version import NotReadableError, RegisteredVersion


def store_address() -> str:
    """The store of this checkout: MLFLOW_TRACKING_URI, else `mlflow.db` in it."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def answering_versions(address: str, benchmarks: Sequence[str]) -> dict[str, RegisteredVersion]:
    """Benchmark -> its champion, or its candidate where there is no champion yet; one with neither is left out.

    Raises TrackingError when the store at `address` cannot be reached, with what to do about it.
    """
    names = {f"{NAME_PREFIX}{benchmark}": benchmark for benchmark in benchmarks}
    try:
        found = aliased_versions(address, list(names), DEFAULT_ALIASES)
    except NotReadableError:
        return _asked_of_mlflow(benchmarks)
    return {names[name]: version for name, version in found.items()}


def _asked_of_mlflow(benchmarks: Sequence[str]) -> dict[str, RegisteredVersion]:
    from models.registry.champions import answering_version
    from models.registry.store import Store

    store, versions = Store(), {}
    for benchmark in benchmarks:
        found = answering_version(store, benchmark)
        if found is not None:
            entry = found.version
            versions[benchmark] = RegisteredVersion(
                name=str(entry.name),
                number=found.number,
                alias=found.aliases[0],
                run_id=str(entry.run_id or ""),
                source=str(entry.source),
                tags=dict(entry.tags),
            )
    return versions
