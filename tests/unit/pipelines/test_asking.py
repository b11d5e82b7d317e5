"""`foretell predict` with a config, a mixture or a table of designs: what is answered, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from registered import save_predictor
from test_compare_designs import CONFIG
from typer.testing import CliRunner

from foretell.answering.predictor import Predictor
from foretell.errors import ConfigError, DataError
from models.task import Task
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.design_tables import answer_designs, read_designs
from pipelines.cli.designs import read_config, read_mixture
from pipelines.cli.main import app

TABLE = "model_id,total_params,tokens_billions,pct_code\na,7e9,2000,20\nb,13000000000,,\n"


@pytest.fixture(scope="module")
def registered(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> RegisteredPredictor:
    folder = tmp_path_factory.mktemp("asked") / "lambada_0shot"
    save_predictor(folder, small_task)
    return RegisteredPredictor(Predictor.load(folder), "paper", "3", "champion")


@pytest.fixture
def here(registered: RegisteredPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, a mixture and a table, and one registered predictor that answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", lambda benchmarks, groups: [registered])
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "mixture.yaml").write_text("pct_web: 70\npct_code: 20.5\n")
    (tmp_path / "designs.csv").write_text(TABLE)
    return tmp_path


def ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["predict", *words])


def answered(*words: str) -> list[dict[str, object]]:
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.output
    return list(json.loads(done.output))


def test_a_config_with_tokens_and_a_mixture_is_one_design(here: Path, registered: RegisteredPredictor) -> None:
    answer = answered("--config", "config.json", "--tokens", "2e12", "--data", "mixture.yaml")[0]
    design = {**read_config("config.json").values, "tokens_billions": 2000.0, "pct_web": 70, "pct_code": 20.5}
    assert design["total_params"] == 8_030_261_248
    assert answer["score"] == registered.predictor.predict(design).score
    assert answered("--config", ".", "--tokens", "2e12", "--data", "mixture.yaml")[0] == answer


def test_an_option_replaces_what_the_files_say(here: Path, registered: RegisteredPredictor) -> None:
    words = "--config", "config.json", "--tokens", "2e12", "--data", "mixture.yaml", "--code", "1", "--params", "7e9"
    design = {**read_config("config.json").values, "tokens_billions": 2000.0, "pct_web": 70, "pct_code": 1.0}
    assert answered(*words)[0]["score"] == registered.predictor.predict({**design, "total_params": 7e9}).score


def test_a_mixture_goes_with_options_too(here: Path, registered: RegisteredPredictor) -> None:
    answer = answered("--params", "7e9", "--tokens", "2e12", "--data", "mixture.yaml")[0]
    design = {"total_params": 7e9, "tokens_billions": 2000.0, "pct_web": 70, "pct_code": 20.5}
    assert answer["score"] == registered.predictor.predict(design).score


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code: 20\n", "code is no share of the data; did you mean pct_code"),
        ("total_params: 7e9\n", "total_params is no share of the data.* Known: pct_web, pct_code"),
        ("pct_code: 60\npct_web: 70\n", "pct_web 70 .* 130 percent; shares of the pretraining data sum to at most 100"),
        ("pct_code: -1\n", "pct_code: -1.* is not from 0 to 100 percent"),
        ("pct_code: much\n", "pct_code: 'much' is not a number"),
        ("pct_code: 1\npct_code: 2\n", "not readable as YAML"),
        ("- 20\n", "feature names with their values"),
        ("", "feature names with their values"),
    ],
)
def test_a_wrong_mixture_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DataError, match=rf"m\.yaml: .*{words}"):
        read_mixture(tmp_path / "m.yaml")
    with pytest.raises(DataError, match=r"--data .*: no such file"):
        read_mixture(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not readable"),
        ("[]", "feature names"),
        ('{"total_params": 7e9}', "no config.json of a model"),
        ('{"model_type": "mixtral", "num_local_experts": 8}', "mixture of experts"),
        ('{"model_type": "new_kind"}', "new_kind.* is not known"),
        ('{"model_type": "llama"}', "config.json: "),
    ],
)
def test_a_wrong_config_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DataError, match=words):
        read_config(str(tmp_path))
    with pytest.raises(DataError, match=r"--config .*: no such file"):
        read_config(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "words",
    [
        ("--config", "config.json"),
        ("--config", "config.json", "--tokens", "2e12", "--designs", "designs.csv"),
        ("--designs", "designs.csv", "--compare", "a", "b"),
        ("--config", "config.json", "--tokens", "2e12", "--compare", "a", "b"),
        ("--params", "7e9", "--csv", "out.csv"),
        ("--designs", "designs.csv", "--csv", "out.csv", "--json"),
        ("--designs", "designs.csv", "--plot", "out.png"),
        ("--designs", "designs.csv", "--explain"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(here: Path, words: tuple[str, ...]) -> None:
    done = ask(*words)
    assert done.exit_code == 2
    assert any(word in done.output for word in words if word.startswith("--"))
    assert not (here / "out.csv").exists()


def test_a_table_is_answered_row_by_row(here: Path, registered: RegisteredPredictor) -> None:
    answers = answered("--designs", "designs.csv")
    assert [answer["model_id"] for answer in answers] == ["a", "b"]
    first = registered.predictor.predict({"total_params": 7e9, "tokens_billions": 2000, "pct_code": 20})
    assert answers[0]["score"] == first.score
    assert (answers[0]["target"], answers[0]["title"], answers[0]["group"]) == ("lambada_0shot", first.title, "paper")
    assert (answers[0]["version"], answers[0]["alias"], answers[0]["level"]) == ("3", "champion", 0.9)
    held = answered("--designs", "designs.csv", "--tokens", "2e12", "--params", "7e9", "--code", "20", "--level", "0.8")
    assert [answer["score"] for answer in held] == [first.score] * 2  # options hold for every design
    assert {answer["level"] for answer in held} == {0.8}


def test_the_answers_are_written_and_printed(here: Path) -> None:
    done = ask("--designs", "designs.csv", "--csv", "out.csv")
    assert done.exit_code == 0, done.output
    assert "2 answers" in done.output
    written = pd.read_csv(here / "out.csv")
    assert written["score"].round(9).tolist() == [round(a["score"], 9) for a in answered("--designs", "designs.csv")]
    printed = ask("--designs", "designs.csv").output
    assert "LAMBADA (0-shot)" in printed
    assert "Answered by champion v3 (1)." in printed


def test_of_many_answers_the_first_are_printed(here: Path) -> None:
    rows = "".join(f"m{i},7e9,2000,20\n" for i in range(300))
    (here / "designs.csv").write_text(TABLE.splitlines()[0] + "\n" + rows)
    printed = ask("--designs", "designs.csv").output
    assert "100 more answers are not shown" in printed
    assert "m199" in printed
    assert "m200" not in printed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "designs.csv: empty"),
        ("total_params,pct_code\n", "designs.csv: no designs"),
        ("total_params,pct_cod\n7e9,1\n", "column pct_cod: unknown feature 'pct_cod'; known: pct_code"),
        ("total_params,total_params\n7e9,7e9\n", "columns given twice: total_params"),
        ("model_id,total_params\na,7e9\na,8e9\n", "row 2, column model_id: a is the name of row 1 too"),
        ("model_id,total_params\na,7e9\nb,7 billion\n", "row 2, column total_params: '7 billion' is not a number"),
        ("model_id,pct_code\na,120\n", "row 1, column pct_code: 120.* from 0 to 100 percent; correct the cell"),
        ("pct_code,pct_web\n60,70\n", "row 1: .*sum to at most 100"),
        ("activation\ntanh\n", "row 1, column activation: 'tanh' is not one of"),
        ("total_params,pct_code\n7e9,1,2\n", "row 1 has more fields"),
        ("total_params,pct_code\n7e9,1\n7e9,1,2\n", "not a readable CSV file"),
    ],
)
def test_a_wrong_table_is_refused(here: Path, registered: RegisteredPredictor, text: str, words: str) -> None:
    path = here / "designs.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        answer_designs([registered], read_designs(path, {}), None, "designs.csv")


def test_spaces_a_byte_order_mark_and_missing_names_do_no_harm(here: Path, registered: RegisteredPredictor) -> None:
    (here / "designs.csv").write_bytes("\ufefftotal_params, activation\r\n7e9, swiglu\r\n8e9,\r\n".encode())
    answers = answer_designs([registered], read_designs(Path("designs.csv"), {}), None, "designs.csv")
    assert answers["model_id"].tolist() == ["1", "2"]


def test_files_that_are_not_there_are_said(here: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_designs(Path("none.csv"), {})
    for out in ("out.txt", "none/out.csv"):
        assert isinstance(ask("--designs", "designs.csv", "--csv", out).exception, ConfigError)


def test_a_wrong_design_is_a_data_error(here: Path) -> None:
    assert isinstance(ask("--config", "config.json", "--tokens", "2e12", "--positions", "spiral").exception, DataError)
