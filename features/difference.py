"""What changed in a raw table between two revisions, row by row and field by field: DVC itself says only "modified"."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from features.schema import Table


@dataclass(frozen=True)
class Change:
    """One change: `kind` is added, removed or changed; `row` the key columns' values; for a changed field its `column`
    with the old and the new cell as text ("" = empty)."""

    table: str
    kind: str
    row: str
    column: str = ""
    old: str = ""
    new: str = ""


def diff_table(table: Table, old: pd.DataFrame, new: pd.DataFrame) -> list[Change]:
    """Changes from `old` to `new` (cells as text), in key order: rows removed, added, then fields changed. Columns that
    one side lacks count as empty there. Duplicate keys are compared by their first row."""
    keys = list(table.key)
    before, after = (
        frame.fillna("").astype(str).drop_duplicates(keys).set_index(keys, drop=False) for frame in (old, new)
    )
    changes = [Change(table.name, "removed", _row(key)) for key in before.index if key not in after.index]
    changes += [Change(table.name, "added", _row(key)) for key in after.index if key not in before.index]
    columns = [name for name in dict.fromkeys([*before.columns, *after.columns]) if name not in keys]
    left = before.reindex(columns=columns, fill_value="")
    right = after.reindex(columns=columns, fill_value="")
    common = left.index.intersection(right.index)
    differs = left.loc[common].ne(right.loc[common])
    for key in common[differs.any(axis=1)]:
        for column in differs.columns[differs.loc[key]]:
            old_cell, new_cell = str(left.at[key, column]), str(right.at[key, column])
            changes.append(Change(table.name, "changed", _row(key), column, old_cell, new_cell))
    return sorted(changes, key=lambda change: (("removed", "added", "changed").index(change.kind), change.row))


def _row(key: object) -> str:
    return " / ".join(map(str, key)) if isinstance(key, tuple) else str(key)
