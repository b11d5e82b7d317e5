"""Stage `score`: one language model's benchmark scores by the evaluation harness. Needs the gpu extra and, for anything
but a tiny model, a GPU.

Reads data/records/<slug>.json; writes data/scores/<slug>.csv (rows), data/score_items/<slug>.jsonl.gz (every item's
log-likelihoods or answer) and data/lineage/<slug>.score.json (when, where and with what).
"""

from lms.record import read_record
from lms.score import ScoreFiles, score_model
from pipelines.params import load_params
from pipelines.paths import LINEAGE, RECORDS, REGENERATED_SCORES, SCORE_ITEMS, UNFINISHED
from pipelines.stage import argument, run_stage


def main() -> None:
    """Score one model; what an interrupted run finished is used."""
    params = load_params()
    slug = argument(tuple(params.record.regenerate))
    files = ScoreFiles(
        scores=REGENERATED_SCORES / f"{slug}.csv",
        items=SCORE_ITEMS / f"{slug}.jsonl.gz",
        lineage=LINEAGE / f"{slug}.score.json",
    )
    score_model(read_record(RECORDS / f"{slug}.json"), params.score, UNFINISHED, files)


if __name__ == "__main__":
    run_stage(main)
