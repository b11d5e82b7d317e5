"""What words a generation uses: diversity, bigram entropy, and the words that betray questions, orders, connected
argument and instruction data. Only text is needed (no parser), except for the content/function ratio."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from features.text_parsed import ParsedDocument

QUESTION_WORDS = ("how", "what", "why", "when", "where", "who", "which", "whose")
IMPERATIVE_WORDS = (
    "do", "make", "consider", "take", "use", "ensure", "check", "build", "apply", "run", "create", "find", "go", "try",
    "turn", "start", "stop", "put", "keep", "leave", "get", "move",
)  # fmt: skip
CONJUNCTIONS = ("and", "but", "or", "so", "because", "although", "however", "therefore", "yet")
INSTRUCTION_PHRASES = ("Question:", "Answer:", "Instruction:", "User:", "Assistant:", "Q:", "A:")

CONTENT_UPOS = frozenset({"NOUN", "PROPN", "VERB", "ADJ", "ADV"})
FUNCTION_UPOS = frozenset({"ADP", "AUX", "CCONJ", "DET", "PART", "PRON", "SCONJ"})

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*(?!\w)|\w+(?:['’]\w+)*|[^\w\s]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD_LISTS = {
    "question_words": frozenset(QUESTION_WORDS),
    "imperative_words": frozenset(IMPERATIVE_WORDS),
    "conjunctions": frozenset(CONJUNCTIONS),
}
# "A:" must not be found inside "USA:" or "DNA:".
_INSTRUCTION = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, INSTRUCTION_PHRASES)) + ")", re.IGNORECASE)
COUNTED = (*_WORD_LISTS, "instruction_words", "numbers")


def tokens(text: str) -> list[str]:
    """Lower-case words (an inner apostrophe belongs to its word: `don't`), numbers (`3.5` and `1,000` are one) and
    single punctuation marks, in order. The project's own token for lexical statistics: a language model's own tokens
    would make models incomparable."""
    return _TOKEN.findall(text.lower())


def type_token_ratio(text_tokens: Sequence[str]) -> float:
    """Distinct tokens per token, between 0 and 1; NaN without tokens."""
    return len(set(text_tokens)) / len(text_tokens) if text_tokens else float("nan")


def bigram_entropy(text_tokens: Sequence[str]) -> float:
    """Entropy in bits of a token given the one before it, over the bigrams of one generation:
    H = -sum over (a, b) of p(a, b) log2 p(b | a), 0 where each token is always followed by the same one. NaN with fewer
    than two tokens.

    (The recorded facts hold values between 0.5 and 3.4; the joint entropy of bigrams of texts this long would be 7 or
    more, so the conditional entropy is the quantity meant.)"""
    if len(text_tokens) < 2:
        return float("nan")
    pairs = Counter(pairwise(text_tokens))
    firsts = Counter(text_tokens[:-1])
    return max(0.0, _entropy_bits(pairs.values()) - _entropy_bits(firsts.values()))


def keyword_counts(text: str, text_tokens: Sequence[str]) -> dict[str, int]:
    """How often the words of each list, the instruction phrases and numbers (`12`, `3.5`, `1,000`) occur, in any case:
    keys `question_words`, `imperative_words`, `conjunctions`, `instruction_words`, `numbers`, and `words`, the number
    of word tokens (numbers included, punctuation not)."""
    counted = Counter(text_tokens)
    counts = {name: sum(counted[word] for word in words) for name, words in _WORD_LISTS.items()}
    counts["instruction_words"] = len(_INSTRUCTION.findall(text))
    counts["numbers"] = sum(1 for token in text_tokens if token[0].isdigit() and _NUMBER.fullmatch(token))
    counts["words"] = sum(1 for token in text_tokens if token[0].isalnum() or token[0] == "_")
    return counts


def content_function_ratio(document: ParsedDocument) -> float:
    """Content words (nouns, proper nouns, verbs, adjectives, adverbs) per function word (adpositions, auxiliaries,
    conjunctions, determiners, particles, pronouns) of one parsed generation. NaN where there is no function word."""
    upos = Counter(word.upos for sentence in document.sentences for word in sentence.words)
    function = sum(upos[tag] for tag in FUNCTION_UPOS)
    return sum(upos[tag] for tag in CONTENT_UPOS) / function if function else float("nan")


def _entropy_bits(counts: Iterable[int]) -> float:
    p = np.fromiter(counts, dtype=float)
    p /= p.sum()
    return float(-(p * np.log2(p)).sum())
