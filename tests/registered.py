"""A registered predictor in a store of its own, made in seconds, for tests of what other programs do with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from models.fitting import card, fit_trees
from models.protocol import Protocol
from models.task import Task

ROOT = Path(__file__).resolve().parents[1]
FEATURES = ("total_params", "tokens_billions", "pct_code", "activation")
DESIGN = {"total_params": 7e9, "tokens_billions": 1000.0, "pct_code": 15.0, "activation": "swiglu"}
REGISTER = """
import sys
from pathlib import Path
from mlflow.exceptions import MlflowException
from models.registry.package import log_predictor
from models.registry.store import Store

folder, aliases = Path(sys.argv[1]), sys.argv[2:]
store = Store(Path.cwd(), create=True)
run = store.client.create_run(store.experiment_id, run_name="lambada_0shot/selected_design")
info = log_predictor(store.experiment_id, run.info.run_id, "made-up", folder)
store.client.set_terminated(run.info.run_id)
name = "foretell-lambada_0shot"
try:
    store.client.create_registered_model(name)
except MlflowException:
    pass
version = store.client.create_model_version(name, info.model_uri, run.info.run_id, model_id=info.model_id)
for alias in aliases:
    store.client.set_registered_model_alias(name, alias, version.version)
print(run.info.run_id, version.version)
"""


@dataclass(frozen=True)
class Registered:
    """`folder` holds the predictor's files, `store` is the address of the store, `runs` the runs of its versions."""

    folder: Path
    store: str
    runs: tuple[str, ...]


def save_predictor(folder: Path, task: Task) -> None:
    """Fit a small predictor to `task` and write its folder."""
    fitted = fit_trees(task, FEATURES, Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(20,)), 1, 5)
    folder.mkdir(parents=True)
    for name, booster in fitted.boosters.items():
        (folder / name).write_bytes(booster.save_raw("ubj"))
    fitted.training.to_csv(folder / "training.csv", index=False)
    with (folder / "predictor.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(card(task, "selected_design", FEATURES, fitted, 0.9, True).to_dict(), stream)


def register(source: Path, store_folder: Path, folder: Path, *aliases: str) -> str:
    """Register the predictor in `folder` with the code of the checkout `source`; returns the run's id."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {"PYTHONPATH": str(source)}
    command = [sys.executable, "-P", "-c", REGISTER, str(folder), *aliases]
    finished = subprocess.run(
        command, cwd=store_folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()[0]


def changed_copy(target: Path) -> Path:
    """A checkout whose answering code differs: every score it gives is 0.25 higher."""
    for room in ("foretell", "models", "features"):
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__"))
    answering = target / "foretell" / "answering" / "predictor.py"
    text = answering.read_text(encoding="utf-8")
    line = "score, low, high = bounded(raw.score"
    assert text.count(line) == 1
    answering.write_text(text.replace(line, f"{line} + 0.25"), encoding="utf-8")
    return target


@pytest.fixture(scope="module", name="registered")
def registered_predictor(tmp_path_factory: pytest.TempPathFactory, small_task: Task) -> Registered:
    """Version 1 (champion) was stored by this checkout, version 2 (candidate) by one whose code differs."""
    base = tmp_path_factory.mktemp("registered")
    save_predictor(base / "predictor", small_task)
    workspace = base / "store"
    workspace.mkdir()
    first = register(ROOT, workspace, base / "predictor", "champion")
    second = register(changed_copy(base / "changed"), workspace, base / "predictor", "candidate")
    return Registered(base / "predictor", f"sqlite:///{workspace / 'mlflow.db'}", (first, second))
