"""Tracking survives what happens to it: killed half-way, a server that is down, a store that is damaged or deleted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servers import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
N_RUNS = 12

TRACK = f"""
import sys
from pathlib import Path
from models.registry.lineage import Dataset
from models.registry.runs import RunSpec
from models.registry.store import Store

def spec(i):
    files = tuple((path, "errors") for path in sorted(Path("files").iterdir()))
    return RunSpec(f"b/{{i}}", f"hash{{i}}", "b", f"p{{i}}", "words", {{"view": "verified"}},
                   {{"mae_mean": 0.5, "x": 1.0}}, {{"mae": [(seed, 0.1 * seed) for seed in range(50)]}}, files,
                   (Dataset("data/raw/models.csv", "md5"),), {{"n_seeds": "50"}})

store = Store(create=True)
print("ready", flush=True)
print(*[store.track(spec(i)).action for i in range({N_RUNS})], flush=True)
"""
COUNT = """
import json
from models.registry.store import Store
store = Store(create=True)
runs = store.client.search_runs([store.experiment_id], max_results=1000)
print(json.dumps([[r.info.run_name, r.info.status, len(store.client.get_metric_history(r.info.run_id, "mae")),
    sorted(r.data.metrics), len(store.client.list_artifacts(r.info.run_id, "errors")), len(r.inputs.dataset_inputs)]
    for r in runs]))
"""
DOWN = """
import time
from foretell.errors import TrackingError
from models.registry.store import Store
began = time.monotonic()
try:
    Store()
except TrackingError as error:
    print(round(time.monotonic() - began), error)
"""
WHOLE = ["FINISHED", 50, ["mae", "mae_mean", "x"], 3, 1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files to log."""
    (tmp_path / "files").mkdir()
    for name in "abc":
        (tmp_path / "files" / name).write_text(name)
    return tmp_path


def start(folder: Path, code: str, uri: str = "") -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {"PYTHONPATH": str(ROOT), **({"MLFLOW_TRACKING_URI": uri} if uri else {})}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return out.strip().splitlines()[-1]


def runs(folder: Path) -> list[list[object]]:
    return sorted(json.loads(finish(start(folder, COUNT))))


@pytest.mark.parametrize("seconds", [0.05, 0.2])
def test_killed_half_way_and_repeated_gives_one_whole_run_each(folder: Path, seconds: float) -> None:
    process = start(folder, TRACK)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    before = finish(start(folder, TRACK)).split()
    assert "made" in before  # it was killed before the end
    assert finish(start(folder, TRACK)).split() == ["found"] * N_RUNS
    assert runs(folder) == sorted([f"b/{i}", *WHOLE] for i in range(N_RUNS))


def test_lost_files_and_a_lost_store_are_made_again(folder: Path) -> None:
    finish(start(folder, TRACK))
    whole = runs(folder)
    shutil.rmtree(folder / "mlartifacts")
    assert finish(start(folder, TRACK)).split() == ["completed"] * N_RUNS
    assert runs(folder) == whole
    (folder / "mlflow.db").unlink()
    assert finish(start(folder, TRACK)).split() == ["made"] * N_RUNS
    assert runs(folder) == whole


@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_store_gets_one_line_that_mends_it(folder: Path, damage: str) -> None:
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.execute("create table t (x text)")
        database.executemany("insert into t values (?)", [("x" * 1000,)] * 500)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "truncated" else b"not a database at all" * 1000)
    process = start(folder, TRACK)
    _, err = process.communicate(timeout=60)
    last = err.strip().splitlines()[-1]
    assert "the local MLflow store is damaged" in last
    assert "mv mlflow.db mlflow.db.damaged" in last
    path.rename(folder / "mlflow.db.damaged")
    assert finish(start(folder, TRACK)).split() == ["made"] * N_RUNS


def test_asking_makes_no_store(folder: Path) -> None:
    assert "mlflow.db: no such store; `make repro` makes and fills it" in finish(start(folder, DOWN))
    assert not (folder / "mlflow.db").exists()


def test_a_server_that_is_down_gets_one_line_quickly(folder: Path) -> None:
    process = start(folder, DOWN, f"http://127.0.0.1:{free_port()}")
    seconds, _, words = finish(process).partition(" ")
    assert int(seconds) <= 10
    assert "does not answer" in words
    assert "unset MLFLOW_TRACKING_URI" in words
