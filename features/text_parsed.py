"""Parsed text as the feature arithmetic sees it: sentences of words with a part of speech and a head, and a bracketed
tree. Parsers differ and are heavy; these three small classes are all that the features need of them, so the arithmetic
is tested on hand-written CoNLL-U and never loads a parser."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from foretell.errors import DataError

_CONSTITUENCY = "# constituency ="


class ParsedWord(NamedTuple):
    """A syntactic word: its text, its Universal Dependencies part of speech, and the 1-based position of its head in
    the sentence (0 for the root)."""

    text: str
    upos: str
    head: int


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """A sentence: its words in order and, where a constituency parser exists for the language, its tree in brackets
    (`(ROOT (S ...))`); `tree` is None where there is none."""

    words: tuple[ParsedWord, ...]
    tree: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """One generation's sentences, in order."""

    sentences: tuple[ParsedSentence, ...]


def read_conllu(text: str) -> ParsedDocument:
    """One document from CoNLL-U text: ten tab-separated columns a word, a blank line after each sentence, trees in
    `# constituency = (...)` comments. Lines of multi-word tokens (`1-2`) and empty nodes (`1.1`) are not words and are
    passed over. Raises DataError naming the line where a word has not ten columns or its head is not a number."""
    return ParsedDocument(tuple(_sentences(text)))


def _sentences(text: str) -> Iterator[ParsedSentence]:
    words: list[ParsedWord] = []
    tree: str | None = None
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("#"):
            if line.startswith(_CONSTITUENCY):
                tree = line[len(_CONSTITUENCY) :].strip()
        elif line.strip():
            columns = line.split("\t")
            if len(columns) != 10:
                raise DataError(f"CoNLL-U line {number} has {len(columns)} columns, expected 10 separated by tabs")
            if columns[0].isdigit():
                if not columns[6].isdigit():
                    raise DataError(f"CoNLL-U line {number}: head {columns[6]!r} is not a whole number")
                words.append(ParsedWord(columns[1], columns[3], int(columns[6])))
        elif words:
            yield ParsedSentence(tuple(words), tree)
            words, tree = [], None
