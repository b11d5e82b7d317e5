"""What twice the models change: the errors of trees on size and tokens and of trees on selected design features, with
the study's models alone and with all that are recorded, target by target. Reads what `tabulate` and `select` write;
prints Markdown tables and writes reports/more_models.csv.

    python -m benchmarks.more_models

More data and other data are told apart by measuring each predictor three times: *before* (trained and tested on the
study's models), *after, same models* (trained on all, error on the study's models) and *after* (error on all). Features
are selected for each set of models by itself, with the settings of params.yaml; doubtful scores are left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import SCALE
from features.raw import read_raw
from features.schema import PUBLISHED_DESIGN
from foretell.markdown import markdown_table
from foretell.parallel import Spread
from foretell.stats import benjamini_hochberg, corrected_paired_t, relative_improvement
from models.catalogue import SELECTED_DESIGN
from models.nested import NestedResult, nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import DRAWN, Scheme
from models.selection import Rule, forward_select, selected
from models.task import Task
from pipelines.files import write_csv
from pipelines.params import Params, load_params
from pipelines.paths import REPORTS
from pipelines.progress import Progress
from pipelines.stage import run_stage
from pipelines.tables import read_features, read_task

Array = NDArray[np.float64]
SEEDS: Mapping[Scheme, int] = {Scheme.RANDOM: 20, Scheme.FAMILY: 10}
ALPHA = 0.05


@dataclass(frozen=True)
class Errors:
    """Both predictors on one set of models and one scheme: `scale` and `design` are nested cross-validations on the
    same folds, `actual` [n] the scores, `sizes` the mean numbers of training and test rows."""

    actual: Array
    scale: NestedResult
    design: NestedResult
    sizes: tuple[float, float]

    @classmethod
    def of(cls, task: Task, features: Sequence[str], scheme: Scheme, protocol: Protocol, threads: int) -> Errors:
        """Run both nested cross-validations."""
        splits = scheme.splits(task, SEEDS[scheme], protocol)
        scale, design = (nested_cv(Problem.of(task, names, splits, protocol), threads) for names in (SCALE, features))
        folds = [fold for split in splits for fold in split.outer]
        sizes = np.mean([len(fold.train) for fold in folds]), np.mean([len(fold.test) for fold in folds])
        return cls(task.scores, scale, design, (float(sizes[0]), float(sizes[1])))

    def mae(self, rows: NDArray[np.bool_] | slice = slice(None)) -> tuple[float, float]:
        """Mean absolute error of scale only and of design trees on `rows`, over seeds and models."""
        both = (np.abs(result.predictions - self.actual)[:, rows].mean() for result in (self.scale, self.design))
        scale, design = map(float, both)
        return scale, design

    def improvement(self) -> tuple[float, float]:
        """What design features remove of the error in percent, and the p-value of the corrected resampled t-test."""
        folds = self.scale.fold_mae, self.design.fold_mae
        test = corrected_paired_t(*folds, *self.sizes)
        return relative_improvement(self.scale.mae, self.design.mae), float(test.p)


def compare(task: Task, known: set[str], params: Params) -> dict[str, float | str]:
    """One target's row: numbers of models, then both predictors' errors on both schemes, before and after."""
    of_the_study = np.array([model in known for model in task.model_ids])
    before = task.subset(np.flatnonzero(of_the_study))
    row: dict[str, float | str] = {"benchmark": task.target.title, "n_before": len(before.scores)}
    row["n_after"] = len(task.scores)
    spread = Spread("threads", params.parallel.workers)
    groups = params.select.groups[SELECTED_DESIGN.selection]
    rule = Rule.among(task.view, groups, params.protocol, params.select.seeds, params.select.threshold)
    chosen = {
        "before": selected(forward_select(before, rule, spread)),
        "after": read_features(task.benchmark, task.view)[SELECTED_DESIGN],
    }
    for when, models in (("before", before), ("after", task)):
        features = chosen[when]
        for scheme in DRAWN:
            errors = Errors.of(models, features, scheme, params.protocol, spread.n_workers)
            name = f"{scheme.value}_{when}"
            row[f"{name}_scale"], row[f"{name}_design"] = errors.mae()
            row[f"{name}_improvement_pct"], row[f"{name}_p_corrected"] = errors.improvement()
            if when == "after":
                row[f"{name}_same_scale"], row[f"{name}_same_design"] = errors.mae(of_the_study)
    return row


def shown(table: pd.DataFrame, scheme: Scheme) -> str:
    """One scheme's errors as Markdown: a row per target, both predictors before, after on the same models, after."""
    rows = []
    for row in table.to_dict("records"):
        cells = {"benchmark": row["benchmark"], "models": f"{row['n_before']} to {row['n_after']}"}
        for predictor in ("scale", "design"):
            values = [row[f"{scheme.value}_{when}_{predictor}"] for when in ("before", "after_same", "after")]
            cells[f"{predictor}: before, after on the same, after"] = ", ".join(f"{value:.4f}" for value in values)
        for when in ("before", "after"):
            gain, p = row[f"{scheme.value}_{when}_improvement_pct"], row[f"{scheme.value}_{when}_p_bh"]
            mark = " *" if gain > 0 and p < ALPHA else ""
            cells[f"design over scale, {when}"] = f"{gain:+.1f} %{mark}"
        rows.append(cells)
    return markdown_table(rows)


def main() -> None:
    """Measure every target that the study and somebody else measured."""
    params = load_params()
    known = set(read_raw(PUBLISHED_DESIGN)["model_id"].astype(str))
    tasks = [read_task(slug) for slug in params.benchmarks]
    least = params.tabulate.min_models
    tasks = [task for task in tasks if least <= len(known & set(task.model_ids)) < len(task.model_ids)]
    progress = Progress("more models", total=len(tasks))
    rows = []
    for task in tasks:
        rows.append(compare(task, known, params))
        progress.advance(task.target.title)
    table = pd.DataFrame(rows)
    for name in [name for name in table if str(name).endswith("_p_corrected")]:
        table[str(name).replace("_p_corrected", "_p_bh")] = benjamini_hochberg(table[name])
    write_csv(REPORTS / "more_models.csv", table)
    for scheme in DRAWN:
        print(f"\n{scheme.label}\n\n{shown(table, scheme)}")


if __name__ == "__main__":
    run_stage(main)
