"""A process that measures, for the test that kills it: `run_measure.py MODELS ITEMS WORK OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from lms.checkpoints import read_checkpoints
from lms.measure.items import read_items
from lms.measure.job import measure


def main() -> None:
    models, items, work, out = map(Path, sys.argv[1:])
    table = measure(
        read_checkpoints(models), [item for path in sorted(items.glob("*.jsonl")) for item in read_items(path)], 4, work
    )
    table.to_parquet(out)


if __name__ == "__main__":
    main()
