"""Several predictors asked at once: the answers are those of each, and what is wrong is said with row and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from known_targets import TARGETS
from registered import DESIGN, save_predictor

import foretell
from features.encoding import encoding_of
from features.tabulate import Tables
from foretell.errors import DataError, TrackingError
from models.task import Task

SLUGS = ("hellaswag_10shot", "lambada_0shot")
LONG = ["target", "model_id", "score", "low", "high"]


@pytest.fixture(scope="module")
def folder(small_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the predictors of two targets."""
    base = tmp_path_factory.mktemp("panel")
    for slug in SLUGS:
        scores = small_tables.scores.loc[small_tables.scores["benchmark"] == slug, ["model_id", "score"]]
        encoding = encoding_of(small_tables.design, "verified")
        save_predictor(base / slug, Task.of(TARGETS[slug], small_tables.design, scores, encoding))
    return base


@pytest.fixture(scope="module")
def panel(folder: Path) -> foretell.Panel:
    return foretell.load_predictors(folder)


def designs(n: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "model_id": [f"new-{i}" for i in range(n)],
            "total_params": np.exp(draw.uniform(np.log(1e8), np.log(7e10), n)),
            "tokens_billions": np.exp(draw.uniform(3, 9, n)),
            "pct_code": np.where(draw.random(n) < 0.3, np.nan, draw.uniform(0, 40, n)),
            "activation": draw.choice(["swiglu", "gelu"], n),
        }
    )


def test_it_is_a_mapping_of_targets_to_predictors(panel: foretell.Panel) -> None:
    assert list(panel) == list(SLUGS)
    assert len(panel) == 2
    assert panel["lambada_0shot"].predict(DESIGN).benchmark == "lambada_0shot"
    assert "lambada_0shot" in repr(panel)
    with pytest.raises(KeyError):
        panel["xnli_0shot"]


def test_every_answer_is_the_predictors_own(panel: foretell.Panel) -> None:
    table = designs(20)
    answers = panel.predict(table, level=0.8)
    assert list(answers.columns[:5]) == LONG
    assert {"support", "support_reason", "nearest", "predictable"} <= set(answers)
    assert not [name for name in answers if name.startswith("contribution_")]
    assert len(answers) == 40
    for target, predictor in panel.items():
        own = predictor.predict(table.drop(columns="model_id"), level=0.8)
        part = answers[answers["target"] == target].reset_index(drop=True)
        assert part["model_id"].tolist() == table["model_id"].tolist()
        pd.testing.assert_frame_equal(
            part[["score", "low", "high", "support"]], own[["score", "low", "high", "support"]]
        )


def test_text_and_numbers_are_answered_alike(panel: foretell.Panel) -> None:
    table = designs(20)
    as_text = table.map(lambda cell: "" if pd.isna(cell) else str(cell))
    pd.testing.assert_frame_equal(panel.predict(table), panel.predict(as_text))


def test_one_design_and_several_need_no_table(panel: foretell.Panel) -> None:
    one = panel.predict(DESIGN)
    assert one["model_id"].tolist() == ["1", "1"]
    assert one["score"].tolist() == [panel[target].predict(DESIGN).score for target in panel]
    several = panel.predict([DESIGN, {**DESIGN, "pct_code": None}])
    assert several["model_id"].tolist() == ["1", "2", "1", "2"]
    assert panel.predict([{**DESIGN, "model_id": "mine"}])["model_id"].tolist() == ["mine", "mine"]
    assert panel.predict(pd.DataFrame([DESIGN], index=["mine"]))["model_id"].tolist() == ["mine", "mine"]


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("pct_code", 120.0, r"row 2, column pct_code: 120.* from 0 to 100 percent; correct the cell"),
        ("pct_code", "many", "row 2, column pct_code: 'many' is not a number"),
        ("pct_code", "nan", "row 2, column pct_code: nan is not from 0 to 100"),
        ("pct_code", True, "row 2, column pct_code"),
        ("total_params", -1, "row 2, column total_params"),
        ("total_params", "inf", "row 2, column total_params"),
        ("activation", "tanh", "row 2, column activation: 'tanh' is not one of .*swiglu"),
        ("activation", 3, "row 2, column activation"),
        ("release_month", "2026", "row 2, column release_month: '2026' is no month"),
        ("pct_web", 90, "row 2: .*pct_web 90.* sum to at most 100; lower one"),
        ("model_id", "a", "row 2, column model_id: a is the name of row 1 too"),
        ("model_id", " ", "row 2, column model_id: empty"),
    ],
)
def test_a_wrong_cell_is_named(panel: foretell.Panel, column: str, cell: object, words: str) -> None:
    good = {**DESIGN, "model_id": "a"}
    wrong = {**DESIGN, "model_id": "b", column: cell}
    with pytest.raises(DataError, match=f"^these: {words}"):
        panel.predict([good, wrong], where="these")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"pct_cod": [1.0]}), "column pct_cod: unknown feature 'pct_cod'; known: pct_code.*; rename"),
        (pd.DataFrame([[1.0, 2.0]], columns=["pct_code", "pct_code"]), "columns given twice: pct_code"),
        (pd.DataFrame({"pct_code": []}), "no designs"),
        (pd.DataFrame({"model_id": ["a"]}), "no column is a feature"),
        ([], "no designs"),
        ("lambada", "expected a mapping"),
        ([3], "expected a mapping"),
    ],
)
def test_a_wrong_table_is_refused(panel: foretell.Panel, table: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        panel.predict(table)  # type: ignore[arg-type]


def test_a_comparison_is_each_predictors_own(panel: foretell.Panel) -> None:
    second = {**DESIGN, "tokens_billions": 100.0}
    compared = panel.compare(DESIGN, second, level=0.5).set_index("target")
    for target, predictor in panel.items():
        own = predictor.compare(DESIGN, second, level=0.5)
        row = compared.loc[target]
        assert (row["first"], row["second"]) == (own.first.score, own.second.score)
        assert (row["difference"], row["low"], row["high"]) == (
            own.difference.difference,
            own.difference.low,
            own.difference.high,
        )
        assert row["chance_better"] == own.chance_better


def test_it_loads_from_folders_and_from_a_dict(folder: Path, panel: foretell.Panel) -> None:
    answers = panel.predict(DESIGN)
    paths = [folder / slug for slug in SLUGS]
    assert foretell.load_predictors(paths).predict(DESIGN).equals(answers)
    assert list(foretell.load_predictors(str(paths[1]))) == ["lambada_0shot"]
    named = foretell.load_predictors({"new": paths[1], "old": panel["lambada_0shot"]})
    assert list(named) == ["new", "old"]
    assert named.predict(DESIGN)["score"].nunique() == 1


def test_what_cannot_be_loaded_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"neither it nor a folder in it holds predictor\.yaml"):
        foretell.load_predictors(tmp_path)
    with pytest.raises(DataError, match="a second predictor of lambada_0shot; a dict"):
        foretell.load_predictors([folder / "lambada_0shot"] * 2)
    with pytest.raises(DataError, match="no predictors to ask"):
        foretell.load_predictors([])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingError, match="no such store"):
        foretell.load_predictors(["lambada_0shot"])
    with pytest.raises(TrackingError, match="no such store"):
        foretell.load_predictors()
    assert not list(tmp_path.iterdir())
