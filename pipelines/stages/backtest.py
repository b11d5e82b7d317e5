"""Stage `backtest`: what would have been forecast of one benchmark's models by those that were known, and what came.

Reads the tables; writes data/backtests/<benchmark>/: forecasts.parquet (per scheme, cut-off, predictor and model the
score, the forecast, its interval and support verdict) and choices.csv (what was chosen inside each training part).
"""

from models.backtest.forecasting import Plan, backtest, n_parts
from models.catalogue import SELECTED_DESIGN
from models.selection import Rule
from pipelines.files import write_csv, write_parquet
from pipelines.params import load_params
from pipelines.paths import BACKTESTS
from pipelines.progress import Progress
from pipelines.stage import argument, run_stage
from pipelines.tables import read_design_features, read_task


def main() -> None:
    """Write one benchmark's backtest."""
    benchmark, params = argument(), load_params()
    cfg, task = params.backtest, read_task(benchmark)
    groups = params.select.groups[SELECTED_DESIGN.selection]
    rule = Rule.among(task.view, groups, params.protocol, cfg.select_seeds, params.select.threshold)
    plan = Plan(params.protocol, cfg.seeds, rule, params.fit.calibration_folds, params.fit.level)
    progress = Progress(f"backtest {benchmark}", total=n_parts(task, plan))
    forecasts, choices = backtest(task, read_design_features(task.view), plan, params.parallel, progress.advance)
    keys = ["scheme", "seed", "cutoff", "predictor"]
    write_parquet(BACKTESTS / benchmark / "forecasts.parquet", forecasts, [*keys, "model_id"])
    write_csv(BACKTESTS / benchmark / "choices.csv", choices, keys)


if __name__ == "__main__":
    run_stage(main)
