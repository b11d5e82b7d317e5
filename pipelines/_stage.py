"""What every stage shares: a lock, atomic writes with reproducible bytes, and one boundary that turns a known error
into one message and an exit code. A stage killed at any moment leaves either its old output or its new one."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from ruamel.yaml import YAML, YAMLError

from features.errors import ConfigError, DataError, ForetellError

FLOAT_FORMAT = "%.10g"
LOCKS = Path(".locks")


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's `main` under its lock; print a known error as it stands and exit with its code.

    A stage that is already running in this workspace (a killed `dvc repro` leaves its child alive) is waited for.
    """
    name = Path(sys.argv[0]).stem + "".join(f"-{arg}" for arg in sys.argv[1:])
    try:
        with stage_lock(name):
            main()
    except ForetellError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


@contextmanager
def stage_lock(name: str, timeout_seconds: float = 3600) -> Iterator[None]:
    """Hold the lock called `name`; raises ConfigError when another process keeps it longer than the timeout."""
    LOCKS.mkdir(exist_ok=True)
    try:
        with FileLock(LOCKS / f"{name}.lock", timeout=timeout_seconds):
            yield
    except Timeout:
        raise ConfigError(f"stage {name} has been running elsewhere for {timeout_seconds:.0f} s; end it") from None


def argument(allowed: Mapping[str, object] | tuple[str, ...]) -> str:
    """The stage's one command-line argument, which must be one of `allowed`."""
    names = tuple(allowed)
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        raise ConfigError(f"{Path(sys.argv[0]).name} takes one of: {', '.join(names)}; got {sys.argv[1:]}")
    return sys.argv[1]


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys and floats of ten significant digits; NaN becomes null."""
    write_text(path, json.dumps(_plain(value), indent=1, sort_keys=True, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) or (hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0):
        item = value if isinstance(value, float) else value.item()
        if isinstance(item, float):
            return float(FLOAT_FORMAT % item) if math.isfinite(item) else None
        return item
    return value


def write_yaml(path: Path, value: Any) -> None:
    """Write `value` as YAML 1.2 with floats of ten significant digits, keys in the given order."""
    yaml = YAML()
    yaml.width = 120
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        yaml.dump(_plain(value), stream)


def write_csv(path: Path, frame: pd.DataFrame, sort_by: list[str] | None = None) -> None:
    """Write `frame` sorted by `sort_by` (default: as it is) with floats of ten significant digits."""
    ordered = frame.sort_values(sort_by) if sort_by else frame
    with atomic(path) as temporary:
        ordered.to_csv(temporary, index=False, float_format=FLOAT_FORMAT, lineterminator="\n")


def write_parquet(path: Path, frame: pd.DataFrame, sort_by: list[str] | None = None) -> None:
    """Write `frame` sorted by `sort_by` as Parquet; equal tables give equal bytes."""
    ordered = frame.sort_values(sort_by) if sort_by else frame
    with atomic(path) as temporary:
        ordered.reset_index(drop=True).to_parquet(temporary, index=False, compression="zstd")


def read_json(path: Path) -> Any:
    """The JSON in `path`; DataError says which stage is missing when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: not there yet; `dvc repro` writes it") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from None


def read_yaml(path: Path) -> Any:
    """The YAML in `path`; DataError says how to make it when it is missing."""
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: not there yet; `dvc repro` writes it") from None
    except YAMLError as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def read_parquet(path: Path, writer: str = "dvc repro") -> pd.DataFrame:
    """The table in `path`; DataError says which command (`writer`) makes it when it is missing or broken."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise DataError(f"{path}: not there yet; `{writer}` writes it") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as Parquet ({error}); delete it and run `{writer}`") from None


def write_figure(path: Path, figure: Any) -> None:
    """Write a matplotlib figure as PNG (120 dpi, no metadata, so that equal figures are equal bytes) and close it."""
    import matplotlib.pyplot as plt

    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png", metadata={"Software": None})
    plt.close(figure)
