"""From stanza to plain documents. stanza is real where it is installed; its models are not needed, because
`CoNLL.conll2doc` builds the same Document a pipeline gives."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.text_constituency import word_depths
from features.text_parsed import ParsedDocument, ParsedSentence, ParsedWord, read_conllu
from features.text_table import parse_numbers
from foretell.errors import ConfigError
from lms.parse import StanzaParser, bracketed, document_from_stanza, parse_each

FIXTURE = Path(__file__).parents[2] / "fixtures" / "text" / "two_sentences.conllu"


def node(label: str, *children: Any) -> Any:
    return SimpleNamespace(label=label, children=children)


def fake_document(text: str) -> Any:
    words = [SimpleNamespace(text=word, upos="NOUN", head=i) for i, word in enumerate(text.split())]
    return SimpleNamespace(sentences=[SimpleNamespace(words=words, constituency=None)])


def test_every_text_is_parsed_or_says_why_not() -> None:
    def load(parser: StanzaParser, language: str) -> Any:
        def pipeline(text: str) -> Any:
            if "boom" in text:
                raise RuntimeError("mat1 and mat2\nshapes cannot be multiplied")
            return fake_document(text)

        return pipeline

    parser = StanzaParser(("en",), load=load)
    entries = parse_each(parser, ["two dogs", " \n", "bonjour", "12", "boom"], ["en", None, "fr", None, "en"])
    assert entries[0] == ParsedDocument(
        (ParsedSentence((ParsedWord("two", "NOUN", 0), ParsedWord("dogs", "NOUN", 1))),)
    )
    assert entries[1:] == [
        "empty",
        "unsupported language: fr",
        "unsupported language: none detected",
        "parser failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ]


def test_each_language_is_loaded_once() -> None:
    loaded: list[str] = []

    def load(parser: StanzaParser, language: str) -> Any:
        loaded.append(language)
        return fake_document

    parse_each(StanzaParser(("en", "de"), load=load), ["a", "b", "c"], ["en", "de", "en"])
    assert loaded == ["en", "de"]


def test_out_of_memory_is_raised_not_recorded() -> None:
    def load(parser: StanzaParser, language: str) -> Any:
        def pipeline(text: str) -> Any:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

        return pipeline

    with pytest.raises(RuntimeError, match="out of memory"):
        parse_each(StanzaParser(load=load), ["text"], ["en"])


def test_brackets_and_spaces_in_words_stay_one_word() -> None:
    tree = node("ROOT", node("S", node("-LRB-", node("(")), node("CD", node("10 000")), node("X", node(" "))))
    assert bracketed(tree) == "(ROOT (S (-LRB- -LRB-) (CD 10_000) (X _)))"
    assert word_depths(bracketed(tree)) == [2, 2, 2]


def test_a_very_deep_tree_is_written() -> None:
    tree = node("word")
    for _ in range(5000):
        tree = node("S", tree)
    assert word_depths(bracketed(node("ROOT", tree))) == [5000]


@pytest.mark.slow
def test_stanza_document_gives_the_hand_checked_numbers() -> None:
    conll = pytest.importorskip("stanza.utils.conll", reason="stanza is not installed (extra: text)")
    text = FIXTURE.read_text(encoding="utf-8")
    document = document_from_stanza(conll.CoNLL.conll2doc(input_str=text))
    expected = read_conllu(text)
    assert [s.words for s in document.sentences] == [s.words for s in expected.sentences]
    assert parse_numbers(document) == parse_numbers(expected)


@pytest.mark.slow
def test_missing_models_are_one_clear_message(tmp_path: Path) -> None:
    pytest.importorskip("stanza", reason="stanza is not installed (extra: text)")
    with pytest.raises(ConfigError, match=r"stanza\.download\('en'") as error:
        StanzaParser(("en",), model_dir=tmp_path / "none").check()
    assert "tag.parser.languages" in str(error.value)
    (tmp_path / "resources.json").write_text('{"en": {"tokenize": {}, "default_processors": {}}}')
    with pytest.raises(ConfigError, match=r"stanza\.download\('de'"):
        StanzaParser(("de",), model_dir=tmp_path).check()
