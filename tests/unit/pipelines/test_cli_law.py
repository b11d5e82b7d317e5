"""`foretell law` on a CSV of one's own: answers, files, and one-line errors with their exit codes."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foretell.laws.published import BESIROGLU
from pipelines.boundary import run_command
from pipelines.cli import law as cli_law


@pytest.fixture
def own_csv(tmp_path: Path) -> Path:
    params, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e10, 1e12, 5)))
    loss = BESIROGLU.predict(params, tokens) * np.exp(np.random.default_rng(0).normal(0, 0.005, params.size))
    path = tmp_path / "mine.csv"
    pd.DataFrame({"params": params, "tokens": tokens, "loss_nats": loss}).to_csv(path, index=False)
    return path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["law", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run_command(cli_law.app)
    return int(ended.value.code or 0)


def test_fit_writes_constants_and_plots(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_csv: Path, tmp_path: Path
) -> None:
    out, plots = tmp_path / "law.json", tmp_path / "plots"
    assert call(monkeypatch, "fit", "--csv", own_csv, "--bootstrap", 200, "--out", out, "--plots", plots) == 0
    assert "ChinchillaLaw on mine: 25 runs, 0 left out" in capsys.readouterr().out
    report = json.loads(out.read_text())
    for name, constant in report["constants"].items():
        assert constant["low"] < getattr(BESIROGLU, name) < constant["high"]
    for name in ("isoflop", "axes", "fit"):
        assert (plots / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_plots_are_equal_bytes_for_equal_runs(monkeypatch: pytest.MonkeyPatch, own_csv: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        call(monkeypatch, "fit", "--csv", own_csv, "--bootstrap", 100, "--plots", tmp_path / folder)
    for name in ("isoflop.png", "axes.png", "fit.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_predict_says_when_it_extrapolates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_csv: Path
) -> None:
    call(monkeypatch, "predict", "--csv", own_csv, "--params", 7e10, "--tokens", 1e11, "--bootstrap", 200, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert answer["loss_nats"] == pytest.approx(float(BESIROGLU.predict(7e10, 1e11)), rel=0.02)
    assert answer["new_run"][0] < answer["curve"][0] < answer["loss_nats"] < answer["curve"][1] < answer["new_run"][1]
    assert answer["extrapolates"] == ["params 7e+10 outside the fitted 1e+08 to 1e+10"]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--flops", 1e23], "compute-optimal"),
        (["--flops", 1e23, "--unique-tokens", 1e11], "data-limited"),
        (["--loss", 2.2, "--inference-tokens", 1e12], "inference-aware"),
        (["--flops", 1e23, "--inference-tokens", 1e12], "inference-aware budget"),
    ],
)
def test_allocate_follows_its_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_csv: Path, options: list[object], rule: str
) -> None:
    assert call(monkeypatch, "allocate", "--csv", own_csv, "--bootstrap", 100, "--json", *options) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["rule"] == rule
    assert answer["flops"] == pytest.approx(6 * answer["params"] * answer["tokens"])
    low, high = answer["intervals"]["params"]
    assert low <= answer["params"] <= high


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["fit"], 4, "either --study"),
        (["fit", "--study", "a", "--csv", "b"], 4, "either --study"),
        (["fit", "--csv", "absent.csv"], 3, "no such file"),
        (["allocate", "--csv", "absent.csv"], 4, "--flops"),
        (
            ["allocate", "--csv", "x", "--flops", "1e22", "--unique-tokens", "1e11", "--inference-tokens", "1e11"],
            4,
            "combined",
        ),
        (["allocate", "--csv", "x", "--inference-tokens", "1e11"], 4, "either --flops"),
    ],
)
def test_errors_are_one_line_with_their_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    assert call(monkeypatch, *arguments) == status
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokens": 300.0}, "millions or billions"),
        ({"loss_nats": "low"}, "'low' is not a number"),
        ({"params": -1.0}, "negative"),
        ({"flops": 1e10}, "PF-days"),
        ({"loss_nats": float("nan")}, "is not a number"),
    ],
)
def test_a_bad_cell_of_ones_own_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_csv: Path,
    change: dict[str, object],
    words: str,
) -> None:
    frame = pd.read_csv(own_csv).astype(object)
    if "flops" in change:
        frame["flops"] = 6.0 * frame["params"] * frame["tokens"]
    for column, value in change.items():
        frame.loc[3, column] = value
    frame.to_csv(own_csv, index=False)
    assert call(monkeypatch, "fit", "--csv", own_csv) == 3
    assert words in capsys.readouterr().err


def test_a_missing_column_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_csv: Path
) -> None:
    pd.read_csv(own_csv).rename(columns={"loss_nats": "loss"}).to_csv(own_csv, index=False)
    assert call(monkeypatch, "fit", "--csv", own_csv) == 3
    assert "missing columns ['loss_nats']" in capsys.readouterr().err
