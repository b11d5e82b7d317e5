"""`foretell lms`, as docs/sequence.md shows it, from a list of checkpoints to trends, contrasts and MAUVE."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from foretell.errors import ConfigError
from lms.checkpoints import read_checkpoints
from pipelines.cli.lms import app as lms
from pipelines.cli.main import app

ROOT = Path(__file__).parents[3]
TEXT = ROOT / "tests" / "fixtures" / "tiny_text.txt"


def _ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["lms", *words], catch_exceptions=False)


@pytest.mark.slow
def test_token_losses_and_trends(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [checkpoint.step for checkpoint in read_checkpoints(trained)]
    monkeypatch.chdir(tmp_path)
    asked = _ask("token-losses", "--models", str(trained), "--text", str(TEXT), "--stride", "16")
    assert asked.exit_code == 0, asked.output
    table = pd.read_parquet("data/sequence/token_losses.parquet")
    assert sorted(table.step.unique()) == steps
    assert f"{len(table)} losses" in asked.output
    assert f"tiny@48: {table[table.step == 48].loss_nats.mean():.4f} nats per token" in asked.output
    told = _ask("trends")
    assert told.exit_code == 0, told.output
    assert "tiny: stagnated" in told.output
    classes = pd.read_csv("data/sequence/token_trends.csv")
    assert len(classes) == len(table) / len(steps)
    assert set(classes.trend) <= {"stagnated", "upward", "downward"}


@pytest.mark.slow
def test_contrast_then_mauve(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    common = ("contrast", "--models", str(trained), "--n-texts", "30", "--max-tokens", "16")
    for preferred, other, out in (("tiny@8", "tiny@48", "early.jsonl"), ("tiny@48", "tiny@8", "late.jsonl")):
        asked = _ask(*common, "--preferred", preferred, "--other", other, "--plausibility", "0.1", "--out", out)
        assert asked.exit_code == 0, asked.output
        assert f"30 texts in {out}" in asked.output
    if importlib.util.find_spec("mauve") is None:
        pytest.skip("the rest needs the sequence extra; not installed: mauve")
    words = ("--human", "late.jsonl", "--generated", "early.jsonl", "--max-tokens", "32")
    asked = _ask("mauve", "--models", str(trained), "--features", "tiny@48", *words)
    assert asked.exit_code == 0, asked.output
    assert "fewer than 1,000 texts a side" in asked.output
    score = json.loads(Path("data/sequence/mauve.json").read_text())
    assert 0 < score["mauve"] <= 1
    assert score["n_p"] + score["empty_texts_left_out"]["late.jsonl"] == 30


@pytest.mark.slow
def test_pin_prints_what_the_list_pins(trained: Path) -> None:
    pinned = _ask("pin", str(trained.parent / "step-8")).output.strip()
    assert f"revision: {pinned}" in trained.read_text()


def test_the_pages_python_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sequence.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "sequence.md", "exec"), {})
    expected = [line.partition("# -> ")[2] for line in "\n".join(blocks).splitlines() if "# -> " in line]
    assert capsys.readouterr().out.splitlines() == expected
    known = {command.name or "" for command in lms.registered_commands}
    named = set(re.findall(r"foretell lms ([a-z-]+)", page))
    assert named <= known | {function.callback.__name__ for function in lms.registered_commands if function.callback}


def test_agree_compares_two_labelings(tmp_path: Path) -> None:
    person, classifier = tmp_path / "person.csv", tmp_path / "classifier.csv"
    person.write_text("index,label\n1,web\n2,code\n3,books\n")
    classifier.write_text("index,label\n1,web\n2,code\n4,web\n")
    compared = _ask("agree", str(person), str(classifier))
    assert "Absolute agreement 100.0 %, Cohen's kappa 1.000 on 2 texts" in compared.output
    assert "In one file only, not compared (2): 3, 4" in compared.output


def test_regenerate_with_nothing_listed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is nothing to regenerate"):
        _ask("regenerate")
