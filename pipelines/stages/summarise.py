"""Stage `summarise`: what the forecasts of all backtests were worth.

Reads every benchmark's backtest and the design table; writes reports/backtest.csv (per benchmark, scheme, cut-off and
predictor) and reports/backtest/: section.md (the report's), figures.json, errors.png and last_year.png.
"""

from models.backtest.regret import training_compute
from models.backtest.summary import by_verdict, metrics, overall, summary
from models.catalogue import FORECAST
from models.report.backtest import backtest_section
from models.report.backtest_figures import error_over_cutoffs, forecasts_against_actual, last_year
from models.schemes import AHEAD, Scheme
from pipelines.files import read_parquet, write_csv, write_figure, write_json, write_text
from pipelines.params import load_params
from pipelines.paths import BACKTEST_REPORT, BACKTEST_SUMMARY, BACKTESTS, DESIGN_TABLE
from pipelines.stage import run_stage
from pipelines.tables import read_target


def main() -> None:
    """Write the summary."""
    targets = {benchmark: read_target(benchmark) for benchmark in load_params().benchmarks}
    titles = {slug: target.title for slug, target in targets.items()}
    forecasts = {slug: read_parquet(BACKTESTS / slug / "forecasts.parquet") for slug in targets}
    design = read_parquet(DESIGN_TABLE)
    lower = {slug for slug, target in targets.items() if target.lower_is_better}
    table = summary(forecasts, training_compute(design), lower)
    whole, verdicts = overall(table), by_verdict(forecasts, FORECAST)
    write_csv(BACKTEST_SUMMARY, table)
    write_json(BACKTEST_REPORT / "figures.json", metrics(whole, FORECAST))
    section = backtest_section(table, whole, verdicts, FORECAST, titles, AHEAD)
    write_text(BACKTEST_REPORT / "section.md", section + "\n")
    ahead = [scheme for scheme in AHEAD if (table["scheme"] == scheme).any()]
    if ahead:  # a few models leave no cut-off
        write_figure(BACKTEST_REPORT / "errors.png", error_over_cutoffs(table, FORECAST, ahead))
    if Scheme.TIME in ahead:
        released = design.set_index("model_id")["release_month"]
        recent = last_year(forecasts, FORECAST, released, Scheme.TIME)
        panels = {titles[slug]: rows for slug, rows in recent.items()}
        write_figure(BACKTEST_REPORT / "last_year.png", forecasts_against_actual(panels))


if __name__ == "__main__":
    run_stage(main)
