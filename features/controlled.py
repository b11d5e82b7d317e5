"""The raw tables of controlled runs, read together."""

from __future__ import annotations

from pathlib import Path

from features.raw import read_raw
from features.schema import CONTROLLED_CORPORA, CONTROLLED_RECIPES, CONTROLLED_SHARES
from foretell.controlled.curves import ControlledTables

ROOT = Path(__file__).resolve().parents[1]


def read_controlled(root: Path = ROOT) -> ControlledTables:
    """The tables below `root` (default: this checkout); raises DataError as `read_raw` does."""
    return ControlledTables(
        *(read_raw(table, root) for table in (CONTROLLED_SHARES, CONTROLLED_CORPORA, CONTROLLED_RECIPES))
    )
