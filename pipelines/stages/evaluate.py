"""Stage `evaluate`: every predictor of one benchmark on the same seeds and folds.

Reads the design table, the benchmark's scores and its selected features; writes data/errors/<benchmark>/: errors.csv
(per predictor, scheme, seed and fold), predictions.parquet (out of fold) and choices.csv (the grid cells chosen).
"""

from features.schema import BENCHMARKS
from models.evaluation import LAW_PLUS_TREES, Plan, evaluate
from models.search import search_grid
from pipelines.files import write_csv, write_parquet
from pipelines.params import load_params
from pipelines.paths import ERRORS
from pipelines.progress import Progress
from pipelines.stage import argument, run_stage
from pipelines.tables import protocol_of, read_feature_sets, read_task, spread_of


def main() -> None:
    """Write one benchmark's errors, predictions and choices."""
    benchmark = argument(BENCHMARKS)
    params = load_params()
    cfg, task = params.evaluate, read_task(benchmark)
    feature_sets = read_feature_sets(benchmark, task.encoding.view)
    feature_sets[LAW_PLUS_TREES] = feature_sets["selected_design"]
    plan = Plan(protocol_of(params), cfg.seeds, cfg.family_seeds, cfg.lightgbm)
    progress = Progress(f"evaluate {benchmark}", total=plan.pieces(feature_sets))
    found = evaluate(task, feature_sets, plan, search_grid, cfg.storage, spread_of(params), progress.advance)
    folder = ERRORS / benchmark
    write_csv(folder / "errors.csv", found.errors, ["predictor", "scheme", "seed", "fold"])
    write_csv(folder / "choices.csv", found.choices, ["predictor", "scheme", "seed", "fold"])
    write_parquet(folder / "predictions.parquet", found.predictions, ["predictor", "scheme", "seed", "model_id"])


if __name__ == "__main__":
    run_stage(main)
