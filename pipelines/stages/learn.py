"""Stage `learn`: one experiment on learning dynamics, its models trained side by side. Needs the gpu extra, no GPU.

Reads params.lab.dynamics; writes to data/lab/dynamics/<experiment> curves.csv (training loss), metrics.csv (accuracies
and losses by step) and runs.csv (size, tokens, code length and settings of every run). Finished runs are kept in the
folder of unfinished work and used again; a killed one goes on where it was.
"""

from functools import partial

from lms.dynamics.experiment import collect, run_unit
from lms.dynamics.units import EXPERIMENTS, units
from pipelines.files import write_csv
from pipelines.params import load_params
from pipelines.paths import LAB_DYNAMICS, LAB_WORK
from pipelines.stage import argument, run_stage


def main() -> None:
    """Train what is not trained yet, then write the experiment's tables."""
    params = load_params()
    experiment = argument(tuple(EXPERIMENTS))
    planned = units(params.lab.dynamics, experiment)
    folders = params.parallel.without_gil.map(partial(run_unit, root=LAB_WORK), planned)
    recorded = collect(list(zip(planned, folders, strict=True)))
    for name in ("curves", "metrics", "runs"):
        write_csv(LAB_DYNAMICS / experiment / f"{name}.csv", getattr(recorded, name))


if __name__ == "__main__":
    run_stage(main)
