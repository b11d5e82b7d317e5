"""`foretell data diff`: raw tables at two revisions, read through DVC from its cache or remote."""

from __future__ import annotations

import io
import subprocess
from typing import Literal

import dvc.api
import pandas as pd
from dvc.exceptions import DvcException
from dvc.scm import SCMError
from rich.console import Console

from features.difference import Change, diff_table
from features.raw import read_text
from features.schema import RAW_TABLES, Table
from foretell.errors import ConfigError, DataError


def print_changes(revision: str, other: str) -> None:
    """Print every change of every raw table from `revision` to `other` ("" = the files as they are)."""
    for name in filter(None, (revision, other)):
        _check_revision(name)
    changes: list[Change] = []
    for table in RAW_TABLES.values():
        new = _at(table, other) if other else read_text(table)
        changes += diff_table(table, _at(table, revision), new)
    console = Console(soft_wrap=True, highlight=False)
    for change in changes:
        what = change.kind if not change.column else f"{change.column}: {_cell(change.old)} -> {_cell(change.new)}"
        console.print(f"{change.table}  {change.row}  {what}", markup=False)
    counts = {kind: sum(c.kind == kind for c in changes) for kind in ("added", "removed", "changed")}
    rows = f"{revision} -> {other or 'workspace'}: {counts['added']} rows added, {counts['removed']} removed"
    console.print(f"{rows}, {counts['changed']} fields changed")


def _cell(text: str) -> str:
    return text if text else "(empty)"


def _check_revision(name: str) -> None:
    command = ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise ConfigError(f"{name!r} is no git revision of this repository")


def _at(table: Table, revision: str) -> pd.DataFrame:
    pointer = subprocess.run(
        ["git", "cat-file", "-e", f"{revision}:{table.path}{'.dvc' if table.versioned_by == 'dvc' else ''}"],
        capture_output=True,
        check=False,
    )
    if pointer.returncode:  # the table was not there yet
        return pd.DataFrame({name: pd.Series(dtype=str) for name in table.names})
    try:
        content = dvc.api.read(str(table.path), rev=revision, mode="rb")
    except (FileNotFoundError, DvcException, SCMError):
        raise DataError(
            f"{table.path} at {revision}: its content is neither in the cache nor in the remote; `dvc fetch` there, or "
            "`dvc push` where it was made"
        ) from None
    packed: Literal["gzip"] | None = "gzip" if table.path.suffix == ".gz" else None
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_values=[""], compression=packed)
