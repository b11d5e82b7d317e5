"""`foretell repro`: data, pipeline, tracking, and a last word on where everything is."""

from __future__ import annotations

import time
from pathlib import Path

from features.schema import RAW_TABLES
from features.targets import known_target, read_targets
from foretell.errors import ConfigError
from models.registry.hashes import file_md5
from pipelines.cli.dvc_command import run_dvc
from pipelines.files import read_yaml
from pipelines.params import load_params
from pipelines.tracking import track


def reproduce() -> None:
    """Fetch the facts that are missing, run `dvc repro`, and make the store match."""
    started = time.monotonic()
    params = load_params()
    targets = read_targets()
    for slug in params.benchmarks:
        known_target(slug, targets)  # before anything is run
    in_dvc = [table.path for table in RAW_TABLES.values() if table.versioned_by == "dvc"]
    missing = [str(path) for path in in_dvc if not path.is_file()]
    if missing:
        run_dvc("pull", *[f"{path}.dvc" for path in missing])
    changed = [str(path) for path in in_dvc if _differs(path)]
    if changed:
        names = " ".join(changed)
        raise ConfigError(
            f"{names}: not what the .dvc file beside it records, and `dvc repro` would take it over silently; "
            f"`dvc add {names}` keeps the file, `dvc checkout {names}` fetches what is recorded"
        )
    # Regenerated figures cost GPU hours: what somebody made and pushed is fetched before anything is called stale.
    made = [f"{job}@{slug}" for slug in params.record.regenerate for job in ("score", "sample", "tag")]
    if made:
        run_dvc("pull", "--allow-missing", *made)
    run_dvc("repro")
    _, registered = track()
    minutes = (time.monotonic() - started) / 60
    names = ", ".join(f"{name} v{number}" for name, number in registered.items())
    print(f"\ndone in {minutes:.1f} minutes")
    print(f"registered: {names}")
    print(f"report:     {Path('reports/report.md')} (figure: reports/errors.png, table: reports/errors.csv)")
    print("runs:       `make ui`, then http://127.0.0.1:5000")
    print("predictors: `.venv/bin/foretell status`, `.venv/bin/foretell predict --help`")


def _differs(path: Path) -> bool:
    """Does a raw table differ from the hash in its .dvc file?"""
    recorded = read_yaml(path.with_name(f"{path.name}.dvc"))["outs"][0]["md5"]
    return bool(file_md5(path) != recorded)
