"""Texts that no author meant: noise and false statements, made from a tokenizer, from real texts and from a
dictionary. Larger models are said to predict even these better than smaller ones (Xia et al. 2023, arXiv:2212.09803,
section 4). The same seed gives the same texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.errors import DataError

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_NOUN = re.compile(r"(?P<word>[A-Za-z][^()]*) \(noun\): (?P<definition>.+)")


def random_token_texts(tokenizer: Any, n_texts: int, n_tokens: int, seed: int) -> list[str]:
    """`n_texts` texts of `n_tokens` tokens each, drawn uniformly from the tokens that are whole characters and not
    special. Read again by the tokenizer, a text may have another number of them: neighbours can form a longer one."""
    special = set(tokenizer.all_special_ids)
    spelled = {token: tokenizer.decode([token]) for token in sorted(tokenizer.get_vocab().values())}
    usable = [token for token, text in spelled.items() if token not in special and text and REPLACEMENT not in text]
    if not usable:
        raise DataError("random tokens: the tokenizer has no token of whole characters")
    draws = np.random.default_rng(seed).integers(0, len(usable), (n_texts, n_tokens))
    return [tokenizer.decode([usable[at] for at in row]) for row in draws]


def shuffled_word_texts(texts: Sequence[str], seed: int) -> list[str]:
    """Each text's words in random order, one space between two. Raises DataError on a text whose words have no other
    order (fewer than two different ones)."""
    rng = np.random.default_rng(seed)
    shuffled = []
    for index, text in enumerate(texts):
        words = text.split()
        if len(set(words)) < 2:
            raise DataError(f"text {index}: {len(words)} words without another order; leave it out")
        order = list(words)
        while order == words:
            order = [words[at] for at in rng.permutation(len(words))]
        shuffled.append(" ".join(order))
    return shuffled


def false_definitions(entries: Sequence[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """The (word, definition) `entries` in their order, each word with the definition of another entry: one random cycle
    through all of them, so that every definition is used once. Raises DataError on fewer than two entries, or a word
    or definition that is there twice (a swapped one could then be true)."""
    words, definitions = [word.lower() for word, _ in entries], [definition for _, definition in entries]
    if len(entries) < 2 or len(set(words)) < len(words) or len(set(definitions)) < len(definitions):
        raise DataError(f"{len(entries)} dictionary entries: expected at least 2, of different words and definitions")
    order = np.random.default_rng(seed).permutation(len(entries))
    given = dict(zip(order.tolist(), np.roll(order, -1).tolist(), strict=True))
    return [(word, definitions[given[index]]) for index, (word, _) in enumerate(entries)]


def dictionary_entries(texts: Sequence[str]) -> list[tuple[str, str]]:
    """The noun entries of dictionary documents, lines "word (noun): definition", as (word, definition) pairs: the first
    entry of each word and of each definition, in order."""
    entries: dict[str, str] = {}
    seen: set[str] = set()
    for text in texts:
        for line in text.splitlines():
            found = _NOUN.fullmatch(line)
            if found and found["word"].lower() not in entries and found["definition"] not in seen:
                entries[found["word"].lower()] = found["definition"]
                seen.add(found["definition"])
    return list(entries.items())
