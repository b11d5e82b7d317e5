"""What a column and a table are. Every raw and derived table is one `Table` of `Column`s: the reader, the
expectations, the datasheet and the command line all read their rules here, so a rule is written once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["text", "number", "integer", "flag", "word", "date"]


@dataclass(frozen=True)
class Column:
    """One column: `kind` text, number (float64), integer (Int64), flag (true/false), word (one of `allowed`)
    or date (`YYYY-MM` or `YYYY-MM-DD`); `low`/`high` are inclusive bounds in `unit`; `nullable` allows empty cells."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A CSV under data/raw: its columns in file order, the columns that identify a row, and `references`,
    pairs (column here, table name): the value must be the (first) key of one of that table's rows. Measurements are
    versioned by DVC, definitions (which people review line by line) by git."""

    name: str
    path: Path
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    references: tuple[tuple[str, str], ...] = ()
    versioned_by: Literal["dvc", "git"] = "dvc"

    @property
    def names(self) -> list[str]:
        """Column names in file order."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")


def text(name: str, meaning: str, nullable: bool = False) -> Column:
    """A free-text column."""
    return Column(name, "text", meaning, nullable=nullable)


def word(name: str, meaning: str, allowed: tuple[str, ...], nullable: bool = False) -> Column:
    """A column whose value is one of `allowed`."""
    return Column(name, "word", meaning, allowed=allowed, nullable=nullable)


def number(name: str, meaning: str, unit: str, low: float, high: float, nullable: bool = False) -> Column:
    """A float column with inclusive bounds in `unit`."""
    return Column(name, "number", meaning, unit, low, high, nullable=nullable)


def integer(name: str, meaning: str, unit: str, low: float, high: float, nullable: bool = False) -> Column:
    """A whole-number column with inclusive bounds in `unit`."""
    return Column(name, "integer", meaning, unit, low, high, nullable=nullable)


def flag(name: str, meaning: str, nullable: bool = False) -> Column:
    """A true/false column."""
    return Column(name, "flag", meaning, nullable=nullable)


def date(name: str, meaning: str, nullable: bool = False) -> Column:
    """A month (`YYYY-MM`) or day (`YYYY-MM-DD`) column."""
    return Column(name, "date", meaning, nullable=nullable)


RAW = Path("data/raw")
