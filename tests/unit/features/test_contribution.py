"""New rows for the raw tables: what is missing, what is doubled, and that nothing else in the file changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.contribution import Facts, appended, check_id, model_rows, params_check, score_rows
from features.hf_config import architecture_columns
from features.schema import MODELS, PRETRAINING, SCORES
from foretell.errors import DataError

CONFIG = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "n_positions": 1024}
FACTS = Facts(
    "me/gpt",
    "gpt",
    3e11,
    "mix",
    "notes",
    None,
    "2026-01",
    124_439_808,
    "count",
    {"web": 80.0, "code": 20.0},
)


def test_an_id_is_org_and_name_and_spelled_as_it_is_known() -> None:
    check_id("me/gpt-2", ["me/gpt-1", "me/gpt-2"])
    for model_id in ("gpt", "me/gpt/2", "me/g pt", ""):
        with pytest.raises(DataError, match="expected org/name"):
            check_id(model_id, [])
    with pytest.raises(DataError, match="Me/GPT-2 is there already, with other capitals"):
        check_id("me/gpt-2", ["Me/GPT-2"])


def test_rows_hold_every_column_and_leave_the_unknown_empty() -> None:
    design, data = model_rows(FACTS, architecture_columns(CONFIG, "GPT2Config"))
    assert (list(design), list(data)) == (MODELS.names, PRETRAINING.names)
    assert design["total_params"] == "124439808"  # GPT-2 small
    assert (design["params_check"], design["is_base"], design["tied_embeddings"]) == ("exact", "true", "true")
    assert (data["tokens_billions"], data["pct_code"], data["pct_books"]) == ("300", "20", "")


def test_everything_missing_is_named_at_once() -> None:
    bare = Facts("me/gpt", None, None, None, "notes", None, None, None, None, {})
    options = "--family, --tokens, --corpus, --release, --official-params, --official-source"
    with pytest.raises(DataError, match=options):
        model_rows(bare, architecture_columns(CONFIG, "GPT2Config"))


@pytest.mark.parametrize(
    ("counted", "official", "word"),
    [(100, 100, "exact"), (6_738_415_616, 6_740_000_123, "within_1pct"), (6_738_415_616, 6.7e9, "within_1pct_nominal")],
)
def test_counts_are_compared(counted: int, official: float, word: str) -> None:
    assert params_check(counted, official) == word


def test_a_rounded_name_may_be_far_off_and_a_count_may_not() -> None:
    assert params_check(6_738_415_616, 7e9) == "over_1pct_nominal"
    with pytest.raises(DataError, match="more than 1 % apart"):
        params_check(6_738_415_616, 7_123_456_789)
    with pytest.raises(DataError, match=r"more than 25 % \(a rounded name\) apart"):
        params_check(3_211_963_392, 5e9)


def test_appending_keeps_every_byte_before_and_refuses_doubles() -> None:
    score = {"benchmark": "lambada", "subtask": "lambada_openai", "n_shot": 0, "metric": "accuracy", "score": 0.5}
    rows = score_rows("me/gpt", [{**score, "stderr": float("nan")}])
    before = ",".join(SCORES.names) + "\n" + 'a/b,lambada,"x",0,accuracy,0.50,'
    after = appended(SCORES, before, rows)
    assert after == before + "\nme/gpt,lambada,lambada_openai,0,accuracy,0.5,,,,,\n"
    with pytest.raises(DataError, match="there already: me/gpt / lambada / lambada_openai / 0 / accuracy"):
        appended(SCORES, after, rows)


def test_a_rounded_name_is_no_proof_of_a_count_whose_tying_is_assumed() -> None:
    architecture = architecture_columns(CONFIG, "GPT2Config")
    counted = int(architecture["total_params"])
    with pytest.raises(DataError, match=r"does not say whether .* fits both: 124,439,808 and 130,000,000"):
        model_rows(replace(FACTS, official_params=1.2e8), architecture, 130_000_000)
    assert model_rows(FACTS, architecture, 130_000_000)[0]["params_check"] == "exact"
    assert model_rows(replace(FACTS, official_params=1.2e8), architecture, 4 * counted)[0]["total_params"]
