"""Stage `fit_laws`: fit scaling laws to every bundled study, and a power law in parameters and tokens to every
benchmark.

Reads data/raw/loss_points.csv, the design table and the benchmarks' scores; writes, per study,
reports/laws/<study>.json (constants with intervals, what was left out, extrapolation to unseen sizes, compute-optimal
splits) and three plots, and reports/laws/benchmarks.json (how much of each benchmark is just scale).
"""

from functools import partial
from operator import call

import numpy as np

from features.catalogue import SCALE
from features.loss_runs import runs_by_study
from features.raw import read_raw
from features.schema import LOSS_POINTS
from foretell.laws.benchmark import fit_benchmark, report_benchmark
from foretell.laws.figures import axes_figure, fit_figure, isoflop_figure
from foretell.laws.runs import Runs
from foretell.laws.settings import LawSettings
from foretell.laws.studies import best_fit, fit_study, report_study
from foretell.parallel import Spread
from pipelines.files import write_figure, write_json
from pipelines.params import Params, load_params
from pipelines.paths import LAWS
from pipelines.stage import run_stage
from pipelines.tables import read_task

FIGURES = {"isoflop": isoflop_figure, "axes": axes_figure, "fit": fit_figure}


def main() -> None:
    """Write each study's report and plots, and the benchmarks' power laws."""
    params = load_params()
    work = [partial(write_study, runs, params.fit_laws) for runs in runs_by_study(read_raw(LOSS_POINTS)).values()]
    Spread("loky", params.parallel.workers).map(call, [*work, partial(write_benchmarks, params)])


def write_study(runs: Runs, settings: LawSettings) -> None:
    """Fit one study; write its report and plots."""
    study = fit_study(runs, leave_out=settings.leave_out.get(runs.name, 0), n_bootstrap=settings.bootstrap)
    write_json(LAWS / f"{runs.name}.json", report_study(study, settings))
    for name, draw in FIGURES.items():
        write_figure(LAWS / f"{runs.name}_{name}.png", draw(best_fit(study), study.runs), dpi=150)


def write_benchmarks(params: Params) -> None:
    """Fit and write the benchmarks' power laws."""
    reports = {}
    for slug in params.benchmarks:
        task = read_task(slug)
        total_params, tokens_billions = np.exp(task.columns(SCALE)).T
        fit = fit_benchmark(
            total_params,
            1e9 * tokens_billions,
            task.scores,
            lower_is_better=task.target.lower_is_better,
            n_bootstrap=params.fit_laws.benchmark_bootstrap,
        )
        reports[slug] = {"title": task.target.title, **report_benchmark(fit)}
    write_json(LAWS / "benchmarks.json", reports)


if __name__ == "__main__":
    run_stage(main)
