"""`foretell predict --compare A B`: two designs side by side, and how sure it is which of them scores higher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from foretell.answering.comparison import Comparison
from foretell.answering.words import shown_chance
from foretell.errors import DataError
from pipelines.cli.answers import RegisteredPredictor, answered_by, console, print_words
from pipelines.cli.designs import Design

SURE = 0.9  # from here on the sign of a difference is called sure


@dataclass(frozen=True)
class Compared:
    """A target's comparison, its group, and who answered."""

    comparison: Comparison
    by: RegisteredPredictor

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**self.comparison.to_dict(), **self.by.to_dict()}


def compare_designs(
    predictors: Sequence[RegisteredPredictor], first: Design, second: Design, level: float | None
) -> list[Compared]:
    """Both designs asked of every predictor. Raises DataError for a wrong design, naming which of the two."""
    for side in (first, second):
        try:
            predictors[0].predictor.encoded(pd.DataFrame([dict(side.values)], dtype=object))
        except DataError as error:
            raise DataError(f"{side.name}: {error}") from None
    names = _labels(first, second)
    return [
        Compared(registered.predictor.compare(first.values, second.values, level, names), registered)
        for registered in predictors
    ]


def _labels(first: Design, second: Design) -> tuple[str, str]:
    return ("A", "B") if first.name == second.name else (first.name, second.name)


def print_comparisons(compared: Sequence[Compared], first: Design, second: Design, explain: bool) -> None:
    """A table of 80 columns (target, A, B, B - A and its interval, how sure B is better), by groups; below it what the
    letters stand for, and with `explain` what makes each difference."""
    shown = console()
    for letter, side in (("A", first), ("B", second)):
        shown.print(f"{letter}: {side.name}", highlight=False, soft_wrap=True)
    shown.print(_table(compared))
    for line in _remarks(compared, first, second):
        shown.print(line, highlight=False)
    for target in compared if explain or len(compared) == 1 else ():
        print_words(shown, target.comparison.first.title, target.comparison.words)


def _table(compared: Sequence[Compared]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    level = f"{compared[0].comparison.difference.level:.0%} interval"
    table.add_column("benchmark")
    for heading in ("A", "B", "B - A", level, "B better"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group, members in groupby(compared, key=lambda target: target.by.group):
        table.add_section()
        table.add_row(f"[bold]{group}[/bold]")
        for target in members:
            comparison = target.comparison
            difference = comparison.difference
            sure = abs(comparison.chance_better - 0.5) >= SURE - 0.5
            chance = shown_chance(comparison.chance_better)
            table.add_row(
                comparison.first.title + ("" if comparison.first.predictable else " (*)"),
                *(f"{side.score:.3f}{_mark(side.support)}" for side in (comparison.first, comparison.second)),
                f"{difference.difference:+.3f}",
                f"{difference.low:+.3f} to {difference.high:+.3f}",
                f"[bold]{chance}[/bold]" if sure else chance,
            )
    return table


def _mark(support: str) -> str:
    return {"outside": "!", "edge": "~"}.get(support, " ")


def _remarks(compared: Sequence[Compared], first: Design, second: Design) -> list[str]:
    comparisons = [target.comparison for target in compared]
    chances = {"B": [c.chance_better for c in comparisons], "A": [1 - c.chance_better for c in comparisons]}
    counts = [f"{name} on {sum(chance >= SURE for chance in each)}" for name, each in chances.items()]
    lines = [f"Better with a probability of {SURE:.0%} or more, of {len(comparisons)}: {', '.join(counts)}."]
    lower = [c.first.title for c in comparisons if c.first.lower_is_better]
    if lower:
        lines.append(f"Lower is better: {', '.join(lower)}.")
    if not all(c.first.predictable for c in comparisons):
        lines.append("(*) not predictable from design: on new families no better than the median.")
    for mark, verdict in (("!", "outside what the models show: do not rely on it"), ("~", "at the edge of it")):
        if any(_mark(side.support) == mark for c in comparisons for side in (c.first, c.second)):
            lines.append(f"{mark} {verdict}.")
    seen = [
        letter
        for letter, side in (("A", first), ("B", second))
        if any(side.name in target.by.predictor.support.model_ids for target in compared)
    ]
    if seen:
        lines.append(
            f"Learned from: {' and '.join(seen)}. The interval is that of two unseen designs, so a little wide."
        )
    lines.append(answered_by([target.by for target in compared]))
    return lines
