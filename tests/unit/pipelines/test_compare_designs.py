"""`foretell predict --compare`: what names a design, what is printed, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from known_targets import TARGETS
from registered import DESIGN, save_predictor
from rich.console import Console
from typer.testing import CliRunner

from features.tabulate import Tables
from foretell.answering.predictor import Predictor
from foretell.errors import DataError
from models.task import Task
from pipelines.cli.answers import RegisteredPredictor
from pipelines.cli.compare_designs import compare_designs, print_comparisons
from pipelines.cli.designs import Design, read_design
from pipelines.cli.main import app
from pipelines.files import write_parquet
from pipelines.paths import DESIGN_TABLE

CONFIG = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
}
OTHER = {**DESIGN, "tokens_billions": 100.0}


@pytest.fixture(scope="module")
def registered(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> RegisteredPredictor:
    folder = tmp_path_factory.mktemp("compared") / "lambada_0shot"
    save_predictor(folder, small_task)
    return RegisteredPredictor(Predictor.load(folder), "paper", "3", "champion")


@pytest.fixture
def checkout(workspace: Path, small_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the slice's raw tables, parameters and design table, to work in."""
    monkeypatch.chdir(workspace)
    write_parquet(DESIGN_TABLE, small_tables.design)
    return workspace


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("b.csv", "model_id,total_params,activation,pct_code\nnew-7b,7e9,swiglu,\n"),
        ("b.yaml", "model_id: new-7b\ntotal_params: 7e9\nactivation: swiglu\npct_code:\n"),
        ("b.json", '{"model_id": "new-7b", "total_params": 7e9, "activation": "swiglu", "pct_code": null}'),
    ],
)
def test_a_file_with_one_design(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    design = read_design(str(tmp_path / file))
    assert design == Design("new-7b", {"total_params": 7e9, "activation": "swiglu", "pct_code": None})


def test_a_file_without_a_name_is_called_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_text("total_params: 7e9\n")
    assert read_design(str(path)).name == str(path)


def test_a_config_gives_the_architecture_and_the_command_line_the_rest(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    for source in (tmp_path, tmp_path / "config.json"):
        design = read_design(str(source)).with_given({"tokens_billions": 15000.0})
        assert design.values["total_params"] == 8_030_261_248
        assert (design.values["mlp_ratio"], design.values["attention_variant"]) == (3.5, "gqa")
        assert design.values["tokens_billions"] == 15000.0
        assert "n_layers" not in design.values  # no feature of a design


def test_a_known_model_by_its_id_or_by_its_end(checkout: Path, small_tables: Tables) -> None:
    row = small_tables.design.iloc[3]
    design = read_design(row["model_id"])
    assert design.name == row["model_id"]
    assert design.values["total_params"] == row["total_params"]
    assert None not in design.values.values()
    assert read_design(row["model_id"].split("/")[-1].upper()) == design


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "total_params\n7e9\n8e9\n", "2 rows; a design to compare is one row"),
        ("x.csv", "", "not a readable CSV file"),
        ("x.yaml", "[1, 2]", "expected a config.json, or feature names"),
        ("x.yaml", "a: [", "not readable as YAML or JSON"),
        ("x.json", '{"model_type": "mixtral", "num_local_experts": 8}', "mixture of experts"),
    ],
)
def test_a_file_that_is_no_design_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_design(str(tmp_path / name))


def test_an_unknown_name_is_refused_with_what_is_called_alike(checkout: Path, small_tables: Tables) -> None:
    known = small_tables.design["model_id"].iloc[3]
    with pytest.raises(DataError, match=f"no such file, and no model of .*{known}"):
        read_design(known + "x")


def test_the_design_that_is_wrong_is_named(registered: RegisteredPredictor) -> None:
    with pytest.raises(DataError, match="worse: unknown feature 'pct_cod'; known: pct_code"):
        compare_designs([registered], Design("good", DESIGN), Design("worse", {"pct_cod": 3.0}), None)


def test_the_table_fits_eighty_columns_and_says_which_is_better(
    registered: RegisteredPredictor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.compare_designs.console", lambda: Console(width=80))
    first, second = Design("old", DESIGN), Design("new", OTHER)
    targets = [target.title for target in TARGETS.values()]
    predictors = [
        RegisteredPredictor(_titled(registered.predictor, title), target.group, "12", "candidate")
        for title, target in zip(targets, TARGETS.values(), strict=True)
    ]
    compared = compare_designs(predictors, first, second, None)
    print_comparisons(compared, first, second, explain=False)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    difference = compared[0].comparison.difference
    assert printed.count(f"{difference.difference:+.3f}  {difference.low:+.3f} to {difference.high:+.3f}") == len(
        TARGETS
    )
    assert printed.startswith("A: old\nB: new\n")
    assert "Raised by" not in printed


def test_one_target_is_explained(registered: RegisteredPredictor, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Design("old", DESIGN), Design("new", OTHER)
    compared = compare_designs([registered], first, second, 0.5)
    print_comparisons(compared, first, second, explain=False)
    printed = capsys.readouterr().out
    assert "50% interval" in printed
    assert "tokens_billions 100 (in old: 1000)" in printed


def test_a_model_learned_from_is_said(registered: RegisteredPredictor, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = Design(registered.predictor.support.model_ids[0], DESIGN), Design("new", OTHER)
    print_comparisons(compare_designs([registered], first, second, None), first, second, explain=False)
    assert "Learned from: A." in capsys.readouterr().out


def test_a_comparison_as_json_says_who_answered(registered: RegisteredPredictor) -> None:
    compared = compare_designs([registered], Design("old", DESIGN), Design("new", OTHER), None)
    plain = json.loads(json.dumps([target.to_dict() for target in compared]))[0]
    assert (plain["group"], plain["version"], plain["alias"]) == ("paper", "3", "champion")
    assert plain["second"]["score"] - plain["first"]["score"] == plain["difference"]


def _titled(predictor: Predictor, title: str) -> Predictor:
    return replace(predictor, card=replace(predictor.card, title=title))


def ask(*words: str) -> str:
    """What `foretell predict` prints, called with these words."""
    done = CliRunner().invoke(app, ["predict", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_compares_draws_and_explains(
    registered: RegisteredPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.cli.answers.registered_predictors", lambda benchmarks, groups: [registered] * 2)
    files = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]
    for file, tokens in zip(files, (1000, 100), strict=True):
        Path(file).write_text(f"total_params: 7e9\ntokens_billions: {tokens}\n")
    figure = tmp_path / "designs.png"
    printed = ask("--compare", *files, "--plot", str(figure), "--explain")
    assert printed.count("(in ") == 2  # one sentence per target
    assert figure.stat().st_size > 1000
    assert "(in " not in ask("--compare", *files)
    same = json.loads(ask("--compare", *files, "--tokens", "5e11", "--json"))
    assert [target["difference"] for target in same] == [0.0, 0.0]  # the option holds for both
    alone = ask("--params", "7e9", "--tokens", "1e12", "--explain", "--plot", str(tmp_path / "one.svg"))
    assert alone.count("what is predicted for the nearest models") == 2
    assert (tmp_path / "one.svg").is_file()
    assert CliRunner().invoke(app, ["predict", "--params", "7e9", "--plot", "one.jpg"]).exit_code != 0
