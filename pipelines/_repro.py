"""`foretell repro`: data, pipeline, tracking, and a last word on where everything is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from features.errors import ConfigError
from features.schema import RAW_TABLES
from pipelines._params import load_params
from pipelines.track import describe, make_store_match


def reproduce() -> None:
    """Fetch the facts that are missing, run `dvc repro`, and make the store match."""
    started = time.monotonic()
    params = load_params()
    missing = [str(table.path) for table in RAW_TABLES.values() if not table.path.is_file()]
    if missing:
        _dvc("pull", *[f"{path}.dvc" for path in missing])
    # Regenerated figures cost GPU hours: what somebody made and pushed is fetched before anything is called stale.
    made = [f"{job}@{slug}" for slug in params.record.regenerate for job in ("score", "sample", "tag")]
    if made:
        _dvc("pull", "--allow-missing", *made)
    _dvc("repro")
    registered = make_store_match(*describe(params))
    minutes = (time.monotonic() - started) / 60
    names = ", ".join(f"{name} v{found.id}" for name, found in registered.items())
    print(f"\ndone in {minutes:.1f} minutes")
    print(f"registered: {names}")
    print(f"report:     {Path('reports/report.md')} (figure: reports/errors.png, table: reports/errors.csv)")
    print("runs:       `make ui`, then http://127.0.0.1:5000")
    print("predictors: `.venv/bin/foretell status`, `.venv/bin/foretell predict --help`")


def _dvc(*arguments: str) -> None:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], env=environment, check=False)
    if done.returncode:
        raise ConfigError(f"`dvc {' '.join(arguments)}` failed (exit {done.returncode}); the lines above say why")
