"""Measure checkpoints on items. Each benchmark of each checkpoint is a file of its own, written once, so that a run
that was killed goes on after it and ends with the same table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from foretell.errors import ConfigError, DataError
from lms.checkpoints import Checkpoint
from lms.files import open_work, write_once
from lms.fingerprint import job_fingerprint
from lms.machine import find_device, runtime_environment
from lms.measure.items import Item, by_benchmark, items_sha256
from lms.measure.scoring import COLUMNS, option_losses
from lms.weights import LoadedModel, load_model

JOB = "measure"
TABLE = ["model", "step", *COLUMNS]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(
    checkpoints: Sequence[Checkpoint],
    items: Sequence[Item],
    batch_size: int,
    work_root: Path,
    say: Callable[[str], None] = _say,
) -> pd.DataFrame:
    """Losses of every option of all `items` under all `checkpoints`: columns model, step (0: not stated) and those of
    `lms.measure.scoring.option_losses`. What an interrupted run with the same items, batch size and libraries finished
    is used.

    Raises ConfigError if there are no checkpoints or the libraries are missing, DataError as `option_losses` does, with
    the checkpoint's name.
    """
    if not checkpoints or not items:
        raise ConfigError(
            f"{len(checkpoints)} checkpoints and {len(items)} items to measure; name at least one of each"
        )
    device = find_device()
    environment = runtime_environment(device)
    groups = by_benchmark(items)
    parts = []
    for checkpoint in checkpoints:
        record = checkpoint.record
        fingerprint = job_fingerprint(record, {"batch_size": batch_size}, __name__)
        key = f"{record.slug}.{record.revision[:12]}"
        work = open_work(work_root, JOB, key, fingerprint, environment)
        loaded: LoadedModel | None = None
        for benchmark, group in groups.items():
            part = work / f"{benchmark}.{items_sha256(group)[:16]}.parquet"
            if not part.is_file():
                loaded = loaded or load_model(record, device)
                try:
                    table = option_losses(loaded, group, batch_size)
                except DataError as error:
                    raise DataError(f"{checkpoint.name}: {error}") from None
                write_once(part, table.to_parquet(None, index=False, compression="zstd"))
                say(f"measure {checkpoint.name}: {benchmark}, {len(group)} items, {len(table)} options")
            table = pd.read_parquet(part)
            parts.append(table.assign(model=checkpoint.model, step=checkpoint.step or 0)[TABLE])
    return pd.concat(parts, ignore_index=True)
