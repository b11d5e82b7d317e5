"""What every stage script shares: its lock, its one argument, and the error boundary around it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from foretell.errors import ConfigError
from pipelines.boundary import error_boundary

LOCKS = Path(".locks")
SLUG = r"[a-z0-9][a-z0-9._-]*"


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main` under its lock, inside the error boundary.

    A stage that is already running in this workspace (a killed `dvc repro` leaves its child alive) is waited for.
    """
    name = Path(sys.argv[0]).stem + "".join(f"-{arg}" for arg in sys.argv[1:])
    with error_boundary(), stage_lock(name):
        main()


@contextmanager
def stage_lock(name: str, timeout_seconds: float = 3600) -> Iterator[None]:
    """Hold the lock called `name`; raises ConfigError when another process keeps it longer than the timeout."""
    LOCKS.mkdir(exist_ok=True)
    try:
        with FileLock(LOCKS / f"{name}.lock", timeout=timeout_seconds):
            yield
    except Timeout:
        raise ConfigError(f"stage {name} has been running elsewhere for {timeout_seconds:.0f} s; end it") from None


def argument(allowed: Sequence[str] | None = None) -> str:
    """The stage's one command-line argument: one of `allowed`, or any name that can be part of a path."""
    given = sys.argv[1:]
    if len(given) != 1 or (given[0] not in allowed if allowed is not None else not re.fullmatch(SLUG, given[0])):
        what = (
            f"one of: {', '.join(allowed)}"
            if allowed is not None
            else "one name of lower-case letters, digits, -, . and _"
        )
        raise ConfigError(f"{Path(sys.argv[0]).name} takes {what}; got {given}")
    return given[0]
