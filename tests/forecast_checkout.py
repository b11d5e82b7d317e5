"""A checkout of forty models with one registered predictor, for tests of forecasts on record; MLflow is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from registered import save_predictor
from typer.testing import CliRunner

from features.tabulate import Tables
from foretell.answering.predictor import Predictor
from models.task import Task
from pipelines import forecast_tracking
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.main import app
from pipelines.files import write_parquet
from pipelines.paths import DESIGN_TABLE, target_scores

TARGET = "lambada_0shot"


@pytest.fixture(scope="module", name="by")
def one_registered_predictor(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> RegisteredPredictor:
    folder = tmp_path_factory.mktemp("registered") / TARGET
    save_predictor(folder, small_task)
    tags = {"data.version": "0a1b2c3d", "dvc.stage_hash": "f" * 32}
    return RegisteredPredictor(Predictor.load(folder), "paper", "3", "champion", tags)


@pytest.fixture(autouse=True)
def forecast_checkout(
    by: RegisteredPredictor, workspace: Path, small_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand in a folder with raw tables, design table, scores and the predictor."""
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", lambda benchmarks, groups: [by])
    monkeypatch.setattr(forecast_tracking, "track_forecasts", list)
    write_parquet(DESIGN_TABLE, small_tables.design)
    scores = small_tables.scores
    write_parquet(target_scores(TARGET), scores.loc[scores["benchmark"] == TARGET, ["model_id", "score"]])


def run(*words: str) -> Result:
    """`foretell forecast`, called with these words."""
    return CliRunner().invoke(app, ["forecast", *words])


def done(*words: str) -> str:
    """What it prints, where it must succeed."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output
