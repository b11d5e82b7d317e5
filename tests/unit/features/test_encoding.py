"""Words to codes, sizes to logarithms, and one line for every wrong query."""

import math

import numpy as np
import pandas as pd
import pytest

from features.encoding import encoding_of
from foretell.answering.encoding import Encoding
from foretell.errors import DataError

DESIGN = pd.DataFrame(
    {
        "model_id": ["a/x", "b/y", "c/z"],
        "activation": ["swiglu", "gelu", None],
        "positional_embeddings": ["rope", "alibi", "rope"],
        "layer_norm_type": ["rmsnorm", "parametric", "rmsnorm"],
        "attention_variant": ["full", "gqa", "full"],
        "biases": ["none", "all", "none"],
        "block_type": ["sequential", "sequential", "parallel"],
        "total_params": [1e9, 7e9, math.nan],
        "tokens_billions": [300.0, 2000.0, 10.0],
        "pct_code": [20.0, math.nan, 0.0],
    }
)
VERIFIED, PUBLISHED = encoding_of(DESIGN, "verified"), encoding_of(DESIGN, "published")


def test_categories_are_in_alphabetical_order() -> None:
    assert VERIFIED.words["positional_embeddings"] == ("alibi", "rope")
    codes = VERIFIED.matrix(DESIGN, ["positional_embeddings", "block_type"])
    np.testing.assert_array_equal(codes, [[1, 1], [0, 1], [1, 0]])


def test_an_unknown_word_is_missing_in_the_verified_view() -> None:
    assert VERIFIED.words["activation"] == ("gelu", "swiglu")
    np.testing.assert_array_equal(VERIFIED.matrix(DESIGN, ["activation"])[:, 0], [1, 0, np.nan])


def test_an_unknown_word_is_a_category_of_its_own_in_the_published_view() -> None:
    # alphabetical: gelu, missing, swiglu
    assert PUBLISHED.words["activation"] == ("gelu", "missing", "swiglu")
    np.testing.assert_array_equal(PUBLISHED.matrix(DESIGN, ["activation"])[:, 0], [2, 0, 1])
    assert PUBLISHED.words["block_type"] == ("parallel", "sequential")  # nothing unknown: no category for it


def test_sizes_enter_as_natural_logarithms() -> None:
    found = VERIFIED.matrix(DESIGN, ["total_params", "tokens_billions"])
    np.testing.assert_allclose(found[:2], [[math.log(1e9), math.log(300)], [math.log(7e9), math.log(2000)]], rtol=1e-15)
    assert np.isnan(found[2, 0])


def test_numbers_enter_as_they_are() -> None:
    np.testing.assert_array_equal(VERIFIED.matrix(DESIGN, ["pct_code"])[:, 0], [20, np.nan, 0])


def test_absent_columns_are_unknown() -> None:
    query = pd.DataFrame({"total_params": [1e9]})
    found = VERIFIED.matrix(query, ["total_params", "pct_code", "activation"])
    np.testing.assert_array_equal(np.isnan(found), [[False, True, True]])
    published = PUBLISHED.matrix(query, ["activation", "pct_code"])
    assert published[0, 0] == 1.0  # the category `missing`
    assert np.isnan(published[0, 1])


def test_a_word_that_no_model_has_is_refused() -> None:
    with pytest.raises(DataError, match="activation: 'tanh' is not one of gelu, swiglu"):
        VERIFIED.matrix(pd.DataFrame({"activation": ["tanh"]}), ["activation"])


@pytest.mark.parametrize("encoding", [VERIFIED, PUBLISHED])
def test_it_survives_a_round_trip(encoding: Encoding) -> None:
    again = Encoding.from_dict(encoding.to_dict())
    assert again == encoding
    names = ["total_params", "activation", "pct_code"]
    np.testing.assert_array_equal(again.matrix(DESIGN, names), encoding.matrix(DESIGN, names))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"tokens_billions": -2000}, r"tokens_billions: -2000 is not from 0.001 to 50000 billion tokens"),
        ({"tokens_billions": 0}, r"tokens_billions: 0 is not from 0.001"),
        ({"tokens_billions": 2e12}, r"tokens_billions: 2000000000000.0 is not from 0.001 to 50000 billion tokens"),
        ({"pct_code": 130}, r"pct_code: 130 is not from 0 to 100 percent"),
        ({"pct_code": "lots"}, r"pct_code: 'lots' is not a number \(percent\)"),
        ({"total_params": math.inf}, r"total_params: inf is not from 100000 to 2e\+12 parameters"),
        ({"pct_code": 60, "pct_web": 70}, r"pct_web 70 \+ pct_code 60 = 130 percent; shares .* at most 100"),
        ({"activation": "tanh"}, r"activation: 'tanh' is not one of gelu, swiglu$"),
        ({"activation": 3}, r"activation: 3 is not one of gelu, swiglu$"),
        ({"activation": "missing"}, r"activation: 'missing' is not one of gelu, swiglu$"),
        ({"pct_cod": 20}, r"unknown feature 'pct_cod'; known: pct_code"),
        ({"tokens": 20}, r"unknown feature 'tokens'; known: .*n_tokens"),
        ({"zzz": 20}, r"unknown feature 'zzz'; known: total_params, tokens_billions, d_model"),
    ],
)
@pytest.mark.parametrize("encoding", [VERIFIED, PUBLISHED], ids=["verified", "published"])
def test_a_wrong_query_gets_one_line(encoding: Encoding, query: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        encoding.check_query(query)
    assert "\n" not in str(caught.value)


def test_unknown_cells_are_left_out_and_numbers_are_floats() -> None:
    query = {"total_params": "7e9", "pct_code": None, "pct_web": math.nan, "activation": pd.NA, "biases": "none"}
    assert VERIFIED.check_query(query) == {"total_params": 7e9, "biases": "none"}
    assert isinstance(VERIFIED.check_query({"pct_code": 20})["pct_code"], float)


def test_a_query_may_give_its_month_of_release_which_is_no_feature() -> None:
    assert VERIFIED.check_query({"release_month": "2026-03", "pct_code": 20})["release_month"] == "2026-03"
    assert VERIFIED.check_query({"release_month": None}) == {}
    table = VERIFIED.check_table(pd.DataFrame({"release_month": ["2026-03", None], "pct_code": [20, 30]}))
    assert [month if pd.notna(month) else None for month in table["release_month"]] == ["2026-03", None]
    assert VERIFIED.matrix(table, ["pct_code"]).tolist() == [[20], [30]]


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "2026-3", "26-03", "2026-03-01", "March 2026", "", 202603, 2026.3]
)
def test_what_is_no_month_is_refused(month: object) -> None:
    with pytest.raises(DataError, match=r"release_month: .*YYYY-MM"):
        VERIFIED.check_query({"release_month": month})
    with pytest.raises(DataError, match=r"release_month: .*YYYY-MM"):
        VERIFIED.check_table(pd.DataFrame({"release_month": [month]}))


def test_rounded_shares_may_pass_100_by_a_little() -> None:
    assert VERIFIED.check_query({"pct_web": 70.2, "pct_code": 30.2})
    with pytest.raises(DataError, match=r"100\.6 percent"):
        VERIFIED.check_query({"pct_web": 70.3, "pct_code": 30.3})
