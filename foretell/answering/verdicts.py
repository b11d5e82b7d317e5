"""What support says about single queries: a verdict, and the reasons for it in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError
from .encoding import MONTH

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Verdicts:
    """Per query [q]: `verdict` is inside, edge or outside; `reasons` says in plain words all that decided it (empty
    where inside); `nearest` are the closest training models by name, closest first; `distance` is that to the closest,
    `spacing` how far it may be for the verdict inside; `beyond` is log(compute / largest known compute), 0 where not
    beyond; `months_ahead` counts the months after the newest training model's release, 0 where not after or unknown."""

    verdict: list[str]
    reasons: list[str]
    nearest: list[tuple[str, ...]]
    distance: Array
    spacing: Array
    beyond: Array
    months_ahead: Array


@dataclass
class Findings:
    """Reasons against single queries as they are found: (is it outside, words)."""

    n_queries: int
    of: list[list[tuple[bool, str]]] = field(init=False)

    def __post_init__(self) -> None:
        self.of = [[] for _ in range(self.n_queries)]

    def add(self, which: Any, outside: bool, words: str | Sequence[str]) -> None:
        """The same words for all queries in the mask `which` [q], or each query's own [q]."""
        for query in np.flatnonzero(which).tolist():
            self.of[query].append((outside, words if isinstance(words, str) else words[query]))

    def verdicts(self) -> tuple[list[str], list[str]]:
        """The worst verdict that a reason gives, and the reasons that give it."""
        words = [
            "outside" if any(out for out, _ in reasons) else "edge" if reasons else "inside" for reasons in self.of
        ]
        texts = [
            "; ".join(text for out, text in reasons if out == (word == "outside"))
            for word, reasons in zip(words, self.of, strict=True)
        ]
        return words, texts


def month_numbers(months: Iterable[Any]) -> Array:
    """Months [n] since the year 0 of texts "YYYY-MM"; NaN = unknown (None, NaN, ""). Raises DataError on others."""
    numbers = []
    for month in months:
        if month == "" or pd.isna(month):
            numbers.append(np.nan)
        elif isinstance(month, str) and MONTH.fullmatch(month):
            numbers.append(12.0 * int(month[:4]) + int(month[5:]))
        else:
            raise DataError(f"month of release {month!r}; expected YYYY-MM, for example 2026-03")
    return np.array(numbers, dtype=np.float64)


def month_text(month: float) -> str:
    """The text "YYYY-MM" of a month that `month_numbers` counted."""
    year, before = divmod(int(month) - 1, 12)
    return f"{year:04d}-{before + 1:02d}"
