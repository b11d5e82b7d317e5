"""The laboratory's training runs as MLflow holds them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from models.registry.dvc_lock import DvcLock
from models.registry.lab import lab_runs, lab_specs
from models.registry.lineage import Lineage
from models.registry.runs import RunSpec
from pipelines.workspace import WORKSPACE

KEY = {"experiment": "grokking", "setting": "lr=0.001,wd=1", "seed": 0}


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return described(tmp_path, 0.25)


def described(folder: Path, accuracy: float) -> list[RunSpec]:
    """One run of two steps."""
    settings = {"training": {"steps": 2}, "task": {"modulus": 59}}
    run = {**KEY, "parameters": 7, "tokens": 20, "code_bits": 8.0, "compression_ratio": 2.0, "facts": "{}"}
    runs = pd.DataFrame([{**run, "settings": json.dumps(settings)}])
    curves = pd.DataFrame([{**KEY, "step": step, "tokens": 10 * step, "loss_nats": 3.0 - step} for step in (2, 1)])
    metrics = [
        ("test_accuracy", 1, 0.0),
        ("test_accuracy", 2, accuracy),
        ("skill=1", 2, 0.5),
        ("none", 2, float("nan")),
    ]
    measured = pd.DataFrame([{**KEY, "step": s, "tokens": 10 * s, "metric": m, "value": v} for m, s, v in metrics])
    file = folder / "lab_runs.csv"
    file.write_text("x\n")
    lineage = Lineage("c" * 40, False, DvcLock({}, "m"), {}, WORKSPACE)
    return lab_specs(runs, curves, measured, [file], lineage)


def test_metrics_have_the_optimiser_step(specs: list[RunSpec]) -> None:
    (spec,) = specs
    assert spec.name == "grokking/lr=0.001,wd=1/0"
    assert spec.history == {
        "loss_nats": [(1, 2.0), (2, 1.0)],
        "test_accuracy": [(1, 0.0), (2, 0.25)],
        "skill_1": [(2, 0.5)],
    }
    assert spec.params["training.steps"] == "2" and spec.params["task.modulus"] == "59"
    assert [data.path.rpartition("/")[2] for data in spec.datasets] == ["lab_runs.csv"]


def test_a_changed_measurement_is_another_run(specs: list[RunSpec], tmp_path: Path) -> None:
    assert described(tmp_path, 0.25)[0].stage_hash == specs[0].stage_hash
    assert described(tmp_path, 0.5)[0].stage_hash != specs[0].stage_hash


@pytest.mark.slow
def test_the_store_holds_a_run_once_and_replaces_it(specs: list[RunSpec], tmp_path: Path) -> None:
    store = lab_runs(create=True)
    assert [outcome.action for _, outcome in store.match(specs)] == ["made"]
    assert [outcome.action for _, outcome in store.match(specs)] == ["found"]
    store.match(described(tmp_path, 0.5))
    (run,) = store.runs()
    assert run.data.metrics["test_accuracy"] == 0.5
    points = store.client.get_metric_history(run.info.run_id, "loss_nats")
    assert sorted((point.step, point.value) for point in points) == [(1, 2.0), (2, 1.0)]
