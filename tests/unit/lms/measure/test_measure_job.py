"""Measuring checkpoints: what a killed run finished is used, and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from bigram_model import save
from typer.testing import CliRunner

from foretell.errors import ConfigError, DataError
from lms.checkpoints import Checkpoint, read_checkpoints
from lms.measure.items import read_items
from lms.measure.job import measure
from lms.record import weights_sha256
from pipelines.cli.main import app

ROOT = Path(__file__).parents[4]
CAPITALS = [
    {"prompt": "a b", "options": [" d", " c", " a b c"], "answer": 0},
    {"prompt": "c", "options": [" a", " d d"], "answer": 1},
]
SUMS = [{"prompt": "d", "solution": " a b a"}]


@pytest.fixture
def items(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "capitals.jsonl", tmp_path / "sums.jsonl"]
    for path, lines in zip(paths, (CAPITALS, SUMS), strict=True):
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return paths


@pytest.fixture
def models(libraries: None, tmp_path: Path) -> Path:
    """A list of one model at two steps (the same weights)."""
    folder = save(tmp_path / "bigram")
    pinned = weights_sha256(folder)
    entry = f"model_id: me/bigram, path: {folder}, revision: {pinned}, dtype: float32"
    rows = [f"- {{model: bigram, step: {step}, {entry}}}" for step in (10, 20)]
    (tmp_path / "models.yaml").write_text("\n".join(rows) + "\n")
    return tmp_path / "models.yaml"


def test_finished_parts_are_used(
    models: Path, items: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [item for path in items for item in read_items(path)]
    first, second = read_checkpoints(models)
    said: list[str] = []
    table = measure([first], everything, 4, tmp_path / "work", said.append)
    assert len(said) == 2
    assert table.step.unique().tolist() == [10]
    assert len(table) == 6
    # The second step has the same weights: nothing is left to compute, and no model is loaded.
    monkeypatch.setattr("lms.measure.job.load_model", None)
    both = measure([first, second], everything, 4, tmp_path / "work", said.append)
    assert len(said) == 2
    pd.testing.assert_frame_equal(both[both.step == 10].reset_index(drop=True), table)
    losses = both.set_index("step").loss_nats
    assert losses[10].tolist() == losses[20].tolist()


def test_what_cannot_be_measured_is_named(models: Path, items: list[Path], tmp_path: Path) -> None:
    checkpoints: list[Checkpoint] = read_checkpoints(models)
    with pytest.raises(ConfigError, match="2 checkpoints and 0 items"):
        measure(checkpoints, [], 4, tmp_path / "work")
    items[1].write_text(json.dumps({"prompt": "a", "solution": " a" * 40}))
    with pytest.raises(DataError, match=r"bigram@10: sums, item 1, option 0: 40 tokens") as error:
        measure(checkpoints, read_items(items[1]), 4, tmp_path / "work")
    assert "\n" not in str(error.value)


def test_the_command_line(models: Path, items: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["lms", "measure", "--models", str(models)]
    for path in items:
        words += ["--items", str(path)]
    asked = CliRunner().invoke(app, [*words, "--out", "out"], catch_exceptions=False)
    assert asked.exit_code == 0, asked.output
    assert "bigram@20 sums (n 1): answer_loss 0.8864" in asked.output  # -ln(0.35 x 0.5 x 0.4) / 3
    assert "12 option losses in out/options.parquet" in asked.output
    summary = pd.read_csv("out/summary.csv").set_index(["step", "benchmark", "metric"])
    assert summary["mean"][10, "capitals", "accuracy"] == 0.5
    told = CliRunner().invoke(app, ["lms", "choice-split", "out"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert "the gap grew by 0.0000 nats per token" in told.output
    curve = pd.read_csv("out/choice_split.csv")
    assert curve.step.tolist() == [10, 20]
    assert curve.benchmark.unique().tolist() == ["capitals"]
    with pytest.raises(ConfigError, match="--benchmark or --items"):
        CliRunner().invoke(app, words[:4], catch_exceptions=False)


@pytest.mark.slow
def test_killed_and_resumed_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    for name in "ab":
        lines = [
            {"prompt": f"The {name} of {number}", "options": [" miller", " river and lamp", " 7"], "answer": number % 3}
            for number in range(40)
        ]
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    script = Path(__file__).with_name("run_measure.py")

    def run(work: str, out: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, script, trained, folder, tmp_path / work, tmp_path / out]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([str(word) for word in words], env=environment, stderr=subprocess.DEVNULL)

    assert run("whole_work", "whole.parquet").wait(timeout=300) == 0
    process, deadline = run("work", "killed.parquet"), time.monotonic() + 300
    while len(list((tmp_path / "work").glob("*/*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(list((tmp_path / "work").glob("*/*.parquet")))
    assert 3 <= finished < 14
    assert run("work", "killed.parquet").wait(timeout=300) == 0
    assert (tmp_path / "killed.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
