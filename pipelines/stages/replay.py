"""Stage `replay`: what foretell would have said of past releases each quarter, and what came.

Reads the backtest's forecasts over time (data/backtests) and the settled forecasts on record (data/forecasts); writes
reports/forecasts: replay.csv (a row per target and model), replay.md and replay.png.
"""

import pandas as pd

from models.catalogue import FORECAST
from models.ledger.figure import replay_figure
from models.ledger.replay import replay
from models.ledger.report import replay_page
from models.ledger.scores import calibration
from models.schemes import Scheme
from pipelines.files import read_parquet, write_csv, write_figure, write_text
from pipelines.forecast_report import REPLAYED, registered_rows
from pipelines.params import load_params
from pipelines.paths import BACKTESTS, FORECAST_REPORT
from pipelines.stage import run_stage
from pipelines.tables import read_target


def main() -> None:
    """Write the replay."""
    params = load_params()
    benchmarks = params.benchmarks
    titles = {benchmark: read_target(benchmark).title for benchmark in benchmarks}
    frames = {benchmark: read_parquet(BACKTESTS / benchmark / "forecasts.parquet") for benchmark in benchmarks}
    rows = replay(frames, Scheme.TIME.value, FORECAST.name, params.fit.level)
    settled = registered_rows()
    table = calibration(pd.concat([part for part in (settled, rows) if len(part)] or [rows]))
    write_csv(REPLAYED, rows)
    write_text(FORECAST_REPORT / "replay.md", replay_page(rows, table, titles, "replay.png"))
    write_figure(FORECAST_REPORT / "replay.png", replay_figure(rows, table, titles))


if __name__ == "__main__":
    run_stage(main)
