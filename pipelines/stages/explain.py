"""Stage `explain`: exact tree SHAP of one benchmark's tree predictors on held-out rows, with figures.

Reads the tables, the selected features and the grid cells that `evaluate` chose; writes data/explained/<benchmark>/:
per predictor shap.parquet (raw values), importance.csv, beeswarm.png and bar.png, and dependence plots.
"""

import pandas as pd

from models.explanation import held_out_contributions, held_out_shap, importance, mean_per_model
from models.report.figures import bar, beeswarm, dependence
from models.results import chosen_cells
from models.schemes import Scheme
from pipelines.files import write_csv, write_figure, write_parquet
from pipelines.params import load_params
from pipelines.paths import ERRORS, EXPLAINED
from pipelines.progress import Progress
from pipelines.stage import argument, run_stage
from pipelines.tables import read_features, read_task

DEPENDENCE = ("pct_code", "pct_web")


def main() -> None:
    """Write one benchmark's explanations."""
    benchmark, params = argument(), load_params()
    task, protocol = read_task(benchmark), params.protocol
    choices = pd.read_csv(ERRORS / benchmark / "choices.csv")
    explained = {e: names for e, names in read_features(benchmark, task.view).items() if e.explained}
    splits = Scheme.RANDOM.splits(task, params.explain.seeds, protocol)
    progress = Progress(f"explain {benchmark}", total=len(explained))
    for predictor, features in explained.items():
        folder = EXPLAINED / benchmark / predictor.name
        if predictor.blended:
            shap = held_out_contributions(task, features, splits[: params.explain.forecast_seeds])
        else:
            cells = chosen_cells(choices, predictor.name, Scheme.RANDOM, len(splits), protocol.outer_folds)
            shap = held_out_shap(task, features, splits, cells)
        title = f"{task.target.title}: {predictor.title}"
        write_parquet(folder / "shap.parquet", shap)
        write_csv(folder / "importance.csv", importance(shap))
        write_figure(folder / "beeswarm.png", beeswarm(*mean_per_model(shap), title))
        write_figure(folder / "bar.png", bar(importance(shap), title))
        for feature in DEPENDENCE:
            if feature in features:
                write_figure(folder / f"dependence_{feature}.png", dependence(shap, feature, title))
        progress.advance(predictor.title)


if __name__ == "__main__":
    run_stage(main)
