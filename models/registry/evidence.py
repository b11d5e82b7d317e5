"""What a candidate's gates are decided from: the errors that runs keep, the files in the registry and in the workspace,
validation, and the predictor's own answers. `models/gates.py` decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from foretell.answering.predictor import Predictor
from foretell.errors import DataError
from models import gates
from models.backtest.errors import errors_of
from models.catalogue import CATALOGUE, FORECASTERS, MEDIAN
from models.gates import Evidence, Gate
from models.registry.connection import STAGE_HASH
from models.registry.dvc_lock import DvcLock
from models.registry.hashes import file_md5, files_md5, folder_md5
from models.registry.runs import version_stages
from models.registry.served_check import ServedAnswers, probes
from models.registry.store import Store
from models.registry.workspace import Workspace

EVIDENCE = ("errors.csv", "predictions.parquet")
BACKTEST = "backtest/forecasts.parquet"


@dataclass(frozen=True)
class Candidate:
    """A version that may become the champion: `before` is the champion's version now ("" = none); `folder` a local copy
    of its files; `served` what it answers when it is loaded as a stranger would load it."""

    benchmark: str
    version: ModelVersion
    before: str
    folder: Path
    served: ServedAnswers


def run_evidence(store: Store, run: Run, label: str, predictor: str = "") -> Evidence:
    """The errors and predictions that a run keeps, of its own predictor or of another one of its benchmark."""
    errors_file, predictions_file = (store.run_file(run.info.run_id, f"errors/{name}") for name in EVIDENCE)
    errors, predictions = pd.read_csv(errors_file), pd.read_parquet(predictions_file)
    forecasts = pd.DataFrame()
    if store.has_run_file(run.info.run_id, BACKTEST):
        forecasts = pd.read_parquet(store.run_file(run.info.run_id, BACKTEST))
        backtested = forecasts[forecasts["predictor"].isin([entry.name for entry in FORECASTERS])]
        errors = pd.concat([errors, errors_of(backtested)], ignore_index=True)
        predictions = pd.concat([predictions, backtested[list(predictions)]], ignore_index=True)
    name = predictor or str(run.data.tags["predictor"])
    return Evidence(label, name, errors, predictions, str(run.data.tags.get("data.version", "")), forecasts)


def check_gates(store: Store, workspace: Workspace, candidate: Candidate) -> tuple[Gate, ...]:
    """Every gate's verdict on a candidate. Raises DataError when the workspace lacks a stage or a report."""
    lock, predictor = workspace.read_lock(), Predictor.load(candidate.folder)
    own = _version_evidence(store, candidate.version)
    opponent = _opponent(store, candidate)
    coverage = json.loads((candidate.folder / "coverage.json").read_text(encoding="utf-8"))
    answers = predictor.predict(probes(predictor))
    return (
        _files_agree(store, workspace, lock, candidate),
        _data_valid(workspace, lock, candidate.benchmark),
        gates.later_not_worse(own, opponent),
        gates.families_not_worse(own, opponent),
        gates.covers(predictor.card.level, coverage),
        gates.finite(answers),
        gates.loads(candidate.served.problem, candidate.served.answers, answers),
    )


def _files_agree(store: Store, workspace: Workspace, lock: DvcLock, candidate: Candidate) -> Gate:
    """The gate on files: registry, run, workspace and dvc.lock."""
    benchmark, version = candidate.benchmark, candidate.version
    predictor_folder, errors_folder = workspace.predictors / benchmark, workspace.errors / benchmark
    backtest_folder = workspace.backtests / benchmark
    registered, local = files_md5(candidate.folder), files_md5(workspace.root / predictor_folder)
    kept = {errors_folder / name: f"errors/{name}" for name in EVIDENCE}
    for path, artifact in {**kept, backtest_folder / Path(BACKTEST).name: BACKTEST}.items():
        registered[path.as_posix()] = file_md5(store.run_file(str(version.run_id), artifact))
        if (workspace.root / path).is_file():
            local[path.as_posix()] = file_md5(workspace.root / path)
    made = {f"fit@{benchmark}": predictor_folder, f"evaluate@{benchmark}": errors_folder}
    made[f"backtest@{benchmark}"] = backtest_folder
    return gates.files_agree(
        version.tags.get(STAGE_HASH, "none"),
        lock.stage_hash(version_stages(benchmark), str(version.tags.get("predictor", ""))),
        registered,
        local,
        all(_is_recorded(workspace, lock.outputs(stage), folder) for stage, folder in made.items()),
    )


def _is_recorded(workspace: Workspace, outputs: Mapping[str, str], folder: Path) -> bool:
    """Whether a folder of the workspace is what dvc.lock records."""
    local = workspace.root / folder
    return local.is_dir() and folder_md5(local) == outputs.get(folder.as_posix())


def _data_valid(workspace: Workspace, lock: DvcLock, benchmark: str) -> Gate:
    """The gate on data: the tables that this benchmark's stages read, as they were validated and as they are now."""
    report = workspace.root / workspace.validation
    try:
        problems = int(json.loads(report.read_text(encoding="utf-8"))["problems"])
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise DataError(f"{report}: not a report of validation ({error}); `dvc repro validate` writes it") from None
    validated: dict[str, str] = {}
    for stage in lock.makers(workspace.validation.as_posix()):
        validated |= lock.dependencies(stage)
    read = [path for path in workspace.facts_read(lock, version_stages(benchmark)) if path in validated]
    current = {path: _hash_now(workspace.root / path) for path in read}
    return gates.data_valid(problems, validated, current)


def _hash_now(path: Path) -> str:
    return file_md5(path) if path.is_file() else "missing"


def _version_evidence(store: Store, version: ModelVersion, label: str = "", predictor: str = "") -> Evidence:
    run: Any = store.client.get_run(str(version.run_id))
    return run_evidence(store, run, label or f"version {version.version}", predictor)


def _opponent(store: Store, candidate: Candidate) -> Evidence:
    """The champion's evidence; for a first champion the predictor that the candidate is compared with in the report, or
    the median where it is compared with none."""
    if candidate.before:
        champion = store.version(str(candidate.version.name), candidate.before)
        return _version_evidence(store, champion, f"the champion (version {candidate.before})")
    opponent = CATALOGUE.get(str(candidate.version.tags.get("predictor")), MEDIAN).reference or MEDIAN
    return _version_evidence(store, candidate.version, f"{opponent.title} (there is no champion yet)", opponent.name)
