"""Explanations of held-out rows: exact, complete, and by boosters that never saw the row."""

import numpy as np
import pandas as pd
import pytest
from xgboost import XGBRegressor

from foretell.engine import Cell
from models.explanation import held_out_shap, importance, mean_per_model
from models.protocol import Protocol
from models.splits import random_splits
from models.task import Task

FEATURES = ("total_params", "tokens_billions", "pct_code", "activation")
PROTOCOL = Protocol()
CELLS = [[Cell(0.3, 2, 20), Cell(0.1, 3, 50), Cell(0.3, 5, 10)], [Cell(0.1, 2, 50)] * 3]


@pytest.fixture(scope="module")
def shap_values(small_task: Task) -> pd.DataFrame:
    splits = [random_splits(len(small_task.scores), seed, PROTOCOL) for seed in range(2)]
    return held_out_shap(small_task, FEATURES, splits, CELLS)


def test_every_model_is_explained_once_a_seed(small_task: Task, shap_values: pd.DataFrame) -> None:
    assert len(shap_values) == 2 * len(small_task.scores) * len(FEATURES)
    assert not shap_values.duplicated(["seed", "model_id", "feature"]).any()
    assert set(shap_values["model_id"]) == set(small_task.model_ids)


def test_rows_sum_to_the_prediction_of_a_booster_that_never_saw_them(
    small_task: Task, shap_values: pd.DataFrame
) -> None:
    columns = small_task.columns(FEATURES)
    grouped = shap_values.groupby(["seed", "model_id"])
    total = grouped["shap"].sum() + grouped["base"].first()
    for seed in range(2):
        split = random_splits(len(small_task.scores), seed, PROTOCOL)
        for fold, cell in zip(split.outer, CELLS[seed], strict=True):
            plain = XGBRegressor(**cell._asdict(), n_jobs=1).fit(columns[fold.train], small_task.scores[fold.train])
            models = [small_task.model_ids[row] for row in fold.test]
            np.testing.assert_allclose(total.loc[seed].loc[models], plain.predict(columns[fold.test]), atol=2e-6)


def test_values_are_the_encoded_features(small_task: Task, shap_values: pd.DataFrame) -> None:
    _, values = mean_per_model(shap_values)
    assert list(values) == list(FEATURES)
    np.testing.assert_array_equal(values.loc[list(small_task.model_ids)].to_numpy(), small_task.columns(FEATURES))


def test_means_and_importance_by_hand() -> None:
    rows = [(0, "a", "x", 1.0, 0.2), (1, "a", "x", 1.0, 0.4), (0, "a", "y", 5.0, -1.0), (1, "a", "y", 5.0, 1.0)]
    table = pd.DataFrame(rows, columns=["seed", "model_id", "feature", "value", "shap"])
    shap, values = mean_per_model(table)
    assert shap.loc["a"].to_dict() == pytest.approx({"x": 0.3, "y": 0.0})
    assert values.loc["a"].to_dict() == {"x": 1.0, "y": 5.0}
    ranked = importance(table)
    assert ranked["feature"].tolist() == ["y", "x"]
    assert ranked["mean_abs_shap"].tolist() == pytest.approx([1.0, 0.3])
    assert ranked["rank"].tolist() == [1, 2]
