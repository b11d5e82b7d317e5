"""What leaves the program besides results: the format of errors, how much is said, and progress."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import typer

import foretell
from foretell.errors import DataError, RefusedError
from pipelines.boundary import LEVEL, LOG, run_command, set_up_logging
from pipelines.cli.main import app
from pipelines.progress import Progress


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def usual_level(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(LEVEL, "INFO")
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "WARNING")
    monkeypatch.setenv("TERM", "xterm")
    set_up_logging()
    yield
    LOG.handlers, LOG.propagate = [], True


def called(monkeypatch: pytest.MonkeyPatch, app: typer.Typer, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["foretell", *arguments])
    with pytest.raises(SystemExit) as end:
        run_command(app)
    return int(end.value.code or 0)


def failing() -> typer.Typer:
    refused = typer.Typer()

    @refused.command()
    def refuse() -> None:
        raise RefusedError("not promoted: mmlu_5shot (coverage)")

    return refused


def test_a_command_s_error_has_the_form_of_a_stage_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, failing()) == RefusedError.exit_code
    assert capsys.readouterr().err == "foretell: not promoted: mmlu_5shot (coverage)\n"
    monkeypatch.setenv(LEVEL, "DEBUG")
    called(monkeypatch, failing())
    assert "Traceback" in capsys.readouterr().err


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(monkeypatch, app, "--version") == 0
    assert capsys.readouterr().out == f"foretell {foretell.__version__}\n"


@pytest.mark.parametrize(("option", "level"), [("-v", logging.DEBUG), ("-q", logging.WARNING)])
def test_options_set_the_level_here_and_for_stages(monkeypatch: pytest.MonkeyPatch, option: str, level: int) -> None:
    def end() -> None:
        raise DataError(str(LOG.level))

    monkeypatch.setattr("pipelines.cli.answers.print_status", end)
    assert called(monkeypatch, app, option, "status") == DataError.exit_code
    assert LOG.level == level
    set_up_logging()  # as a stage does that was started from there
    assert LOG.level == level
    assert called(monkeypatch, app, "-v", "-q", "status") == 2


def test_progress_is_plain_lines_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("fit", total=2)
    progress.advance("a")
    progress.scored(1, 3, 9)
    progress.advance("b")
    progress.step_done("step 1: done")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == ["fit: 1/2 a", "fit: 2/2 b", "fit: step 1: done"]
    assert "\x1b" not in "".join(lines)
    set_up_logging(logging.WARNING)
    Progress("fit", total=1).advance("a")
    assert capsys.readouterr().err == ""


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = Progress("fit", total=2)
    progress.advance("a")
    progress.advance("b")
    shown = terminal.getvalue()
    assert "fit" in shown
    assert "0/2" in shown
    assert "fit: 2/2 b (0 s)" in shown.splitlines()[-1]
    assert shown.count("fit: ") == 1  # one line is left
