"""Tokens are pieces of words: each gets the whole word it lies in, and the class of that word."""

from __future__ import annotations

import re

import pytest

from foretell.errors import DataError
from foretell.experiments import words
from foretell.experiments.words import FUNCTION_WORDS, word_class, words_of_spans


def spans(text: str, tokens: list[str]) -> list[tuple[int, int]]:
    """Where `tokens`, put together, lie in `text`."""
    assert "".join(tokens) == text
    ends = [sum(map(len, tokens[: at + 1])) for at in range(len(tokens))]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def test_a_piece_counts_as_its_whole_word() -> None:
    tokens = ["The", " th", "ink", "er", " of", " 19", "37", ",", " said", ":\n", "\n\n", "“", "No", "”"]
    text = "".join(tokens)
    found = words_of_spans(text, spans(text, tokens), code=False)
    assert found == ["the", "thinker", "thinker", "thinker", "of", "1937", "1937", ",", "said", ":", "", "“", "no", "”"]
    assert [word_class(word, code=False) for word in found] == [
        "function word", *["content word"] * 3, "function word", "number", "number", "punctuation", "content word",
        "punctuation", "white space", "punctuation", "function word", "punctuation",
    ]  # fmt: skip


def test_a_piece_without_the_space_before_it_is_no_word_of_its_own() -> None:
    """The "the" of "bathe" is a piece of a content word, and "no" in a row of letters is not the word no."""
    found = words_of_spans("bathe", [(0, 2), (2, 5)], code=False)
    assert found == ["bathe", "bathe"]
    assert "the" in FUNCTION_WORDS and word_class("bathe", code=False) == "content word"


def test_contractions_are_function_words() -> None:
    tokens = ["We", " don", "'t", " know", " it", "'s"]
    text = "".join(tokens)
    found = [word_class(word, code=False) for word in words_of_spans(text, spans(text, tokens), code=False)]
    assert found == ["function word"] * 3 + ["content word"] + ["function word"] * 2


def test_code_has_names_and_keywords() -> None:
    tokens = ["def", " read", "_v", "2", "(", "x", ")", ":\n", "    ", "return", " x", " +", " 0", "x", "1f"]
    text = "".join(tokens)
    found = words_of_spans(text, spans(text, tokens), code=True)
    assert found[:4] == ["def", "read_v2", "read_v2", "read_v2"] and found[-3:] == ["0x1f"] * 3
    assert [word_class(word, code=True) for word in found] == [
        "keyword", *["name"] * 3, "punctuation", "name", "punctuation", "punctuation", "white space", "keyword", "name",
        "punctuation", *["number"] * 3,
    ]  # fmt: skip


def test_case_matters_in_code_only() -> None:
    assert words_of_spans("The", [(0, 3)], code=True) == ["The"]
    assert words_of_spans("The", [(0, 3)], code=False) == ["the"]
    assert word_class("for", code=True) == "keyword" and word_class("the", code=True) == "name"


def test_every_class_is_listed() -> None:
    samples = ["the", "moon", ",", "7", "", "_x", "for"]
    assert {word_class(word, code=False) for word in samples} == set(words.LANGUAGE_CLASSES)
    assert {word_class(word, code=True) for word in samples} == set(words.CODE_CLASSES)


def test_function_words_are_lower_case_words() -> None:
    assert all(re.fullmatch("[a-z]+", word) for word in FUNCTION_WORDS)
    assert not FUNCTION_WORDS & {"computer", "system", "interest", "serious", "very", "said"}


def test_a_span_outside_of_the_text_is_refused() -> None:
    with pytest.raises(DataError, match="token at 2-4: outside of its text of 3 characters"):
        words_of_spans("abc", [(2, 4)], code=False)
