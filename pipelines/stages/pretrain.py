"""Stage `pretrain`: one controlled run of the laboratory, with all its seeds. Needs the gpu extra, not a GPU.

Reads data/lab/shards; writes data/lab/runs/<run>/seed-<n>/: curve.csv, metrics.csv, finished.json, lineage.json and
checkpoints with their tokenizer. A killed run goes on from its last state in .progress/lab.
"""

from lms.lab import LabFolders, train_run
from pipelines.params import load_params
from pipelines.paths import LAB_CORPUS, LAB_RUNS_MADE, LAB_SHARDS, LAB_WORK
from pipelines.stage import argument, run_stage


def main() -> None:
    """Train every seed of one run."""
    params = load_params()
    run = argument(tuple(params.lab.runs))
    folders = LabFolders(corpus=LAB_CORPUS, tokens=LAB_SHARDS, work=LAB_WORK)
    train_run(params.lab, run, folders, LAB_RUNS_MADE / run, params.parallel.without_gil)


if __name__ == "__main__":
    run_stage(main)
