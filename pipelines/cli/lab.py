"""`foretell lab`: the controlled runs, trained anew and held against what is recorded (`make lab`)."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from foretell.errors import DataError
from pipelines.boundary import LOG
from pipelines.paths import LAB_COLLECTED, PREDICTORS, RAW

app = typer.Typer()


@app.command()
def lab(
    record: Annotated[bool, typer.Option("--record", help="take new tables over into data/raw")] = False,
) -> None:
    """Train the laboratory's models, measure them, and compare the tables with those recorded in data/raw.

    Needs the extra `gpu` (torch, transformers). What is up to date is not run again; a killed run goes on where it
    stopped."""
    from pipelines.cli.dvc_command import run_dvc
    from pipelines.dependencies import LAB_FILE, stage_names
    from pipelines.lab_tracking import track_lab

    if not PREDICTORS.is_dir():
        raise DataError(f"{PREDICTORS}: not there, and stage examine holds effects against them; `make repro` first")
    started = time.monotonic()
    for stage in stage_names(LAB_FILE):
        before = time.monotonic()
        run_dvc("repro", f"{LAB_FILE}:{stage}")
        LOG.log(logging.INFO, "%s: %.1f minutes", stage, (time.monotonic() - before) / 60)
    print(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    print(f"{track_lab(LAB_COLLECTED)} training runs in MLflow, experiment foretell-lab (`make ui`)")
    different = [path for path in sorted(LAB_COLLECTED.iterdir()) if not _same(path, RAW / path.name)]
    if not different:
        print(f"{LAB_COLLECTED}: the same bytes as the recorded tables in {RAW}")
        return
    names = ", ".join(path.name for path in different)
    if not record:
        print(
            f"{LAB_COLLECTED}: {names} not as recorded in {RAW}; other processors round differently (docs/lab.md). "
            "`foretell lab --record` takes them over"
        )
        return
    for path in different:
        shutil.copyfile(path, RAW / path.name)
    run_dvc("add", *[str(RAW / path.name) for path in different])
    print(f"{names}: recorded in {RAW}; commit the .dvc files beside them, and `dvc push`")


def _same(path: Path, recorded: Path) -> bool:
    return recorded.is_file() and path.read_bytes() == recorded.read_bytes()
