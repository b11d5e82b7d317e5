"""Stage `fit`: the predictor of one benchmark that gets registered, refitted on all its models, with its interval.

Reads the tables, the selected features and the errors; writes data/predictors/<benchmark>/: XGBoost boosters (final.ubj
and one per calibration fold), training.csv, coverage.json and predictor.yaml, the card that says how to read them.
"""

import pandas as pd

from foretell.files import atomic
from models.catalogue import CATALOGUE
from models.fitting import card, fit, measure_coverage
from models.results import beats_median
from models.schemes import Scheme
from pipelines.files import write_csv, write_json, write_yaml
from pipelines.params import load_params
from pipelines.paths import ERRORS, PREDICTORS
from pipelines.stage import argument, run_stage
from pipelines.tables import read_features, read_task


def main() -> None:
    """Write one benchmark's predictor."""
    benchmark, params = argument(), load_params()
    cfg, task, protocol = params.fit, read_task(benchmark), params.protocol
    features = read_features(benchmark, task.view)[CATALOGUE[cfg.predictor]]
    fitted = fit(task, features, protocol, cfg.seeds, cfg.calibration_folds)
    covered = {}
    for scheme in Scheme:
        splits = scheme.splits(task, cfg.coverage_seeds, protocol)
        covered[scheme.value] = measure_coverage(task, features, protocol, splits, cfg.calibration_folds, cfg.level)
    predictable = beats_median(pd.read_csv(ERRORS / benchmark / "errors.csv"), cfg.predictor)
    folder = PREDICTORS / benchmark
    for name, booster in fitted.boosters().items():
        with atomic(folder / name) as temporary:
            temporary.write_bytes(booster.save_raw("ubj"))
    write_csv(folder / "training.csv", fitted.training)
    write_json(folder / "coverage.json", {"level": cfg.level, **covered})
    about = card(task, cfg.predictor, features, fitted, cfg.level, predictable)
    write_yaml(folder / "predictor.yaml", about.to_dict())


if __name__ == "__main__":
    run_stage(main)
