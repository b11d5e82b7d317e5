"""What `foretell controlled` prints: a table of what was measured, and one of what the predictors claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from rich import box
from rich.table import Table

from foretell.controlled.evidence import MEASURED
from pipelines.cli.controlled_runs import Change, Held
from pipelines.cli.screen import console

COLUMNS = ["benchmark", "total_params", "study", "task", "metric", "replaced"]


def shown_rows(rows: pd.DataFrame, all_tasks: bool) -> pd.DataFrame:
    """The rows that are printed: measured or not, of tasks that a target measures, or of all tasks."""
    return rows if all_tasks else rows[rows["benchmark"] != ""]


def print_controlled(change: Change, rows: pd.DataFrame, held: Sequence[Held], base: Mapping[str, float]) -> None:
    """Measured effects, what was not measured, the claims with their verdicts, and what the columns mean."""
    screen = console()
    measured = rows[rows["sign"].isin(MEASURED)]
    screen.print(f"Controlled runs, {change}: score at the second share minus score at the first", highlight=False)
    if measured.empty:
        screen.print("  none measured this change", highlight=False)
    else:
        screen.print(_measured_table(measured))
    left = rows[~rows["sign"].isin(MEASURED)]
    for rule, several in left.groupby("rule", sort=True):
        sources = ", ".join(sorted({f"{row.study} ({row.replaced})" for row in several.itertuples()}))
        screen.print(f"Not measured: {rule}: {sources}", highlight=False, soft_wrap=True)
    if held:
        size, billions = base["total_params"], base["tokens_billions"]
        screen.print(f"Predictors, at {size:.3g} parameters and {billions:.4g}B tokens, all else unknown:",
                     highlight=False, soft_wrap=True)  # fmt: skip
    for one in sorted(held, key=lambda one: one.agreement.verdict != "disagrees"):
        verdict = one.agreement.verdict
        style = f"[bold]{verdict.upper()}[/bold]" if verdict == "disagrees" else verdict
        screen.print(f"  {one.target.title}: {style}. {one.agreement.sentence}", highlight=False, soft_wrap=True)
    screen.print("Points: of accuracy, or (r) of accuracy rescaled to 0 at chance; ~: between measured shares.",
                 highlight=False)  # fmt: skip


def _measured_table(rows: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("task", "model size", "instead of"):
        table.add_column(heading)
    for heading in ("shares", "points", "interval", "sign"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows.itertuples():
        between = "" if str(row.rule).startswith("measured") else "~"
        unit = "r" if row.unit == "rescaled points" else ""
        low, high = float(str(row.low)), float(str(row.high))
        table.add_row(
            str(row.task) + (" (norm)" if row.metric == "acc_norm" else ""),
            f"{float(str(row.total_params)) / 1e9:.2g}B",
            str(row.replaced).partition(" [")[0],
            f"{between}{row.share_from:g}-{row.share_to:g}",
            f"{row.effect:+.1f}{unit}",
            "unknown" if math.isnan(low) else f"{low:+.1f} to {high:+.1f}",
            str(row.sign),
        )
    return table
