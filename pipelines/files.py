"""Reading and writing the files that stages exchange: atomic writes, and equal bytes for equal values."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foretell.errors import DataError
from foretell.files import atomic

FLOAT_FORMAT = "%.10g"


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
    """Write `frame` sorted by `sort_by` (default: as it is) with floats of ten significant digits; compressed where the
    name ends in .gz, equal tables to equal bytes."""
    ordered = frame.sort_values(sort_by) if sort_by else frame
    content = ordered.to_csv(index=False, float_format=FLOAT_FORMAT, lineterminator="\n").encode()
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


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


def write_figure(path: Path, figure: Any, dpi: int = 120) -> None:
    """Write a matplotlib figure as PNG (no metadata, so that equal figures are equal bytes) and close it."""
    import matplotlib.pyplot as plt

    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png", metadata={"Software": None})
    plt.close(figure)
