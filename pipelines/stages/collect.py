"""Stage `collect`: what the laboratory measured, as the tables that data/raw records.

Reads data/lab/runs, measured, dynamics and tokens; writes data/lab/collected/lab_*.csv, in the schema of
features/schema/lab.py. `foretell lab` compares them with the recorded ones.
"""

import pandas as pd

from features.schema import LAB_CURVES, LAB_ITEMS, LAB_LOSSES, LAB_METRICS, LAB_OPTIONS, LAB_RUNS, LAB_TEXTS
from lms.lab_results import collect_runs
from lms.recorded import Recorded, together
from pipelines.files import write_csv
from pipelines.params import load_params
from pipelines.paths import LAB_COLLECTED, LAB_DYNAMICS, LAB_MEASURED, LAB_RUNS_MADE, LAB_TOKENS
from pipelines.stage import run_stage


def main() -> None:
    """Put the tables of all experiments together."""
    lab = load_params().lab
    dynamics = [
        Recorded(*(pd.read_csv(folder / f"{name}.csv") for name in ("curves", "metrics", "runs")))
        for folder in sorted(LAB_DYNAMICS.iterdir())
    ]
    recorded = together([collect_runs(lab, LAB_RUNS_MADE), *dynamics])
    measured = sorted(LAB_MEASURED.iterdir())
    options = pd.concat([pd.read_csv(folder / "options.csv") for folder in measured])
    options["is_right"] = options["is_right"].map({True: "true", False: "false"})
    tables = {
        LAB_RUNS: recorded.runs,
        LAB_CURVES: recorded.curves,
        LAB_METRICS: pd.concat([recorded.metrics, *(pd.read_csv(folder / "metrics.csv") for folder in measured)]),
        LAB_OPTIONS: options[options["experiment"] == "sizes"],  # the findings on options are about sizes
        LAB_LOSSES: pd.read_csv(LAB_TOKENS / "losses.csv.gz"),
        LAB_ITEMS: pd.read_csv(LAB_TOKENS / "items.csv", keep_default_na=False),  # `None` is a word of code
        LAB_TEXTS: pd.read_csv(LAB_TOKENS / "texts.csv"),
    }
    for table, frame in tables.items():
        write_csv(LAB_COLLECTED / table.path.name, frame[table.names], list(table.key))


if __name__ == "__main__":
    run_stage(main)
