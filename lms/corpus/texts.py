"""From the bytes of a package's files to documents: decoded, freed of headers and licences, and cut at paragraphs. Only
operations whose result no version of Python changes are used (no Unicode tables)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lms.corpus.packages import Form

MAXIMUM_CHARACTERS = 4000
MINIMUM_CHARACTERS = 200  # below this a document is a stub: a heading, an empty module, an include

PARTS_OF_SPEECH = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_LINE_END_SPACE = re.compile(r"[ \t]+(?=\n|\Z)")
_BLANK_LINES = re.compile(r"\n{4,}")
_TITLE = re.compile(r"\A\[[^\]\n]*\]\s*")
_GUTENBERG_END = re.compile(r"^[^\n]*\bend of (?:the |this )?project gutenberg[\s\S]*", re.IGNORECASE | re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PARAGRAPH = re.compile(r".+?(?:\n{2,}|\Z)", re.DOTALL)
_LINE = re.compile(r".+?(?:\n|\Z)", re.DOTALL)


def documents(form: Form, name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Name and text of the documents in one file: at most MAXIMUM_CHARACTERS and at least MINIMUM_CHARACTERS each.

    `name` is the file's; its documents are called `<name>#0000`, `<name>#0001`, ... in the order of the text, numbered
    before short ones are left out.
    """
    text = FORMS[form](clean(decode(content)))
    for number, piece in enumerate(cut(text, MAXIMUM_CHARACTERS)):
        if len(piece) >= MINIMUM_CHARACTERS:
            yield f"{name}#{number:04d}", piece


def decode(content: bytes) -> str:
    """The text of `content`: UTF-8 (a byte order mark is dropped), or else Latin-1, in which every byte is a letter."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def clean(text: str) -> str:
    """`text` with line feeds as line ends, no control characters, no spaces at line ends and at most two blank lines in
    a row, without blank lines at its ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    text = _LINE_END_SPACE.sub("", _CONTROL.sub("", text))
    return _BLANK_LINES.sub("\n\n\n", text).strip("\n")


def cut(text: str, maximum: int) -> list[str]:
    """`text` in pieces of at most `maximum` characters, each as long as possible: cut after a paragraph, in a longer
    paragraph after a line, within a longer line anywhere. Blank lines at the ends of a piece are dropped."""
    pieces, current = [], ""
    for block in _blocks(text, maximum):
        if len(current) + len(block.rstrip("\n")) > maximum:
            pieces.append(current)
            current = ""
        current += block
    return [stripped for piece in [*pieces, current] if (stripped := piece.strip("\n"))]


def _blocks(text: str, maximum: int) -> Iterator[str]:
    for paragraph in _PARAGRAPH.findall(text):
        if len(paragraph.rstrip("\n")) <= maximum:
            yield paragraph
            continue
        for line in _LINE.findall(paragraph):
            yield from (line[start : start + maximum] for start in range(0, len(line), maximum))


def prose(text: str) -> str:
    """A book without the bracketed title before it and without the licence of Project Gutenberg behind it."""
    return clean(_GUTENBERG_END.sub("", _TITLE.sub("", text)))


def manual(text: str) -> str:
    """A page of a manual without the metadata before it (between lines of three dashes) and without HTML comments."""
    return clean(_COMMENT.sub("", _FRONT_MATTER.sub("", text)))


def wordnet(text: str) -> str:
    """A data file of WordNet (wndb(5WN)) as lines `word, synonym (part of speech): definition; "example"`."""
    return "\n".join(_entry(line) for line in text.split("\n") if line and not line.startswith(" "))


def _entry(line: str) -> str:
    head, _, gloss = line.partition(" | ")
    fields = head.split()
    words = fields[
        4 : 4 + 2 * int(fields[3], 16) : 2
    ]  # each word is followed by its number in the lexicographer's file
    plain = ", ".join(re.sub(r"\((?:a|p|ip)\)\Z", "", word).replace("_", " ") for word in words)
    return f"{plain} ({PARTS_OF_SPEECH[fields[2]]}): {gloss.strip()}"


FORMS: dict[Form, Callable[[str], str]] = {
    "code": lambda text: text,
    "prose": prose,
    "manual": manual,
    "wordnet": wordnet,
}
