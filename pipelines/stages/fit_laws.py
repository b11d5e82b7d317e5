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
from features.schema import BENCHMARKS
from foretell.files import atomic
from foretell.laws.benchmark import fit_benchmark, report_benchmark
from foretell.laws.figures import draw_axes, draw_fit, draw_isoflop
from foretell.laws.studies import best_fit, fit_study, report_study
from foretell.parallel import Spread
from pipelines.files import write_json
from pipelines.loss_runs import bundled_runs
from pipelines.params import FitLaws, Params, load_params
from pipelines.paths import LAWS
from pipelines.stage import run_stage
from pipelines.tables import read_task

FIGURES = {"isoflop": draw_isoflop, "axes": draw_axes, "fit": draw_fit}


def main() -> None:
    """Write each study's report and plots, and the benchmarks' power laws."""
    params = load_params()
    work = [partial(write_study, slug, params.fit_laws) for slug in bundled_runs()]
    Spread("loky", params.parallel.workers).map(call, [*work, partial(write_benchmarks, params)])


def write_study(slug: str, cfg: FitLaws) -> None:
    """Fit one study; write its report and plots."""
    study = fit_study(bundled_runs()[slug], leave_out=cfg.leave_out.get(slug, 0), n_bootstrap=cfg.bootstrap)
    report = report_study(
        study,
        budgets_flops=cfg.budgets_flops,
        level=cfg.level,
        fit_up_to_params=cfg.fit_up_to_params.get(slug),
        n_bootstrap=cfg.bootstrap,
    )
    write_json(LAWS / f"{slug}.json", report)
    for name, draw in FIGURES.items():
        with atomic(LAWS / f"{slug}_{name}.png") as path:
            draw(best_fit(study), study.runs, path)


def write_benchmarks(params: Params) -> None:
    """Fit and write the benchmarks' power laws."""
    benchmarks = {}
    for slug in params.benchmarks:
        task = read_task(slug)
        total_params, tokens_billions = np.exp(task.columns(SCALE)).T
        fit = fit_benchmark(
            total_params,
            1e9 * tokens_billions,
            task.scores,
            lower_is_better=BENCHMARKS[slug].lower_is_better,
            n_bootstrap=params.fit_laws.benchmark_bootstrap,
        )
        benchmarks[slug] = report_benchmark(fit)
    write_json(LAWS / "benchmarks.json", benchmarks)


if __name__ == "__main__":
    run_stage(main)
