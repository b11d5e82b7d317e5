"""The ledger's report: the settled forecasts and the replay together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.ledger.figure import calibration_figure
from models.ledger.replay import SOURCE
from models.ledger.report import REGISTERED_SOURCE, calibration_page
from models.ledger.scores import calibration, quarter
from models.ledger.settling import settled_rows, verdicts_kept
from pipelines.files import write_csv, write_figure, write_text
from pipelines.forecasts import read_records
from pipelines.paths import FORECAST_REPORT

REPLAYED = FORECAST_REPORT / "replay.csv"


def registered_rows() -> pd.DataFrame:
    """A row per settled score of the forecasts on record, with its quarter as `period`."""
    settled = {
        slug: (record.forecast, record.settlement) for slug, record in read_records().items() if record.settlement
    }
    rows = settled_rows(settled, REGISTERED_SOURCE)
    return rows.assign(period=[quarter(day) for day in rows["day"]])


def calibration_of_all() -> pd.DataFrame:
    """Calibration over time of the settled forecasts, and of the replay where stage `replay` has run."""
    parts = [registered_rows()]
    if REPLAYED.is_file():
        parts.append(pd.read_csv(REPLAYED).assign(source=SOURCE))
    return calibration(pd.concat([part for part in parts if len(part)] or parts))


def write_report(folder: Path, table: pd.DataFrame) -> None:
    """Write report.md, calibration.csv and calibration.png. Raises DataError where nothing is settled or replayed."""
    figure = calibration_figure(table)
    settlements = {slug: record.settlement for slug, record in read_records().items() if record.settlement}
    write_csv(folder / "calibration.csv", table)
    write_figure(folder / "calibration.png", figure)
    write_text(folder / "report.md", calibration_page(table, "calibration.png", verdicts_kept(settlements)))
