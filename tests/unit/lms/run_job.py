"""A process that does one job of one language model, for the tests that kill it: `run_job.py JOB SPECIFICATION WORK`,
the specification a JSON file with `record` and `settings`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lms.record import Record
from lms.sample import sample_missing_shards
from lms.score import score_missing_units
from lms.settings import SampleSettings, ScoreSettings


def main() -> None:
    job, specification, work_root = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    import torch

    torch.set_num_threads(1)
    if job == "score":
        score_missing_units(
            Record(**specification["record"]), ScoreSettings(**specification["settings"]), work_root, "cpu"
        )
    else:
        sample_missing_shards(
            Record(**specification["record"]), SampleSettings(**specification["settings"]), work_root, "cpu"
        )


if __name__ == "__main__":
    main()
