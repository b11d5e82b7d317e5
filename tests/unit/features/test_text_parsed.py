"""Parse features against numbers worked out by hand on tests/fixtures/text/two_sentences.conllu:

1. The old dog that barked slept .      2. Cats do n't care .
"""

import math
from pathlib import Path

import pytest

from features.text_constituency import constituency_statistics, word_depths
from features.text_dependency import dependency_statistics, head_distances, root_distances
from features.text_lengths import character_length, sentence_lengths
from features.text_lexical import content_function_ratio
from features.text_parsed import ParsedDocument, ParsedSentence, ParsedWord, read_conllu
from foretell.errors import DataError

FIXTURE = Path(__file__).parents[2] / "fixtures" / "text" / "two_sentences.conllu"


@pytest.fixture
def document() -> ParsedDocument:
    return read_conllu(FIXTURE.read_text(encoding="utf-8"))


def test_conllu_gives_words_heads_and_trees(document: ParsedDocument) -> None:
    assert [len(sentence.words) for sentence in document.sentences] == [7, 5]
    assert document.sentences[0].words[2] == ParsedWord("dog", "NOUN", 6)
    assert [word.text for word in document.sentences[1].words] == ["Cats", "do", "n't", "care", "."]
    tree = document.sentences[1].tree
    assert tree is not None
    assert tree.startswith("(ROOT (S (NP (NNS Cats))")


def test_sentence_lengths(document: ParsedDocument) -> None:
    # 7 and 5 words: mean 6, population standard deviation 1
    assert sentence_lengths(document) == {
        "n_sentences": 2.0,
        "n_words": 12.0,
        "words_per_sentence": 6.0,
        "words_per_sentence_spread": 1.0,
    }


def test_head_and_root_distances(document: ParsedDocument) -> None:
    # sentence 1, heads 3 3 6 5 3 0 6: |1-3| |2-3| |3-6| |4-5| |5-3| (root) |7-6|; root at 6
    assert head_distances(document.sentences[0]).tolist() == [2, 1, 3, 1, 2, 1]
    assert root_distances(document.sentences[0]).tolist() == [5, 4, 3, 2, 1, 0, 1]
    # sentence 2, heads 4 4 4 0 4; root at 4
    assert head_distances(document.sentences[1]).tolist() == [3, 2, 1, 1]
    assert root_distances(document.sentences[1]).tolist() == [3, 2, 1, 0, 1]


def test_dependency_statistics(document: ParsedDocument) -> None:
    statistics = dependency_statistics(document)
    # head distances sorted: 1 1 1 1 1 2 2 2 3 3 (n = 10). median = (1 + 2)/2; 90th percentile at rank 0.9*9 = 8.1,
    # between the 9th (3) and the 10th (3)
    assert statistics["dep_head_distance_median"] == 1.5
    assert statistics["dep_head_distance_p90"] == pytest.approx(3.0)
    assert statistics["dep_head_distance_max"] == 3.0
    # root distances: 16 + 7 = 23 over 12 words; sorted 0 0 1 1 1 1 2 2 3 3 4 5: median (1 + 2)/2
    assert statistics["dep_root_distance_max"] == 5.0
    assert statistics["dep_root_distance_mean"] == pytest.approx(23 / 12)
    assert statistics["dep_root_distance_median"] == 1.5


def test_word_depths_of_each_tree(document: ParsedDocument) -> None:
    # edges from S down to the word. The: S NP NP DT The = 4; that: S NP SBAR WHNP WDT that = 5;
    # barked: S NP SBAR S VP VBD barked = 6; slept: S VP VBD slept = 3; the full stop: S . . = 2
    trees = [sentence.tree for sentence in document.sentences]
    assert trees[0] is not None
    assert trees[1] is not None
    assert word_depths(trees[0]) == [4, 4, 4, 5, 6, 3, 2]
    # Cats: S NP NNS Cats = 3; do: S VP VBP do = 3; n't 3; care: S VP VP VB care = 4; full stop 2
    assert word_depths(trees[1]) == [3, 3, 3, 4, 2]


def test_constituency_statistics(document: ParsedDocument) -> None:
    statistics = constituency_statistics(document)
    assert statistics["deepest_parse_tree_depth"] == 6.0
    assert statistics["parse_tree_depth"] == 5.0  # (6 + 4)/2
    assert statistics["word_depth"] == pytest.approx(43 / 12)  # 28 + 15 over 7 + 5 words
    # variance 1: mean 4, squared deviations 0 0 0 1 4 1 4 = 10 over 7; variance 2: mean 3, 0 0 0 1 1 = 2 over 5
    assert statistics["word_depth_spread"] == pytest.approx((math.sqrt(10 / 7) + math.sqrt(2 / 5)) / 2)


def test_content_function_ratio(document: ParsedDocument) -> None:
    # content: old dog barked slept Cats care = 6; function: The that do n't = 4; full stops are neither
    assert content_function_ratio(document) == 1.5


def test_a_tree_without_root_label_is_counted_from_its_top() -> None:
    assert word_depths("(S (NP (NNS Dogs)) (VP (VBP bark)))") == [3, 3]
    assert word_depths("(ROOT (S (NP (NNS Dogs)) (VP (VBP bark))))") == [3, 3]
    assert word_depths("(ROOT (FRAG (NNP Yes)))") == [2]


@pytest.mark.parametrize("tree", ["(S (NP x)", "(S x))", "(S (NP))", "", "word", "(S x) y", ")("])
def test_broken_trees_are_refused(tree: str) -> None:
    with pytest.raises(DataError, match=r"bracket|tree"):
        word_depths(tree)


def test_one_word_sentences_have_no_head_distance() -> None:
    one = ParsedDocument((ParsedSentence((ParsedWord("Yes", "INTJ", 0),)),))
    statistics = dependency_statistics(one)
    assert math.isnan(statistics["dep_head_distance_max"])
    assert statistics["dep_root_distance_max"] == 0.0
    assert math.isnan(content_function_ratio(one))
    assert all(math.isnan(value) for value in constituency_statistics(one).values())


def test_nothing_parsed_gives_nan_not_zero() -> None:
    empty = ParsedDocument(())
    for statistics in (sentence_lengths(empty), dependency_statistics(empty), constituency_statistics(empty)):
        assert statistics
        assert all(math.isnan(value) for value in statistics.values())


def test_broken_parses_are_named() -> None:
    two_roots = ParsedSentence((ParsedWord("a", "X", 0), ParsedWord("b", "X", 0)))
    with pytest.raises(DataError, match="2 roots"):
        root_distances(two_roots)
    outside = ParsedSentence((ParsedWord("a", "X", 0), ParsedWord("b", "X", 7)))
    with pytest.raises(DataError, match=r"word 2 \('b'\) has head 7"):
        head_distances(outside)
    with pytest.raises(DataError, match="line 2 has 3 columns"):
        read_conllu("# text = x\n1\tx\ty\n")
    with pytest.raises(DataError, match="head '_'"):
        read_conllu("1\tx\tx\tNOUN\tNN\t_\t_\troot\t_\t_\n")


def test_characters_are_capped() -> None:
    assert character_length("é" * 2047) == 2047
    assert character_length("x" * 5000) == 2048
