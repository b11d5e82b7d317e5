"""docs/questions.md is run: three forecasts are fitted on the recorded facts, and every command and Python block of the
page prints what stands there, but for the last digit of a number, the moment and the hash of a forecast on record."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from blends import stored_forecasts, write_forecasts
from registered import ROOT
from typer.testing import CliRunner

from pipelines import forecast_tracking
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.main import app

PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
TARGETS = ("mmlu_5shot", "gsm8k_5shot", "arc_challenge_25shot")
BLOCKS = re.findall(r"```(\w+)(?: title=\"(.*?)\")?\n(.*?)```", PAGE, flags=re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+\.\d+|[-+]?\d+(?=%)")
MASKED = re.compile(r"SHA-256 [^)]*|registered \d{4}-\d\d-\d\dT[\d:+]+|─+")


@pytest.fixture
def here(
    raw_root: Path, raw: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, RegisteredPredictor]:
    """Stand in a folder with the facts, the parameters, the page's files and three forecasts; returns these."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw").symlink_to(raw_root / "data" / "raw")
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    for _, title, text in BLOCKS:
        if title:
            (tmp_path / title).write_text(text, encoding="utf-8")
    write_forecasts(tmp_path, raw, TARGETS)
    monkeypatch.chdir(tmp_path)
    predictors = stored_forecasts(tmp_path, TARGETS)

    def registered(benchmarks: Sequence[str], groups: Sequence[str]) -> list[RegisteredPredictor]:
        return [predictors[slug] for slug in benchmarks or TARGETS]

    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", registered)
    monkeypatch.setattr(forecast_tracking, "track_forecasts", list)
    return predictors


def shown() -> list[tuple[str, str]]:
    """(command or Python block, what the page says that it prints), in the page's order."""
    found: list[tuple[str, str]] = []
    for (language, _, text), (_, _, following) in pairwise([*BLOCKS, ("", "", "")]):
        if language == "console":
            command, _, printed = text.partition("\n")
            found.append((command, printed))
        elif language == "python":
            found.append((text, following))
    return found


def printed_by(asked: str, session: dict[str, object]) -> str:
    """What a command prints, or a block of Python that goes on from those before it."""
    if asked.startswith("$ foretell "):
        done = CliRunner().invoke(app, shlex.split(asked)[2:])
        assert done.exit_code == 0, (asked, done.output, done.exception)
        return done.output
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(asked, "docs/questions.md", "exec"), session)
    return printed.getvalue()


def same(printed: str, expected: str) -> None:
    """Equal in words and order, and every number within one and a half of its last digit."""
    texts = [" ".join(MASKED.sub("", text).split()) for text in (printed, expected)]
    first, second = (" ".join(NUMBER.sub("#", text).split()) for text in texts)
    assert first == second
    for one, other in zip(*(NUMBER.findall(text) for text in texts), strict=True):
        assert abs(float(one) - float(other)) <= 1.5 * 10 ** -len(other.partition(".")[2]), (one, other, expected)


def test_the_page_says_what_is_printed(here: dict[str, RegisteredPredictor]) -> None:
    assert len(re.findall(r"^## \d+\. ", PAGE, flags=re.MULTILINE)) == 10
    assert set(here) == set(TARGETS)
    asked = shown()
    assert len(asked) >= 12
    session: dict[str, object] = {}
    for words, expected in asked:
        same(printed_by(words, session), expected)
