"""What `foretell forecast` prints: one record target by target, all records, and calibration over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from models.ledger.entries import Outlook
from models.ledger.settling import RivalOutcome
from pipelines.cli.screen import console
from pipelines.forecasts import Record


def _table(*headings: str) -> Table:
    """A table whose headings that begin with a space are aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading.strip(), justify="right" if heading.startswith(" ") else "left")
    return table


def print_record(record: Record) -> None:
    """One forecast: a row per target with what came, and a row per rival below it."""
    forecast, settled = record.forecast, record.settlement.targets if record.settlement else {}
    screen = console()
    design = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in forecast.design.items()
    )
    screen.print(f"{forecast.name}: registered {forecast.registered}; {design}", highlight=False, soft_wrap=True)
    level = next(iter(forecast.targets.values())).level
    table = _table("benchmark", " score", f" {level:.0%} interval", "support", " measured", " error", "inside")
    for slug, target in forecast.targets.items():
        row = settled.get(slug)
        came = (f"{row.score:.3f}", f"{row.error:.3f}", "yes" if row.inside else "no") if row else ("", "", "")
        interval = f"{target.low:.3f} to {target.high:.3f}"
        table.add_row(target.title, f"{target.point:.3f}", interval, target.support, *came)
        for name, outlook in target.rivals.items():
            outcome = row.rivals.get(name) if row else None
            table.add_row(*_rival_cells(name, outlook, outcome), "", "")
    screen.print(table)


def _rival_cells(name: str, outlook: Outlook, outcome: RivalOutcome | None) -> tuple[str, str, str, str, str]:
    """Name, difference, its interval, verdict and outcome against one rival."""
    of = outlook.difference
    interval = f"{of.low:+.3f} to {of.high:+.3f}"
    return f"  - {name}", f"{of.estimate:+.3f}", interval, outlook.verdict, (outcome.outcome if outcome else "") or ""


def print_records(records: Sequence[Record]) -> None:
    """All forecasts on record, a row each."""
    if not records:
        print("no forecast on record; `foretell forecast register` writes one")
        return
    table = _table("forecast of", "registered", " targets", " settled", " inside", " mean error", " rivals beaten")
    for record in records:
        rows = list(record.settlement.targets.values()) if record.settlement else []
        outcomes = [rival.outcome for row in rows for rival in row.rivals.values() if rival.outcome]
        inside = f"{sum(row.inside for row in rows)} of {len(rows)}" if rows else ""
        error = f"{sum(row.error for row in rows) / len(rows):.3f}" if rows else ""
        beaten = f"{outcomes.count('win')} of {len(outcomes)}" if outcomes else ""
        forecast = record.forecast
        counts = str(len(forecast.targets)), str(len(rows))
        table.add_row(forecast.name, forecast.registered[:10], *counts, inside, error, beaten)
    console().print(table)


def print_calibration(table: pd.DataFrame) -> None:
    """Calibration over time, a row per source and period."""
    if table.empty:
        print("no forecast is settled yet (`foretell forecast settle`) and none replayed (`dvc repro replay`)")
        return
    screen = _table(
        "forecasts", "period", " scores", " models", " level", " inside", " 95 % Wilson", " MAE", " int. score", " CRPS"
    )
    for row in table.to_dict("records"):
        shares = f"{row['level']:.0%}", f"{row['inside']:.1%}", f"{row['inside_low']:.1%} to {row['inside_high']:.1%}"
        means = (f"{row[name]:.3f}" for name in ("mae", "interval_score", "crps"))
        screen.add_row(row["source"], row["period"], str(row["n"]), str(row["n_models"]), *shares, *means)
    console().print(screen)


def plain(record: Record) -> dict[str, Any]:
    """A record and what came of it, as plain values for JSON."""
    settlement = record.settlement.to_dict() if record.settlement else None
    return {**record.forecast.to_dict(), "sha256": record.sha256, "path": str(record.path), "settlement": settlement}
