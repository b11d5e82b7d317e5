"""A record of a forecast survives what happens around it: a kill while it is written, two writers at once, and a store
of runs that is killed, repeated and lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORECAST = """
import sys
from models.ledger.entries import Forecast, TargetForecast

def planned(name, point=0.6):
    target = TargetForecast("LAMBADA", "accuracy", False, (0.0, 1.0), "trees", "foretell-lambada_0shot", "3", "0a1b",
                            "ff", point, 0.5, 0.75, 0.9, "inside", "", True, {})
    return Forecast(name, "2026-11-28T08:00:00+00:00", "1", {"total_params": 7e9},
                    {"lambada_0shot": target, "xnli_0shot": target})
"""
KILLED = """
import os, pathlib, signal
from pipelines.forecasts import write_record
plain = pathlib.Path.write_text
def killed(path, text, **options):
    plain(path, text[: len(text) // 2], **options)
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.write_text = killed
write_record(planned("planned"))
"""
WRITE = """
from pipelines.forecasts import write_record
from foretell.errors import DataError
try:
    write_record(planned("planned", float(sys.argv[1])))
    print("written")
except DataError as error:
    print("refused")
"""
SETTLE = """
import pathlib
from pipelines.forecasts import settle_forecast
pathlib.Path("results.csv").write_text("target,score\\n" + sys.argv[1])
settle_forecast("planned", pathlib.Path("results.csv"))
"""
TRACK = """
from pipelines.forecast_tracking import track_forecasts
print("; ".join(track_forecasts()))
"""
COUNT = """
import json
from models.registry.forecasts import forecast_runs
store = forecast_runs()
runs = store.client.search_runs([store.experiment_id])
print(json.dumps([[run.info.run_name, run.info.status, run.data.metrics, run.data.tags,
    sorted(file.path for file in store.client.list_artifacts(run.info.run_id))] for run in runs]))
"""
KILLED_TRACKING = """
import os, signal
from models.registry.own_experiment import OwnExperiment
OwnExperiment._fill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from pipelines.forecast_tracking import track_forecasts
track_forecasts()
"""


def start(folder: Path, code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.Popen(
        [sys.executable, "-c", FORECAST + code, *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    return out.strip()


def test_a_killed_registration_leaves_no_record_and_can_be_repeated(tmp_path: Path) -> None:
    process = start(tmp_path, KILLED)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert list((tmp_path / "data/forecasts").glob("*.json")) == []
    assert finish(start(tmp_path, WRITE, "0.6")) == "written"
    assert [path.name for path in (tmp_path / "data/forecasts").glob("*.json")] == ["planned.json"]


def test_of_two_writers_at_once_one_is_refused(tmp_path: Path) -> None:
    both = [start(tmp_path, WRITE, point) for point in ("0.55", "0.6")]
    assert sorted(finish(process) for process in both) == ["refused", "written"]


@pytest.mark.slow
def test_a_settled_forecast_is_one_run_however_often_it_is_tracked(tmp_path: Path) -> None:
    assert finish(start(tmp_path, TRACK)) == ""
    assert not (tmp_path / "mlflow.db").exists()  # nothing to show, nothing made
    finish(start(tmp_path, WRITE, "0.6"))
    finish(start(tmp_path, SETTLE, "lambada_0shot,0.7\n"))
    process = start(tmp_path, KILLED_TRACKING)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert finish(start(tmp_path, TRACK)) == "planned: completed"
    assert finish(start(tmp_path, TRACK)) == "planned: found"
    [[name, status, metrics, tags, files]] = json.loads(finish(start(tmp_path, COUNT)))
    assert (name, status, files) == ("planned", "FINISHED", ["registered", "settled"])
    assert metrics["lambada_0shot/error"] == pytest.approx(0.1)
    assert metrics["lambada_0shot/inside"] == 1
    assert metrics["lambada_0shot/interval_score"] == pytest.approx(0.25)
    assert metrics["crps_mean"] == metrics["lambada_0shot/crps"] > 0
    record = json.loads((tmp_path / "data/forecasts/planned.json").read_text())
    assert tags["forecast.sha256"] == record["sha256"]
    assert "foretell-lambada_0shot version 3" in tags["predictor.lambada_0shot"]
    finish(start(tmp_path, SETTLE, "xnli_0shot,0.4\n"))
    assert finish(start(tmp_path, TRACK)) == "planned: made"
    [[_, _, metrics, _, _]] = json.loads(finish(start(tmp_path, COUNT)))  # in place of the earlier state's
    assert metrics["error_mean"] == pytest.approx((0.1 + 0.2) / 2)
