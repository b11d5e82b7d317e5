"""Stage `measure`: losses of the right and the wrong continuations of held-out text under a run's checkpoints.

Reads data/lab/shards and data/lab/runs/<run>; writes data/lab/measured/<run>/metrics.csv (loss, accuracy and gap by
source) and options.csv (the loss of every option). Needs the gpu extra, no GPU.
"""

from lms.corpus.packages import SOURCES
from lms.lab_results import finished_runs
from lms.measure.lab import held_out_tokens, measure_runs
from pipelines.files import write_csv
from pipelines.params import load_params
from pipelines.paths import LAB_MEASURED, LAB_RUNS_MADE, LAB_SHARDS, LAB_WORK
from pipelines.stage import argument, run_stage


def main() -> None:
    """Measure every checkpoint of one run."""
    lab = load_params().lab
    run = argument(tuple(lab.runs))
    runs = finished_runs(lab, run, LAB_RUNS_MADE)
    texts = held_out_tokens(LAB_SHARDS, SOURCES)
    measured = measure_runs(lab.runs[run].experiment, runs, texts, lab.measure, LAB_WORK)
    write_csv(LAB_MEASURED / run / "metrics.csv", measured.metrics)
    write_csv(LAB_MEASURED / run / "options.csv", measured.options)


if __name__ == "__main__":
    run_stage(main)
