"""Two processes that promote at the same time leave one champion, and the slower one says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
NAME = "foretell-lambada_0shot"

MAKE = f"""
from models.registry.store import Store
store = Store(create=True)
store.client.create_registered_model("{NAME}")
run = store.client.create_run(store.experiment_id).info.run_id
for _ in range(2):
    store.client.create_model_version("{NAME}", "file:///nowhere", run)
"""
MOVE = f"""
import pathlib, sys, time
from foretell.errors import TrackingError
from models.registry.store import Store
from models.registry.champions import Event, champion, claimed, move, stamp
store = Store(create=True)
before = champion(store, "{NAME}")
print("ready", flush=True)
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.005)
try:
    with claimed(store, ["{NAME}"]):
        move(store, "{NAME}", Event("promote", before, sys.argv[1], *stamp()))
    print("moved")
except TrackingError as error:
    print(f"refused: {{error}}")
"""
LOOK = f"""
from models.registry.store import Store
from models.registry.champions import CLAIM, champion, events
store = Store(create=True)
tags = store.client.get_registered_model("{NAME}").tags
print(champion(store, "{NAME}"), len(events(store, "{NAME}")), CLAIM in tags)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A new local store."""
    base = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return base | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}


def python(code: str, environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out


def test_two_promotions_at_once_leave_one_champion(environment: dict[str, str], tmp_path: Path) -> None:
    said(python(MAKE, environment))
    start = tmp_path / "go"
    both = [python(MOVE, environment, version, str(start)) for version in ("1", "2")]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    start.touch()
    words = [said(process) for process in both]
    moved = [index for index, word in enumerate(words) if "moved" in word.splitlines()]
    assert len(moved) <= 1
    refused = [word for index, word in enumerate(words) if index not in moved]
    assert all("refused" in word and NAME in word for word in refused)
    if moved:
        assert said(python(LOOK, environment)).split() == [str(moved[0] + 1), "1", "False"]
    else:  # both saw the other's claim and left everything as it was
        assert said(python(LOOK, environment)).split() == ["0", "False"]
    assert "moved" in said(python(MOVE, environment, "1", str(start))) or moved == [0]
