"""Stage `evaluate`: every predictor of one benchmark on the same seeds and folds.

Reads the design table, the benchmark's scores and its selected features; writes data/errors/<benchmark>/: errors.csv
(per predictor, scheme, seed and fold), predictions.parquet (out of fold) and choices.csv (the grid cells chosen).
"""

from functools import partial

from foretell.lightgbm_library import lightgbm_problem
from models.catalogue import EVALUATED
from models.evaluation import Plan, evaluate
from models.schemes import Scheme
from models.search import search_grid
from pipelines.boundary import LOG
from pipelines.files import write_csv, write_parquet
from pipelines.params import load_params
from pipelines.paths import ERRORS
from pipelines.progress import Progress
from pipelines.stage import argument, run_stage
from pipelines.tables import read_features, read_task


def main() -> None:
    """Write one benchmark's errors, predictions and choices."""
    benchmark, params = argument(), load_params()
    cfg, task = params.evaluate, read_task(benchmark)
    every = read_features(benchmark, task.view)
    features = {entry: every[entry] for entry in EVALUATED}
    problem = lightgbm_problem() if cfg.lightgbm else ""
    if problem:
        LOG.warning(f"{problem}. The cross-check with LightGBM is left out")
    if problem or not cfg.lightgbm:
        features = {entry: names for entry, names in features.items() if entry.cross_check_of is None}
    plan = Plan(params.protocol, {Scheme.RANDOM: cfg.seeds, Scheme.FAMILY: cfg.family_seeds})
    progress = Progress(f"evaluate {benchmark}", total=plan.n_pieces(features))
    search = partial(search_grid, storage=cfg.storage)
    evaluation = evaluate(task, features, plan, search, params.parallel, progress.advance)
    folder = ERRORS / benchmark
    write_csv(folder / "errors.csv", evaluation.errors, ["predictor", "scheme", "seed", "fold"])
    write_csv(folder / "choices.csv", evaluation.choices, ["predictor", "scheme", "seed", "fold"])
    write_parquet(folder / "predictions.parquet", evaluation.predictions, ["predictor", "scheme", "seed", "model_id"])


if __name__ == "__main__":
    run_stage(main)
