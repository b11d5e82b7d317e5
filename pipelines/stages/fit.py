"""Stage `fit`: the predictor of one benchmark that gets registered, refitted on all its models, with its interval.

Reads the tables, the selected features, the errors and the backtest; writes data/predictors/<benchmark>/: XGBoost
boosters (final.ubj; for plain trees one per calibration fold), training.csv, for a blend errors.csv, coverage.json (how
its intervals held in the backtest) and predictor.yaml, the card that says how to read them.
"""

from foretell.files import atomic
from models.backtest.coverage import coverage_of
from models.catalogue import CATALOGUE
from models.fitting import card, fit_blend, fit_trees
from models.results import beats_median
from pipelines.errors import read_errors
from pipelines.files import read_parquet, write_csv, write_json, write_yaml
from pipelines.params import load_params
from pipelines.paths import BACKTESTS, PREDICTORS
from pipelines.stage import argument, run_stage
from pipelines.tables import read_features, read_task


def main() -> None:
    """Write one benchmark's predictor."""
    benchmark, params = argument(), load_params()
    cfg, task, entry = params.fit, read_task(benchmark), CATALOGUE[params.fit.predictor]
    features = read_features(benchmark, task.view)[entry]
    if entry.blended:
        fitted = fit_blend(task, features)
    else:
        fitted = fit_trees(task, features, params.protocol, cfg.seeds, cfg.calibration_folds)
    folder = PREDICTORS / benchmark
    for name, booster in fitted.boosters.items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(booster.save_raw("ubj"))
    for name, table in {"training.csv": fitted.training, **fitted.tables}.items():
        write_csv(folder / name, table)
    forecasts = read_parquet(BACKTESTS / benchmark / "forecasts.parquet")
    write_json(folder / "coverage.json", {"level": cfg.level, **coverage_of(forecasts, entry)})
    predictable = beats_median(read_errors(benchmark), entry.name)
    about = card(task, entry.name, features, fitted, cfg.level, predictable)
    write_yaml(folder / "predictor.yaml", about.to_dict())


if __name__ == "__main__":
    run_stage(main)
