"""`foretell add-scores` and `add-leaderboard` on small made-up tables; the validation of all tables is not run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.schema import MODELS, SCORES, SUBTASKS, TARGETS, WITNESSES, Table
from foretell.errors import DataError
from pipelines.cli import leaderboards, score_files
from pipelines.cli.leaderboards import Origin, add_leaderboard
from pipelines.cli.score_files import ScoreOptions, add_scores

Added = dict[Table, list[dict[str, str]]]
ORIGIN = Origin("a leaderboard", "2024-01-02")


def _write(table: Table, rows: list[dict[str, Any]]) -> None:
    pd.DataFrame(rows, columns=list(table.names)).to_csv(table.path, index=False)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Added:
    root = Path(__file__).resolve().parents[3]
    monkeypatch.chdir(tmp_path)
    MODELS.path.parent.mkdir(parents=True)
    for table in (TARGETS, SUBTASKS):
        shutil.copyfile(root / table.path, table.path)
    _write(MODELS, [{"model_id": "org/name"}, {"model_id": "org/other"}])
    score = {"benchmark": "winogrande", "subtask": "winogrande", "n_shot": 5, "metric": "accuracy", "score": 0.7}
    _write(SCORES, [{"model_id": "org/name", **score}])
    _write(WITNESSES, [])
    appended: Added = {}

    def append(rows: Added, _model_id: str, dry_run: bool = False) -> None:
        if not dry_run:
            appended.update(rows)

    monkeypatch.setattr(score_files, "append_rows", append)
    monkeypatch.setattr(leaderboards, "append_rows", append)
    monkeypatch.setattr(score_files, "check_scores", lambda _model_id, _rows: [])
    return appended


def results(**changes: Any) -> Path:
    values = {"winogrande": {"acc,none": 0.7}, "drop": {"f1,none": 0.3}, "lambada_openai": {"acc,none": 0.5}}
    shots = {"winogrande": 5, "drop": 3, "lambada_openai": 0}
    config = {"model_dtype": "torch.float16", "model_sha": "b" * 40}
    path = Path("results.json")
    path.write_text(
        json.dumps({"results": values, "n-shot": shots, "model_name": "org/name", "config": config} | changes)
    )
    return path


def test_what_is_there_already_is_refused_or_skipped(added: Added, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="there already: winogrande"):
        add_scores(results(), ScoreOptions())
    add_scores(results(), ScoreOptions(only_new=True, source="me", date="2026-01-02"))
    (row,) = added[SCORES]
    assert (row["subtask"], row["score"], row["source"], row["date"]) == ("drop", "0.3", "me", "2026-01-02")
    assert (row["precision"], row["model_revision"]) == ("float16", "b" * 40)
    shown = capsys.readouterr().out
    assert "winogrande (5-shot accuracy): there already" in shown
    assert "part of lambada_0shot, without lambada_standard" in shown


def test_a_dry_run_writes_nothing(added: Added) -> None:
    add_scores(results(), ScoreOptions(only_new=True, dry_run=True))
    assert not added


@pytest.mark.parametrize(
    ("stated", "model_id", "words"),
    [
        ("org/name", "org/other", "--same-model"),
        ("Org/Name", "", "--id org/name --same-model"),
        ("/data/models/name", "", "--id org/name --same-model"),
        ("org/unknown", "", "add-model"),
    ],
)
def test_whose_file_it_is(added: Added, stated: str, model_id: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        add_scores(results(model_name=stated), ScoreOptions(model_id=model_id, only_new=True))
    assert not added


def test_the_same_model_under_another_name(added: Added) -> None:
    add_scores(results(model_name="/data/name"), ScoreOptions(model_id="org/other", same_model=True))
    assert {row["model_id"] for row in added[SCORES]} == {"org/other"}
    assert {row["subtask"] for row in added[SCORES]} == {"winogrande", "drop"}


def test_settings_are_refused(added: Added) -> None:
    with pytest.raises(DataError, match="limit=10"):
        add_scores(results(config={"limit": 10}), ScoreOptions(only_new=True))
    assert not added


def test_doubtful_scores_need_a_reason(added: Added, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_files, "check_scores", lambda _model_id, _rows: ["drop: at chance"])
    with pytest.raises(DataError, match="--accept-doubtful"):
        add_scores(results(), ScoreOptions(only_new=True))
    add_scores(results(), ScoreOptions(only_new=True, accept_doubtful="run twice"))
    assert "run twice" in added[SCORES][0]["source"]


V1 = "Model,ARC,HellaSwag,MMLU,TruthfulQA,Winogrande,GSM8K\n"


def test_a_leaderboard(added: Added, capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(V1 + "org/name,40,70,30,32,64,1.5\nwho/knows,40,70,30,32,64,1\n")
    add_leaderboard(Path("table.csv"), ORIGIN, "", False)
    assert {row["subtask"]: row["score"] for row in added[SCORES]} == {
        "arc_challenge": "0.4",
        "hellaswag": "0.7",
        "mmlu": "0.3",
        "truthfulqa_mc2": "0.32",
        "gsm8k": "0.015",
    }
    (witness,) = added[WITNESSES]
    assert (witness["subtask"], witness["score"], witness["source"]) == ("winogrande", "0.64", "a leaderboard")
    assert "who/knows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "scale", "words"),
    [
        ("Model,IFEval,BBH\norg/name,1,2\n", "", "rescaled"),
        ("ARC\n1\n", "", "no column `model`"),
        (V1 + "org/name,40,70,thirty,32,64,1\n", "", "line 2, column MMLU"),
        (V1 + "org/name,40,70,30,32,64,1\n", "fraction", "that is percent"),
        (V1 + 2 * "org/name,40,70,30,32,64,1\n", "", "several rows"),
    ],
)
def test_tables_that_are_refused(added: Added, text: str, scale: str, words: str) -> None:
    Path("table.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        add_leaderboard(Path("table.csv"), ORIGIN, scale, False)
    assert not added
