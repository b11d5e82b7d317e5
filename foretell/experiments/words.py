"""Which word a token belongs to and what kind of word that is: function words and punctuation against the rest. Tokens
of byte-pair encoding are pieces of text, so that a piece counts as the whole word it lies in."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from foretell.errors import DataError

FUNCTION, CONTENT, PUNCTUATION, NUMBER, SPACE = "function word", "content word", "punctuation", "number", "white space"
KEYWORD, NAME = "keyword", "name"
LANGUAGE_CLASSES = (FUNCTION, PUNCTUATION, SPACE, NUMBER, CONTENT)
CODE_CLASSES = (KEYWORD, PUNCTUATION, SPACE, NUMBER, NAME)

# The closed classes of English as Universal Dependencies tags them (ADP, AUX, CCONJ, DET, PART, PRON, SCONJ; Nivre et
# al. 2020, arXiv:2004.10643), written out; the last line is what a tokenizer leaves of contractions (don't -> don, t).
# Adverbs are an open class there and count as content words. Lists of stop words would not do: they hold content words
# ("computer", "serious", "interest"; Nothman et al. 2018, W18-2502).
_CLOSED_CLASSES = """
aboard about above across after against along amid among amongst around as at before behind below beneath beside
besides between beyond by despite down during except for from in inside into like near of off on onto out outside
over past per round since through throughout till to toward towards under underneath until unto up upon via with
within without
am are be been being can could did do does doing done had has have having is may might must ought shall should was
were will would hath doth art shalt wilt hast
and but or nor yet so both either neither
a an the this that these those each every some any no all another such what which whose whatever whichever half
not
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
herself it its itself they them their theirs themselves one oneself who whom whoever somebody someone something
anybody anyone anything nobody none nothing everybody everyone everything thou thee thy thine thyself ye
although because if lest than though unless when whenever where whereas wherever whether while why how
s t re ve ll d m don didn doesn isn wasn weren aren couldn wouldn shouldn hadn hasn haven mustn needn ain won shan
"""
FUNCTION_WORDS = frozenset(_CLOSED_CLASSES.split())

_WORD = re.compile(r"[^\W\d_]+|\d+|_+")
_CODE_WORD = re.compile(r"[^\W\d]\w*|\d\w*")


def words_of_spans(text: str, spans: Sequence[tuple[int, int]], code: bool) -> list[str]:
    """The word of each token, lower case for language: the whole word in which the token's first letter or digit lies
    (of ` th` + `ink`, both are "think"); for a token without any, its punctuation; "" for white space.

    `spans` are the tokens' (start, end) in characters of `text`, in order. In `code` a word is a name or a number as
    Python writes them, underscores and digits included. Raises DataError on a span outside of the text.
    """
    pattern = _CODE_WORD if code else _WORD
    word_at: dict[int, str] = {}
    for match in pattern.finditer(text):
        word = match[0] if code else match[0].lower()
        word_at.update(dict.fromkeys(range(*match.span()), word))
    words = []
    for start, end in spans:
        if not 0 <= start <= end <= len(text):
            raise DataError(f"token at {start}-{end}: outside of its text of {len(text)} characters")
        inside = next((word_at[at] for at in range(start, end) if at in word_at), None)
        words.append(text[start:end].strip() if inside is None else inside)
    return words


def word_class(word: str, code: bool) -> str:
    """The class of a word as `words_of_spans` gives it: one of LANGUAGE_CLASSES, in `code` one of CODE_CLASSES."""
    if not word:
        return SPACE
    if word[0].isdigit():
        return NUMBER
    if not (word[0].isalpha() or (code and word[0] == "_")):
        return PUNCTUATION
    if code:
        return KEYWORD if keyword.iskeyword(word) else NAME
    return FUNCTION if word in FUNCTION_WORDS else CONTENT
