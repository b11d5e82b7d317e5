"""One row of generation features from single generations: columns, pooling, NaN with a reason."""

import math
from pathlib import Path

import numpy as np
import pytest

from features.text_domains import DOMAINS, domain_shares
from features.text_parsed import read_conllu
from features.text_table import COLUMNS, PER_WORDS_COLUMNS, feature_row, mean_and_spread, parse_numbers, text_numbers
from foretell.errors import DataError

FIXTURE = Path(__file__).parents[2] / "fixtures" / "text" / "two_sentences.conllu"


def test_fifty_three_columns_each_once() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 53


def test_row_has_every_column_and_all_are_finite() -> None:
    parse = parse_numbers(read_conllu(FIXTURE.read_text(encoding="utf-8")))
    numbers = [
        {**text_numbers("The old dog that barked slept. Cats don't care.", 12), **parse, "educational_score": 1.0},
        {**text_numbers("Why? Take 3 dogs and go, dogs and cats.", 10), **parse, "educational_score": 2.0},
    ]
    row = feature_row(numbers, ["en", "de"], ["web", "code"])
    assert set(row.values) == {*COLUMNS, *PER_WORDS_COLUMNS}
    assert all(np.isfinite(value) for value in row.values.values())
    assert row.not_computed == {}
    assert row.values["n_tokens_mean"] == 11.0
    assert row.values["n_tokens_std"] == pytest.approx(math.sqrt(2))
    assert row.values["educational_score_mean"] == 1.5
    assert row.values["pct_generated_english"] == 50.0
    assert row.values["pct_generated_web"] == row.values["pct_generated_code"] == 50.0
    # both texts: 47 + 39 characters, 9 + 9 words; `and` twice, Why, Take and go, one number
    assert row.values["conjunctions_ratio"] == pytest.approx(2e5 / 86)
    assert row.values["conjunctions_per_100k_words"] == pytest.approx(2e5 / 18)
    assert row.values["question_words_per_100k_words"] == pytest.approx(1e5 / 18)
    assert row.values["imperative_words_per_100k_words"] == pytest.approx(2e5 / 18)
    assert row.values["pct_number_tokens"] == pytest.approx(100 / 18)


def test_what_is_missing_is_nan_with_a_reason() -> None:
    row = feature_row([text_numbers("some words", 2), text_numbers("", 0)], [None, None], [None, None])
    assert math.isnan(row.values["pct_generated_web"])
    assert row.not_computed["pct_generated_*"] == "no domain classifier ran"
    assert row.not_computed["n_words_mean, n_words_std"] == "no generation was parsed"
    assert row.not_computed["educational_score_mean, educational_score_std"] == "no educational classifier ran"
    assert row.not_computed["pct_generated_english"] == "no language was detected"
    assert row.not_computed["type_token_ratio_std"] == "only one generation has a value"
    assert row.counts["n_generations"] == 2
    assert row.counts["n_parsed"] == 0
    missing = {column for column, value in row.values.items() if math.isnan(value)}
    named = " ".join(row.not_computed)
    assert all(column in named or column.startswith("pct_generated_") for column in missing)


def test_order_of_generations_does_not_matter() -> None:
    numbers = [text_numbers(text, 5) for text in ("a b c", "how are you and why", "12 dogs")]
    forward = feature_row(numbers, ["en", "fr", "en"], ["web", "other", "books"])
    backward = feature_row(numbers[::-1], ["en", "fr", "en"], ["books", "other", "web"])
    for column in forward.values:
        np.testing.assert_allclose(forward.values[column], backward.values[column], rtol=1e-12)


def test_mean_and_spread_leave_out_nan() -> None:
    assert mean_and_spread([1.0, float("nan"), 3.0]) == (2.0, pytest.approx(math.sqrt(2)))
    assert math.isnan(mean_and_spread([])[0])
    mean, spread = mean_and_spread([4.0])
    assert mean == 4.0
    assert math.isnan(spread)


def test_domain_shares_leave_out_what_has_no_domain() -> None:
    shares, outside = domain_shares(["web"] * 3 + ["code"] + ["incoherent"] * 5 + ["other", "unanswered"])
    assert shares["pct_generated_web"] == 75.0
    assert shares["pct_generated_code"] == 25.0
    assert sum(shares.values()) == pytest.approx(100)
    assert outside == {"incoherent": 5, "other": 1, "unanswered": 1}


def test_no_domain_at_all_is_nan_not_zero() -> None:
    shares, outside = domain_shares(["incoherent", "other"])
    assert len(shares) == len(DOMAINS)
    assert all(math.isnan(share) for share in shares.values())
    assert outside["incoherent"] == 1


def test_unknown_labels_are_refused() -> None:
    with pytest.raises(DataError, match="poetry"):
        domain_shares(["web", "poetry"])
