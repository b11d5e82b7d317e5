"""The baselines against numpy and scikit-learn, and a task that does not depend on how its tables were stored."""

import numpy as np
import pandas as pd
import pytest
from known_targets import TARGETS
from sklearn.linear_model import LinearRegression

from features.encoding import encoding_of
from features.tabulate import Tables
from foretell.errors import DataError
from models.baselines import log_linear_fit_predict, median_fit_predict
from models.task import Task


def test_the_median_is_the_training_folds(small_task: Task) -> None:
    test = np.zeros((3, 2))
    np.testing.assert_array_equal(median_fit_predict(np.zeros((4, 2)), np.array([1.0, 9, 2, 3]), test), [2.5] * 3)


def test_log_linear_is_least_squares_on_logarithms(small_task: Task) -> None:
    columns, scores = small_task.columns(("total_params", "tokens_billions")), small_task.scores
    expected = LinearRegression().fit(columns[:30], scores[:30]).predict(columns[30:])
    np.testing.assert_allclose(log_linear_fit_predict(columns[:30], scores[:30], columns[30:]), expected, rtol=1e-9)
    raw = small_task.design[["total_params", "tokens_billions"]].to_numpy(dtype=float)
    np.testing.assert_allclose(columns, np.log(raw), rtol=1e-15)


def test_log_linear_recovers_a_law() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(1, 20, (12, 2))
    scores = 0.3 + 0.02 * rows[:, 0] - 0.05 * rows[:, 1]
    asked = np.array([[2.0, 3.0], [40.0, 50.0]])
    found = log_linear_fit_predict(rows, scores, asked)
    np.testing.assert_allclose(found, 0.3 + 0.02 * asked[:, 0] - 0.05 * asked[:, 1], rtol=1e-12)


@pytest.fixture(scope="module")
def target(small_tables: Tables) -> pd.DataFrame:
    scores = small_tables.scores
    return scores.loc[scores["benchmark"] == "hellaswag_10shot", ["model_id", "score"]]


def test_rows_are_sorted_by_model(small_tables: Tables, target: pd.DataFrame) -> None:
    encoding = encoding_of(small_tables.design, "verified")
    straight = Task.of(TARGETS["hellaswag_10shot"], small_tables.design, target, encoding)
    shuffled = small_tables.design.sample(frac=1, random_state=1), target.sample(frac=1, random_state=2)
    moved = Task.of(TARGETS["hellaswag_10shot"], *shuffled, encoding)
    assert list(straight.model_ids) == sorted(straight.model_ids)
    assert straight.model_ids == moved.model_ids
    np.testing.assert_array_equal(straight.scores, moved.scores)
    names = [feature.name for feature in encoding.features if feature.name in small_tables.design]
    np.testing.assert_array_equal(straight.columns(names), moved.columns(names))
    assert dict(zip(straight.model_ids, straight.scores, strict=True)) == dict(
        zip(target["model_id"], target["score"], strict=True)
    )


def test_a_subset_keeps_rows_together(small_task: Task) -> None:
    rows = np.array([3, 7, 20])
    part = small_task.subset(rows)
    assert part.model_ids == tuple(np.array(small_task.model_ids)[rows])
    assert part.families == tuple(np.array(small_task.families)[rows])
    np.testing.assert_array_equal(part.scores, small_task.scores[rows])
    np.testing.assert_array_equal(part.columns(("d_model",)), small_task.columns(("d_model",))[rows])


def test_scores_that_do_not_fit_are_refused(small_tables: Tables, target: pd.DataFrame) -> None:
    encoding = encoding_of(small_tables.design, "verified")
    stranger = pd.concat([target, pd.DataFrame({"model_id": ["no/body"], "score": [0.5]})])
    with pytest.raises(DataError, match=r"models without a design row: \['no/body'\]"):
        Task.of(TARGETS["hellaswag_10shot"], small_tables.design, stranger, encoding)
    with pytest.raises(DataError, match="scores must be finite, one per model"):
        Task.of(TARGETS["hellaswag_10shot"], small_tables.design, pd.concat([target, target.iloc[[0]]]), encoding)
    with pytest.raises(DataError, match="scores must be finite, one per model"):
        Task.of(TARGETS["hellaswag_10shot"], small_tables.design, target.assign(score=np.nan), encoding)
