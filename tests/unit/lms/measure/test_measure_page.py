"""The commands and the Python of docs/measure.md, as they are written."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from lms.record import weights_sha256
from pipelines.cli.main import app

PAGE = (Path(__file__).parents[4] / "docs" / "measure.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(block)


def test_the_pages_python_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(_block("python"), "measure.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"# -> (.*)", _block("python"))


@pytest.mark.slow
def test_the_pages_commands_run(
    trained: Path, benchmark_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, step in (("early", 8), ("late", 48)):
        shutil.copytree(trained.parent / f"step-{step}", Path("weights") / name)
    Path("capitals.jsonl").write_text(_block("json"))
    Path("benchmark_data").symlink_to(benchmark_data)
    pins = re.sub(r"<foretell lms pin (\S+)>", lambda match: weights_sha256(Path(match[1])), _block("yaml"))
    Path("models.yaml").write_text(pins)
    commands = re.findall(r"^\$ foretell (lms .*)", PAGE, flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        asked = CliRunner().invoke(app, shlex.split(command), catch_exceptions=False)
        assert asked.exit_code == 0, asked.output
    columns = pd.read_parquet("data/sequence/measured/options.parquet").columns
    assert ", ".join(columns) in " ".join(PAGE.split())
    assert pd.read_csv("data/sequence/measured/choice_split.csv").benchmark.unique().tolist() == ["winogrande_5shot"]
