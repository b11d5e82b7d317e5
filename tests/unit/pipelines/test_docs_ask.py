"""The commands and the Python of docs/ask.md are run on the files that the page shows, with one small predictor."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from registered import ROOT, save_predictor
from test_compare_designs import CONFIG
from typer.testing import CliRunner

from foretell.answering.predictor import Predictor
from foretell.errors import DataError
from models.task import Task
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.main import app

PAGE = (ROOT / "docs" / "ask.md").read_text(encoding="utf-8")


@pytest.fixture
def here(small_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files, where one registered predictor answers whatever is asked."""
    folder = tmp_path / "data" / "predictors" / "lambada_0shot"
    save_predictor(folder, small_task)
    registered = RegisteredPredictor(Predictor.load(folder), "paper", "3", "champion")
    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", lambda benchmarks, groups: [registered])
    monkeypatch.chdir(tmp_path)
    table = _blocks("text")[0]
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "mixture.yaml").write_text(_blocks("yaml")[0])
    (tmp_path / "designs.csv").write_text(table)
    (tmp_path / "wrong.csv").write_text(table.replace(",20,70,", ",120,70,"))
    return tmp_path


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_command_of_the_page_answers(here: Path) -> None:
    shown = [
        line for block in _blocks("console") for line in block.splitlines() if line.startswith("$ foretell predict")
    ]
    in_table = re.findall(r"\| `(foretell predict [^`]*)`", PAGE)
    commands = [line.removeprefix("$ ") for line in shown] + [line for line in in_table if "A B" not in line]
    assert len(commands) == 8
    for command in commands:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        if "wrong.csv" in command:
            assert isinstance(done.exception, DataError)
            assert " ".join(str(done.exception).split()) in " ".join(PAGE.split())
        else:
            assert done.exit_code == 0, (command, done.output, done.exception)
    assert (here / "answers.csv").is_file()


def test_the_python_of_the_page_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in _blocks("python"):
        exec(compile(block, "docs/ask.md", "exec"), {})
    assert "lambada_0shot" in capsys.readouterr().out
