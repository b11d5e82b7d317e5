"""A table of designs to ask about: its cells checked at once, and what is wrong said with its row and column."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from foretell.answering.encoding import RELEASE_MONTH, Encoding
from foretell.errors import DataError

MODEL_ID = "model_id"
MEND = "correct the cell, or leave it empty where the value is unknown"


def design_table(designs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """One design, several designs or a table of designs as a table of raw cells, one row per design.

    Raises DataError when it is none of these.
    """
    if isinstance(designs, pd.DataFrame):
        return designs
    rows = [designs] if isinstance(designs, Mapping) else designs
    if isinstance(rows, str) or not all(isinstance(row, Mapping) for row in rows):
        raise DataError("designs: expected a mapping of feature names to values, several of them, or a pandas table")
    return pd.DataFrame([dict(row) for row in rows], index=range(1, len(rows) + 1), dtype=object)


def model_ids(table: pd.DataFrame, where: str = "designs") -> list[str]:
    """What each design is called: its `model_id`, or where the table has no such column its index.

    Raises DataError, beginning with `where`, for an empty name or one that is given twice.
    """
    if MODEL_ID not in table:
        return [str(label) for label in table.index]
    named: dict[str, Hashable] = {}
    for label, cell in zip(table.index, table[MODEL_ID], strict=True):
        name = "" if _is_empty(cell) else str(cell).strip()
        if not name:
            raise DataError(
                f"{where}: row {label}, column {MODEL_ID}: empty; name every design, or leave the column out"
            )
        if name in named:
            raise DataError(
                f"{where}: row {label}, column {MODEL_ID}: {name} is the name of row {named[name]} too; "
                "give every design its own name"
            )
        named[name] = label
    return list(named)


def checked_designs(table: pd.DataFrame, encoding: Encoding, where: str = "designs") -> pd.DataFrame:
    """The features in a table of raw cells (numbers or text, empty = unknown), without `model_id`: numbers as float64.

    Raises DataError, beginning with `where`, when there is no row or no feature, a column is unknown or given twice, or
    for the first wrong cell with its row (the table's index), its column, what was expected and how to mend it.
    """
    features = table.drop(columns=MODEL_ID, errors="ignore")
    if not len(table):
        raise DataError(f"{where}: no designs; expected a row for each, below the names of the features")
    if not features.columns.is_unique:
        twice = sorted({str(name) for name in features.columns[features.columns.duplicated()]})
        raise DataError(f"{where}: columns given twice: {', '.join(twice)}")
    if not features.shape[1]:
        names = ", ".join(feature.name for feature in encoding.features[:3])
        raise DataError(f"{where}: no column is a feature; expected names such as {names}")
    for name in features.columns:
        try:
            encoding.check_query({str(name): None})
        except DataError as error:
            raise DataError(f"{where}: column {name}: {error}; rename or remove it") from None
    checked = pd.DataFrame({str(name): _column(features[name], str(name), encoding, where) for name in features})
    shares = checked[[name for name in encoding.shares if name in checked]]
    over = np.flatnonzero(shares.sum(axis=1).to_numpy(dtype=np.float64) > encoding.shares_limit)
    if over.size:
        row = shares.iloc[int(over[0])]
        try:
            encoding.check_query(row.dropna().to_dict())
        except DataError as error:
            raise DataError(f"{where}: row {row.name}: {error}; lower one of them") from None
    return checked


def _column(cells: pd.Series, name: str, encoding: Encoding, where: str) -> pd.Series:
    """The checked cells of one column; text that is a number counts as one."""
    is_word = name == RELEASE_MONTH or encoding.feature(name).kind == "word"
    given = cells.where(~cells.map(_is_empty), None)
    if not is_word and not (cells.map(type) == bool).any():  # noqa: E721
        numbers = pd.to_numeric(given, errors="coerce")
        if (numbers.notna() == given.notna()).all():
            given = numbers.astype(np.float64)
    try:
        return encoding.check_table(given.to_frame(name))[name]
    except DataError:
        for label, cell in given.items():
            try:
                encoding.check_query({name: None if _is_empty(cell) else cell})
            except DataError as error:
                raise DataError(f"{where}: row {label}, column {error}; {MEND}") from None
        raise


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell))
