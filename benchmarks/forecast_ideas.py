"""What was tried for the forecast and what it gave, per scheme: mean over benchmarks of the mean absolute error
relative to that of boosted trees on parameters and tokens alone (one grid cell). Reads the tables that `tabulate`
writes; prints a Markdown table and writes reports/forecast_ideas.csv, a row per benchmark, scheme and idea.

    python -m benchmarks.forecast_ideas [benchmark ...]

Every idea is fitted on the training part of each outer fold (time, size; random folds and families of one seed) and
asked about its test part. What varies is told against the first row, a line in log compute with extra trees on what it
leaves of the log odds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.forecast_variants import IDEAS, Setting
from features.catalogue import DESIGN_GROUPS, feature_names
from foretell.answering.boosters import predict_rows
from foretell.answering.offsets import logits, scores_of
from foretell.engine import Cell
from foretell.markdown import markdown_table
from foretell.parallel import Spread
from models.boosters import train_booster
from models.forecast.members import Inputs
from models.protocol import Protocol
from models.schemes import Scheme
from models.splits import Fold
from models.task import Task
from pipelines.files import read_parquet, write_csv
from pipelines.params import load_params
from pipelines.paths import DESIGN_TABLE, REPORTS, SCORE_TABLE
from pipelines.progress import Progress
from pipelines.stage import run_stage
from pipelines.tables import read_target, read_task

SCALE_CELL = Cell(0.1, 3, 100)
REFERENCE = "trees on parameters and tokens"


def errors(benchmark: str, every: pd.DataFrame, design: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error of each idea and of the reference, over the test models of each scheme: columns benchmark,
    scheme, idea, mae."""
    params, task = load_params(), read_task(benchmark)
    inputs = Inputs(task, feature_names(task.view, DESIGN_GROUPS))
    rows = []
    for scheme, fold in folds(task, params.protocol):
        setting = Setting(inputs, scheme, fold, every, design)
        answers = {name: scores_of(idea(setting), inputs.bounds) for name, idea in IDEAS.items()}
        scale = inputs.encoded[:, :2]
        trees = train_booster(scale[fold.train], task.scores[fold.train], SCALE_CELL)
        answers[REFERENCE] = predict_rows(trees, scale[fold.test])
        for name, answer in answers.items():
            missed = np.abs(answer - task.scores[fold.test])
            rows += [{"scheme": scheme.value, "idea": name, "mae": error} for error in missed.tolist()]
    table = pd.DataFrame(rows).groupby(["scheme", "idea"], sort=False)["mae"].mean().reset_index()
    return table.assign(benchmark=benchmark)


def folds(task: Task, protocol: Protocol) -> Iterator[tuple[Scheme, Fold]]:
    """The outer folds of every scheme, of one seed."""
    for scheme in Scheme:
        for split in scheme.splits(task, 1, protocol):
            for fold in split.outer:
                yield scheme, Fold(np.sort(fold.train), np.sort(fold.test))


def main() -> None:
    """Measure, print the means over benchmarks, and write a row per benchmark."""
    params = load_params()
    benchmarks = sys.argv[1:] or list(params.benchmarks)
    scores = read_parquet(SCORE_TABLE).pivot(index="model_id", columns="benchmark", values="score")
    for slug in map(str, scores):
        target = read_target(slug)
        scores[slug] = logits(scores[slug].to_numpy(dtype=np.float64), (target.low, target.high))
    progress = Progress("forecast ideas", total=len(benchmarks))
    spread = Spread("loky", params.parallel.workers)
    tables = spread.map(
        partial(errors, every=scores, design=read_parquet(DESIGN_TABLE)), benchmarks, lambda table: progress.advance()
    )
    table = pd.concat(tables, ignore_index=True)
    write_csv(REPORTS / "forecast_ideas.csv", table)
    wide = table.pivot(index=["benchmark", "scheme"], columns="idea", values="mae")
    ratios: pd.DataFrame = wide.div(wide[REFERENCE], axis=0).groupby("scheme").mean().round(3)
    order = (Scheme.TIME, Scheme.SIZE, Scheme.FAMILY, Scheme.RANDOM)
    rows = [{"tried": name, **{s.label: str(ratios.loc[s.value, name]) for s in order}} for name in IDEAS]
    print(markdown_table(rows))
    best = wide[[*IDEAS]].min(axis=1).div(wide[REFERENCE]).groupby("scheme").mean()
    print("\nthe best of all for each benchmark, known afterwards: ", end="")
    print(", ".join(f"{scheme.label!s} {float(best.loc[scheme.value]):.3f}" for scheme in order))


if __name__ == "__main__":
    run_stage(main)
