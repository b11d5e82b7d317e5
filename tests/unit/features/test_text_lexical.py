"""Lexical statistics against numbers worked out by hand, and closed forms of the entropy."""

import itertools
import math

import pytest

from features.text_lexical import bigram_entropy, keyword_counts, tokens, type_token_ratio


def test_tokens_keep_apostrophes_and_numbers_together() -> None:
    assert tokens("Don't pay 1,000.50 at 3rd, ok?") == ["don't", "pay", "1,000.50", "at", "3rd", ",", "ok", "?"]
    assert tokens("x=2.") == ["x", "=", "2", "."]
    assert tokens(" \n") == []


def test_type_token_ratio() -> None:
    assert type_token_ratio(["a", "b", "a", "c"]) == 0.75
    assert math.isnan(type_token_ratio([]))


def test_bigram_entropy_closed_forms() -> None:
    # always followed by the same token: nothing to learn
    assert bigram_entropy(list("abcabcabc")) == 0.0
    # after `a` come b and c equally often, after b and c always a: half of all bigrams carry one bit
    assert bigram_entropy(["a", "b", "a", "c"] * 50 + ["a"]) == pytest.approx(0.5)
    # by hand: a a b -> (a,a) (a,b): H = 1 bit
    assert bigram_entropy(["a", "a", "b"]) == pytest.approx(1.0)
    assert math.isnan(bigram_entropy(["a"]))


def test_bigram_entropy_is_joint_minus_first_marginal() -> None:
    text = ["the", "cat", "saw", "the", "dog", "and", "the", "dog", "saw", "a", "cat"]
    pairs = list(itertools.pairwise(text))
    direct = 0.0
    for a, b in set(pairs):
        p_pair = pairs.count((a, b)) / len(pairs)
        p_given = pairs.count((a, b)) / sum(first == a for first, _ in pairs)
        direct -= p_pair * math.log2(p_given)
    assert bigram_entropy(text) == pytest.approx(direct)


def test_keyword_counts_by_hand() -> None:
    text = "Question: How do I go? Answer: Take 2 buses, and walk; DNA: no. whoever USA: 3.5 (Q: yes)"
    counts = keyword_counts(text, tokens(text))
    assert counts["question_words"] == 1  # How; `whoever` is another word
    assert counts["imperative_words"] == 3  # do, go, Take
    assert counts["conjunctions"] == 1  # and
    assert counts["instruction_words"] == 3  # Question: Answer: Q: and neither DNA: nor USA:
    assert counts["numbers"] == 2  # 2 and 3.5
    # Question How do I go Answer Take 2 buses and walk DNA no whoever USA 3.5 Q yes
    assert counts["words"] == 18


def test_phrases_count_in_any_case() -> None:
    assert keyword_counts("user: hi assistant: hello", [])["instruction_words"] == 2
