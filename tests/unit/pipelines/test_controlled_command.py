"""Controlled runs where people ask: `foretell controlled`, `predict --compare`, `predict --explain` and their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from registered import DESIGN, save_predictor
from typer.testing import CliRunner

from features.targets import read_targets
from foretell.answering.predictor import Predictor
from foretell.errors import DataError, TrackingError
from models.task import Task
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.compare_designs import compare_designs
from pipelines.cli.controlled_runs import held_for_designs
from pipelines.cli.designs import Design
from pipelines.cli.main import app

LAMBADA = "lambada_0shot"


@pytest.fixture(scope="module")
def by(small_task: Task, tmp_path_factory: pytest.TempPathFactory, raw_root: Path) -> RegisteredPredictor:
    folder = tmp_path_factory.mktemp("held") / LAMBADA
    save_predictor(folder, small_task)
    return RegisteredPredictor(Predictor.load(folder), "paper", "3", "champion")


@pytest.fixture(autouse=True)
def one_predictor(by: RegisteredPredictor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", lambda benchmarks, groups: [by])


def done(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def designs(tmp_path: Path, **shares: tuple[float | None, float | None]) -> list[str]:
    files = []
    for number, name in enumerate(("a.json", "b.json")):
        values = {**DESIGN, **{share: both[number] for share, both in shares.items()}}
        (tmp_path / name).write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
        files.append(str(tmp_path / name))
    return files


def test_the_command_shows_runs_beside_claims(tmp_path: Path) -> None:
    printed = done("controlled", "--web", "40", "90")
    assert "the Pile's other sources" in " ".join(printed.split())
    assert "Not measured: measured from 95 to 100 % only: dclm (Wikipedia" in printed
    assert "LAMBADA (0-shot): " in printed
    assert "Controlled runs lower it" in printed


def test_the_command_as_json(by: RegisteredPredictor) -> None:
    plain = json.loads(done("controlled", "--web", "40", "90", "--params", "7e9", "--tokens", "1e12", "--json"))
    assert plain["at"] == {"total_params": 7e9, "tokens_billions": 1000.0}
    assert {row["sign"] for row in plain["runs"]} == {"raises", "lowers", "flat", "not measured"}
    assert all(row["benchmark"] for row in plain["runs"])
    [claim] = plain["claims"]
    asked = {"total_params": 7e9, "tokens_billions": 1000.0}
    first, second = ({**asked, "pct_web": share} for share in (40.0, 90.0))
    assert claim["claim"]["difference"] == by.predictor.compare(first, second).difference.difference
    assert (claim["benchmark"], claim["measured"]) == (LAMBADA, "lowers")


def test_one_benchmark_and_all_tasks() -> None:
    rows = json.loads(done("controlled", "--code", "0", "50", "--benchmark", "winogrande_5shot", "--json"))["runs"]
    assert {row["task"] for row in rows} == {"winogrande"}
    tasks = {
        row["task"] for row in json.loads(done("controlled", "--code", "0", "50", "--all-tasks", "--json"))["runs"]
    }
    assert "babi" in tasks


def test_without_a_store_the_runs_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(benchmarks: object, groups: object) -> None:
        raise TrackingError("no such store")

    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", missing)
    printed = done("controlled", "--code", "0", "50")
    assert "No predictor was asked: no such store" in printed
    assert "hellaswag" in printed


@pytest.mark.parametrize(
    "words", [(), ("--code", "0", "50", "--web", "0", "50"), ("--code", "10", "10"), ("--code", "0", "150")]
)
def test_wrong_questions_are_refused(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["controlled", *words]).exit_code != 0


def test_a_change_that_nothing_measured_needs_a_size() -> None:
    refused = CliRunner().invoke(app, ["controlled", "--web", "0", "5"])
    assert isinstance(refused.exception, DataError)
    assert "--params and --tokens" in str(refused.exception)
    assert "No controlled run covers this change" in done(
        "controlled", "--web", "0", "5", "--params", "1e9", "--tokens", "1e11"
    )


def test_compared_designs_that_differ_in_web_text(tmp_path: Path) -> None:
    files = designs(tmp_path, pct_web=(40.0, 80.0))
    printed = done("predict", "--compare", *files)
    assert "Controlled runs (they differ in that share alone" in printed
    assert "LAMBADA (0-shot), pct_web 40 to 80 %: " in printed
    [target] = json.loads(done("predict", "--compare", *files, "--json"))
    [held] = target["controlled"]
    assert held["claim"]["difference"] == target["difference"]  # they differ in nothing else
    assert (held["measured"], held["start"], held["end"]) == ("lowers", 40.0, 80.0)
    assert held["runs"][0]["study"]


@pytest.mark.parametrize("shares", [{}, {"pct_web": (40.0, 40.0)}, {"pct_web": (None, 40.0)}])
def test_compared_designs_without_a_known_change_say_nothing(
    tmp_path: Path, shares: dict[str, tuple[float | None, float | None]]
) -> None:
    files = designs(tmp_path, **shares)
    assert "Controlled runs" not in done("predict", "--compare", *files)
    assert [target["controlled"] for target in json.loads(done("predict", "--compare", *files, "--json"))] == [[]]


def test_the_claim_is_about_the_share_alone(by: RegisteredPredictor) -> None:
    first = Design("old", {**DESIGN, "pct_code": 5.0, "pct_web": 90.0})
    second = Design("new", {**DESIGN, "total_params": 1e9, "pct_code": 60.0, "pct_web": 40.0})
    [held] = held_for_designs(compare_designs([by], first, second, None), first, second)[LAMBADA]
    assert str(held.change) == "pct_web 90 to 40 %"
    alone = {name: value for name, value in DESIGN.items() if not name.startswith("pct_")}
    asked = by.predictor.compare({**alone, "pct_web": 90.0}, {**alone, "pct_web": 40.0})
    assert held.claim.difference == asked.difference.difference
    assert held.target == read_targets()[LAMBADA]


def test_an_explanation_that_names_a_share_says_what_runs_measured(
    by: RegisteredPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = by.predictor.predict({**DESIGN, "pct_web": 50.0})
    named = any("pct_web " in sentence for sentence in answer.words)
    words = ["predict", "--params", "7e9", "--tokens", "1e12", "--code", "15", "--web", "50", "--explain"]
    assert ("Controlled runs, pct_web 100 to 50 %" in done(*words)) == named
    fake = "Raised by pct_web 50 (nearest models: 80): +0.010."
    monkeypatch.setattr("pipelines.cli.controlled_runs.SHARES", ("pct_web",))
    from dataclasses import replace

    from pipelines.cli.answers import RegisteredAnswer
    from pipelines.cli.controlled_runs import measured_for_answers

    told = RegisteredAnswer(replace(answer, words=(fake,)), "paper", "3", "champion")
    [line] = measured_for_answers([told], {"pct_web": 50.0})[LAMBADA]
    assert line.startswith("Controlled runs, pct_web 100 to 50 %: raise it (")
    assert measured_for_answers([told], {}) == {}


def test_tables_that_were_not_pulled_do_not_stop_a_prediction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> None:
        raise DataError("data/raw/controlled_shares.csv: no such file")

    monkeypatch.setattr("pipelines.cli.controlled_runs.read_controlled", missing)
    assert "Controlled runs (" not in done("predict", "--compare", *designs(tmp_path, pct_web=(40.0, 80.0)))
