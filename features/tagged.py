"""Reads what the stage `tag` wrote: the regenerated rows of the generation features, in the columns of the recorded
table, so that the two can be put together."""

from pathlib import Path

import pandas as pd

from features.text_table import COLUMNS
from foretell.errors import DataError


def read_tagged(tags: Path) -> pd.DataFrame:
    """The rows of every `<slug>.csv` in `tags`: model_id and the 53 generation features (float64, NaN where not
    computed), ordered by model_id; no rows where nothing was tagged. Raises DataError where a file lacks a column, has
    not exactly one row, or names a model that another file names."""
    rows = []
    for path in sorted(tags.glob("*.csv")):
        row = pd.read_csv(path, dtype={"model_id": str})
        missing = [column for column in ("model_id", *COLUMNS) if column not in row]
        if missing or len(row) != 1:
            raise DataError(f"{path}: {len(row)} rows, missing columns {missing}; expected one whole row. Tag again")
        rows.append(row[["model_id", *COLUMNS]].astype(dict.fromkeys(COLUMNS, "float64")))
    if not rows:
        return pd.DataFrame({"model_id": pd.Series(dtype=str), **{c: pd.Series(dtype="float64") for c in COLUMNS}})
    table = pd.concat(rows).sort_values("model_id", ignore_index=True)
    twice = table.loc[table["model_id"].duplicated(), "model_id"]
    if len(twice):
        raise DataError(f"{tags}: model {twice.iloc[0]!r} has two rows; delete the one whose slug is not its own")
    return table
