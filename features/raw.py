"""Reading raw tables. A raw table is read as text first, so that a broken cell can be named; `typed` then turns
each column into its schema's dtype. Nothing else in the project opens a file under data/raw."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from features.schema import Column, Table
from foretell.errors import DataError

NUMBER = r"^-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
INTEGER = r"^-?\d+$"
DATE = r"^\d{4}-\d{2}(-\d{2})?$"
FLAGS = {"true": True, "false": False}
PATTERNS = {"number": NUMBER, "integer": INTEGER, "date": DATE}


def read_text(table: Table, root: Path = Path()) -> pd.DataFrame:
    """Read `table` below `root` with every cell as text (an empty cell is missing).

    Raises DataError when the file is missing, is not UTF-8, starts with a byte-order mark, is not a rectangular CSV,
    or does not have exactly the schema's columns.
    """
    path = root / table.path
    if not path.is_file():
        raise DataError(f"{table.path}: no such file; `dvc pull {table.path}` fetches it")
    if path.read_bytes()[:3] == b"\xef\xbb\xbf":
        raise DataError(f"{table.path}: starts with a byte-order mark; save it as UTF-8 without BOM")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{table.path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{table.path}: not a CSV table: {str(error).strip()}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the surplus for row names and shifts every cell
        raise DataError(f"{table.path}: not a CSV table: line 2 has more fields than the header's {frame.shape[1]}")
    check_columns(table, list(frame.columns))
    return frame


def check_columns(table: Table, columns: list[str]) -> None:
    """Raise DataError unless `columns` are the schema's columns; the message names what is missing and unknown."""
    missing = [name for name in table.names if name not in columns]
    unknown = [name for name in columns if name not in table.names]
    if missing or unknown or len(columns) != len(table.names):
        parts = [f"missing columns {missing}"] * bool(missing) + [f"unknown columns {unknown}"] * bool(unknown)
        parts = parts or [f"{len(columns)} columns where {len(table.names)} are expected"]
        raise DataError(f"{table.path}: {'; '.join(parts)}; expected exactly {', '.join(table.names)}")


def typed(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` (all text) with the schema's dtypes: number float64, integer Int64, flag boolean, the rest string.

    A cell that does not read as its column's kind raises DataError naming table, row, column and value.
    """
    return pd.DataFrame({column.name: _typed_column(table, column, frame) for column in table.columns})


def _typed_column(table: Table, column: Column, frame: pd.DataFrame) -> pd.Series:
    cells = frame[column.name].astype("string")
    if column.kind == "flag":
        wrong = cells.notna() & ~cells.isin(list(FLAGS))
        _refuse(table, column, frame, wrong, "true or false")
        return cells.map(FLAGS).astype("boolean")
    if column.kind in PATTERNS:
        wrong = cells.notna() & ~cells.str.match(PATTERNS[column.kind]).fillna(False).astype(bool)
        _refuse(table, column, frame, wrong, f"a {column.kind}")
    if column.kind == "number":
        return cells.astype("Float64").astype("float64")
    if column.kind == "integer":
        return cells.astype("Int64")
    return cells


def _refuse(table: Table, column: Column, frame: pd.DataFrame, wrong: pd.Series, expected: str) -> None:
    if wrong.any():
        row = frame[wrong].iloc[0]
        key = ", ".join(str(row[name]) for name in table.key)
        raise DataError(f"{table.path}: row {key}, column {column.name}: {row[column.name]!r} is not {expected}")


def read_raw(table: Table, root: Path = Path()) -> pd.DataFrame:
    """Read `table` with its schema's dtypes; raises DataError as `read_text` and `typed` do."""
    return typed(table, read_text(table, root))


def lenient_numbers(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` (all text) with number and integer columns as float64, unreadable cells missing, for rules that
    compare numbers while the text rules name the unreadable cells."""
    numbers = frame.copy()
    for column in table.columns:
        if column.kind in ("number", "integer"):
            readable = frame[column.name].astype("string").str.match(re.compile(NUMBER)).fillna(False).astype(bool)
            numbers[column.name] = pd.to_numeric(frame[column.name].where(readable), errors="coerce").astype(np.float64)
    return numbers
