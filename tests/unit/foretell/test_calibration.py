"""Intervals by distance, calibration folds and the checks of a table of queries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.encoding import encoding_with
from foretell.answering.intervals import Calibration, cv_plus
from foretell.errors import DataError
from models.fitting import calibration_folds

ENCODING = encoding_with("verified", {"activation": ("gelu", "swiglu")})


def test_each_query_is_answered_from_its_own_third() -> None:
    rng = np.random.default_rng(0)
    n, near = 90, 30
    distances = np.concatenate([np.zeros(near), np.full(near, 0.5), np.full(near, 1.0)])
    residuals = np.concatenate([rng.uniform(0, 0.01, near), rng.uniform(0, 0.1, near), rng.uniform(0, 1, near)])
    fold = np.arange(n) % 5
    predictions = rng.normal(size=(5, 3))
    low, high = Calibration(fold, residuals, distances).interval(predictions, np.array([0.0, 0.5, 2.0]), 0.9)
    for query, rows in enumerate((slice(0, 30), slice(30, 60), slice(60, 90))):
        own = cv_plus(predictions[:, [query]], residuals[rows], fold[rows], 0.9, finite_sample=False)
        assert (low[query], high[query]) == (own[0][0], own[1][0])
    assert np.isfinite([low, high]).all()


def test_equal_distances_are_one_group() -> None:
    rng = np.random.default_rng(1)
    predictions, residuals, fold = rng.normal(size=(4, 6)), rng.uniform(size=40), np.arange(40) % 4
    found = Calibration(fold, residuals, np.zeros(40)).interval(predictions, np.linspace(0, 1, 6), 0.8)
    whole = cv_plus(predictions, residuals, fold, 0.8, finite_sample=False)
    np.testing.assert_array_equal(found, whole)


def test_coverage_of_exchangeable_rows_is_nominal() -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(400):
        noise = rng.normal(size=121)
        distances = rng.uniform(size=121)
        scaled = noise * (0.1 + distances)
        low, high = Calibration(np.arange(120) % 5, np.abs(scaled[:-1]), distances[:-1]).interval(
            np.zeros((5, 1)), distances[-1:], 0.9
        )
        inside.append(low[0] <= scaled[-1] <= high[0])
    assert np.mean(inside) == pytest.approx(0.9, abs=0.045)  # three standard errors


def test_family_folds_keep_families_whole_and_both_partition_the_rows() -> None:
    families = ["a"] * 7 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2 + list("efghij")
    shuffled, whole = calibration_folds(families, 5)
    assert sorted(np.bincount(shuffled)) == [4, 4, 4, 4, 5]
    assert set(whole) == set(range(5))
    for name in set(families):
        assert len({fold for fold, family in zip(whole, families, strict=True) if family == name}) == 1
    few = calibration_folds(["a", "a", "b", "b"], 20)
    assert (set(few[0]), set(few[1])) == ({0, 1, 2, 3}, {0, 1})


def test_a_table_of_queries_is_checked_as_each_row_is() -> None:
    table = pd.DataFrame(
        {
            "total_params": [7_000_000_000, 1_000_000],
            "activation": ["swiglu", None],
            "pct_code": pd.Series([None, 20], dtype="object"),
            "pct_web": [np.nan, 80.0],
        },
        index=[5, 9],
    )
    checked = ENCODING.check_table(table)
    assert list(checked.index) == [5, 9]
    for position, row in enumerate(table.to_dict("records")):
        kept = {name: value for name, value in checked.iloc[position].items() if pd.notna(value)}
        assert kept == ENCODING.check_query(row)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"activation": ["swiglu", "swigloo"]}, "activation: 'swigloo' is not one of gelu, swiglu"),
        ({"pct_cod": [1]}, "unknown feature 'pct_cod'; known: pct_code"),
        ({"pct_code": [1.0, 101.0]}, "pct_code: 101.0 is not from 0 to 100 percent"),
        ({"pct_code": [1.0, float("inf")]}, "pct_code: inf is not from 0 to 100"),
        ({"pct_code": [1, True]}, "pct_code: True is not from"),
        ({"pct_code": ["some"]}, "pct_code: 'some' is not a number"),
        ({"pct_code": [[1, 2]]}, "is not a number"),
        ({"pct_code": [10, 60], "pct_web": [10, 60]}, "pct_web 60 \\+ pct_code 60 = 120 percent"),
        ({"activation": []}, "no rows to predict for"),
    ],
)
def test_a_wrong_cell_is_named(table: dict[str, list[object]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ENCODING.check_table(pd.DataFrame(table))
