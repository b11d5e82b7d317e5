"""A fitted predictor as files: saved, read and asked again; damaged in every way; asked in every order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from xgboost import XGBRegressor

from foretell.answering.boosters import contributions, importance, load_booster, predict_rows
from foretell.answering.predictor import Predictor
from foretell.answering.support import Support
from foretell.answering.trees import FINAL, fold_file
from foretell.engine import Cell
from foretell.errors import DataError
from models.boosters import train_booster
from models.fitting import Fitted, calibration_folds, card, fit_trees
from models.protocol import Protocol
from models.task import Task

FEATURES = ("total_params", "tokens_billions", "pct_code", "activation", "d_model")
PROTOCOL = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(10, 20))
FOLDS = 5


@pytest.fixture(scope="module")
def fitted(small_task: Task) -> Fitted:
    return fit_trees(small_task, FEATURES, PROTOCOL, 2, FOLDS)


def save(folder: Path, task: Task, fitted: Fitted) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, booster in fitted.boosters.items():
        (folder / name).write_bytes(booster.save_raw("ubj"))
    fitted.training.to_csv(folder / "training.csv", index=False)
    with (folder / "predictor.yaml").open("w") as stream:
        YAML().dump(card(task, "selected_design", FEATURES, fitted, 0.9, True).to_dict(), stream)


@pytest.fixture(scope="module")
def saved(small_task: Task, fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictor")
    save(folder, small_task, fitted)
    return folder


@pytest.fixture(scope="module")
def predictor(saved: Path) -> Predictor:
    return Predictor.load(saved)


@pytest.fixture(scope="module")
def queries(small_task: Task) -> pd.DataFrame:
    """Raw words and numbers of eight training models."""
    return small_task.design[list(FEATURES)].iloc[:8].astype(object).where(lambda cells: cells.notna(), None)


def test_the_files_predict_what_the_fitted_boosters_do(
    predictor: Predictor, fitted: Fitted, small_task: Task, queries: pd.DataFrame
) -> None:
    expected = predict_rows(fitted.boosters[FINAL], small_task.columns(FEATURES)[:8])
    np.testing.assert_array_equal(predictor.predict(queries)["score"], expected)


def test_the_final_booster_is_plain_xgboost_on_every_model(fitted: Fitted, small_task: Task) -> None:
    columns = small_task.columns(FEATURES)
    plain = XGBRegressor(**fitted.cell, n_jobs=1).fit(columns, small_task.scores)
    np.testing.assert_array_equal(predict_rows(fitted.boosters[FINAL], columns), plain.predict(columns).astype(float))


@pytest.mark.parametrize(("prefix", "kind", "first"), [("", 0, 0), ("family_", 1, FOLDS)])
def test_residuals_are_of_models_that_the_booster_never_saw(
    fitted: Fitted, small_task: Task, prefix: str, kind: int, first: int
) -> None:
    columns, fold = small_task.columns(FEATURES), calibration_folds(small_task.families, FOLDS)[kind]
    np.testing.assert_array_equal(fitted.training[f"{prefix}fold"], fold + first)
    for part in range(FOLDS):
        out = fold == part
        plain = XGBRegressor(**fitted.cell, n_jobs=1).fit(columns[~out], small_task.scores[~out])
        residuals = np.abs(small_task.scores[out] - plain.predict(columns[out]).astype(float))
        np.testing.assert_array_equal(fitted.training.loc[out, f"{prefix}residual"], residuals)
        np.testing.assert_array_equal(
            predict_rows(fitted.boosters[fold_file(first + part)], columns[out]),
            plain.predict(columns[out]).astype(float),
        )


def test_contributions_sum_to_the_score(predictor: Predictor, queries: pd.DataFrame) -> None:
    answer = predictor.predict(queries)
    parts = ["contribution_base", "contribution_bounds", *(f"contribution_{name}" for name in FEATURES)]
    np.testing.assert_allclose(answer[parts].sum(axis=1), answer["score"], rtol=0, atol=2e-6)
    assert (answer["low"] <= answer["score"]).all()
    assert (answer["score"] <= answer["high"]).all()


def test_a_score_beyond_what_is_possible_becomes_the_nearest_possible_one(
    predictor: Predictor, queries: pd.DataFrame
) -> None:
    free = predictor.predict(queries)
    middle = float(free["score"].median())
    card = replace(predictor.card, bounds=(0.0, middle))
    answer = replace(predictor, card=card).predict(queries)
    np.testing.assert_array_equal(answer["score"], free["score"].clip(upper=middle))
    assert (answer["contribution_bounds"] < 0).any()
    parts = answer.filter(like="contribution_").sum(axis=1)
    np.testing.assert_allclose(parts, answer["score"], rtol=0, atol=2e-6)
    assert (answer["low"] <= answer["score"]).all()
    assert (answer["score"] <= answer["high"]).all()
    assert (answer["high"] <= middle).all()


def test_answers_stay_within_the_metrics_bounds(predictor: Predictor, queries: pd.DataFrame) -> None:
    wide = predictor.predict(queries, level=0.95)
    narrow = predictor.predict(queries, level=0.5)
    assert ((wide["low"] >= 0) & (wide["high"] <= 1)).all()
    assert ((wide["high"] - wide["low"]) > (narrow["high"] - narrow["low"])).all()


def test_the_order_of_columns_and_rows_does_not_matter(predictor: Predictor, queries: pd.DataFrame) -> None:
    straight = predictor.predict(queries)
    pd.testing.assert_frame_equal(predictor.predict(queries[list(FEATURES)[::-1]]), straight)
    pd.testing.assert_frame_equal(predictor.predict(queries.iloc[::-1]).iloc[::-1], straight)
    pd.testing.assert_frame_equal(predictor.predict(queries.iloc[[3]]), straight.iloc[[3]])


def test_missing_features_are_unknown(predictor: Predictor, queries: pd.DataFrame) -> None:
    absent = predictor.predict(queries.drop(columns="pct_code"))
    pd.testing.assert_frame_equal(predictor.predict(queries.assign(pct_code=None)), absent)
    pd.testing.assert_frame_equal(predictor.predict(queries.assign(pct_code=np.nan)), absent)
    assert np.isfinite(predictor.predict(pd.DataFrame({"total_params": [7e9]}))["score"]).all()


def test_known_features_that_are_not_read_change_nothing(predictor: Predictor, queries: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(predictor.predict(queries.assign(pct_books=3.0)), predictor.predict(queries))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pct_cod": 3.0}, "unknown feature 'pct_cod'; known: pct_code"),
        ({"pct_code": 130.0}, r"pct_code: 130\.0 is not from 0 to 100 percent"),
        ({"tokens_billions": -1.0}, r"tokens_billions: -1\.0 is not from"),
        ({"activation": "tanh"}, "activation: 'tanh' is not one of"),
        ({"d_model": "wide"}, "d_model: 'wide' is not a number"),
    ],
)
def test_a_wrong_query_is_refused(
    predictor: Predictor, queries: pd.DataFrame, change: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        predictor.predict(queries.assign(**change))
    with pytest.raises(DataError, match="no rows to predict for"):
        predictor.predict(queries.iloc[:0])


def test_a_training_model_is_its_own_nearest(predictor: Predictor, small_task: Task, queries: pd.DataFrame) -> None:
    answer = predictor.predict(queries)
    for position in range(len(queries)):
        row = small_task.columns(FEATURES)[position]
        assert predictor.support.verdicts(row[None]).distance == 0.0
    assert set(answer["support"]) <= {"inside", "edge", "outside"}
    far = predictor.predict(pd.DataFrame({"total_params": [1.9e12], "tokens_billions": [49_000.0]}))
    assert far.loc[0, "support"] == "outside"
    assert "times the largest known" in far.loc[0, "support_reason"]


def test_the_month_of_release_reaches_support(fitted: Fitted, small_task: Task, tmp_path: Path) -> None:
    dated = fitted.training.assign(release_month=["2023-05"] * (len(fitted.training) - 1) + [None])
    save(tmp_path, small_task, replace(fitted, training=dated))
    predictor = Predictor.load(tmp_path)
    design = small_task.design[list(FEATURES)].iloc[:1].assign(release_month="2025-05")
    answer = predictor.predict(design)
    assert answer.loc[0, "support"] == "edge"
    assert "24 months" in answer.loc[0, "support_reason"]
    undated = predictor.predict(design.assign(release_month=None))
    pd.testing.assert_frame_equal(undated, predictor.predict(design.drop(columns="release_month")))
    assert undated.loc[0, "score"] == answer.loc[0, "score"]
    with pytest.raises(DataError, match="release_month: '2025-13'"):
        predictor.predict(design.assign(release_month="2025-13"))


def test_support_is_the_same_after_saving_and_loading(predictor: Predictor, fitted: Fitted, small_task: Task) -> None:
    columns = small_task.columns(FEATURES)
    described = tuple(small_task.encoding.feature(name) for name in FEATURES)
    support = Support(
        columns,
        described,
        small_task.model_ids,
        importance=importance(fitted.boosters[FINAL], columns),
        error=float(fitted.training[["residual", "family_residual"]].to_numpy().mean()),
        shares=small_task.encoding.shares,
    )
    rng = np.random.default_rng(0)
    asked = columns + rng.normal(0, 0.1, columns.shape) * support.range
    asked[rng.random(columns.shape) < 0.1] = np.nan
    expected, loaded = support.verdicts(asked), predictor.support.verdicts(asked)
    assert (loaded.verdict, loaded.reasons, loaded.nearest) == (expected.verdict, expected.reasons, expected.nearest)
    assert set(expected.verdict) == {"inside", "edge", "outside"}
    for name in ("distance", "spacing", "beyond", "months_ahead"):
        np.testing.assert_allclose(getattr(loaded, name), getattr(expected, name), rtol=1e-9)


DAMAGES = ("no card", "card is no YAML", "card without features", "no booster", "cut booster", "text as booster",
           "no fold", "no training", "training without a feature", "empty card")  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_gets_one_data_error(small_task: Task, fitted: Fitted, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "damaged"
    save(folder, small_task, fitted)
    Predictor.load(folder)
    card_file, final = folder / "predictor.yaml", folder / "final.ubj"
    if damage == "no card":
        card_file.unlink()
    elif damage == "card is no YAML":
        card_file.write_text("features: [\n")
    elif damage == "empty card":
        card_file.write_text("")
    elif damage == "card without features":
        card_file.write_text("n_folds: 5\n")
    elif damage == "no booster":
        final.unlink()
    elif damage == "cut booster":
        final.write_bytes(final.read_bytes()[:200])
    elif damage == "text as booster":
        final.write_text("not a booster")
    elif damage == "no fold":
        (folder / fold_file(3)).unlink()
    elif damage == "no training":
        (folder / "training.csv").unlink()
    elif damage == "training without a feature":
        training = pd.read_csv(folder / "training.csv").drop(columns="pct_code")
        training.to_csv(folder / "training.csv", index=False)
    with pytest.raises(DataError) as caught:
        Predictor.load(folder)
    assert str(folder) in str(caught.value)


def test_a_missing_booster_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"final\.ubj: missing"):
        load_booster(tmp_path / "final.ubj")


def test_contributions_are_shaps_own(small_task: Task) -> None:
    shap = pytest.importorskip("shap")
    columns = small_task.columns(FEATURES)
    booster = train_booster(columns[:30], small_task.scores[:30], Cell(0.3, 3, 30))
    found = contributions(booster, columns)
    np.testing.assert_allclose(found.sum(axis=1), predict_rows(booster, columns), rtol=0, atol=2e-6)
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(found[:, :-1], explainer.shap_values(columns), rtol=0, atol=2e-5)
