"""`foretell lab`: what it runs, and how its tables are held against the recorded ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from registered import ROOT
from typer.testing import CliRunner

from foretell.errors import DataError
from pipelines import lab_tracking
from pipelines.cli import dvc_command
from pipelines.cli.main import app
from pipelines.dependencies import LAB_FILE, stage_names
from pipelines.paths import LAB_COLLECTED, PREDICTORS, RAW


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The calls of dvc, in a folder with collected tables; nothing is trained."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dvc_command, "run_dvc", lambda *words: calls.append(words))
    monkeypatch.setattr(lab_tracking, "track_lab", lambda folder: len(list(folder.iterdir())))
    LAB_FILE.parent.mkdir(parents=True)
    LAB_FILE.write_text((ROOT / LAB_FILE).read_text())
    PREDICTORS.mkdir(parents=True)
    for folder in (LAB_COLLECTED, RAW):
        folder.mkdir(parents=True)
        (folder / "lab_runs.csv").write_text("experiment\n")
    return calls


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["lab", *words])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_every_stage_is_reproduced_in_order(called: list[tuple[str, ...]]) -> None:
    text = said()
    stages = stage_names(LAB_FILE)
    assert called == [("repro", f"{LAB_FILE}:{stage}") for stage in stages]
    assert stages[0] == "gather" and stages[-1] == "examine"
    assert "1 training runs in MLflow" in text and "the same bytes" in text


def test_tables_that_differ_are_named_and_left(called: list[tuple[str, ...]]) -> None:
    (LAB_COLLECTED / "lab_curves.csv").write_text("new\n")
    text = said()
    assert "lab_curves.csv not as recorded" in text and "lab_runs.csv" not in text
    assert not (RAW / "lab_curves.csv").exists()


def test_recording_takes_them_over(called: list[tuple[str, ...]]) -> None:
    (LAB_COLLECTED / "lab_curves.csv").write_text("new\n")
    said("--record")
    assert (RAW / "lab_curves.csv").read_text() == "new\n"
    assert called[-1] == ("add", str(RAW / "lab_curves.csv"))


def test_nothing_is_trained_before_there_are_predictors(called: list[tuple[str, ...]]) -> None:
    PREDICTORS.rmdir()
    result = CliRunner().invoke(app, ["lab"])
    assert isinstance(result.exception, DataError) and "make repro" in str(result.exception)
    assert called == []
