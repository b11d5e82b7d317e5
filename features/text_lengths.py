"""How long a generation is: characters, tokens, and - where it was parsed - sentences and words. Lengths say how soon a
model stops by itself and how it cuts its text up."""

import numpy as np

from features.text_parsed import ParsedDocument

MAX_CHARACTERS = 2048
NAMES = ("n_sentences", "n_words", "words_per_sentence", "words_per_sentence_spread")


def character_length(text: str) -> int:
    """Characters of a generation, capped at 2048."""
    return min(len(text), MAX_CHARACTERS)


def sentence_lengths(document: ParsedDocument) -> dict[str, float]:
    """Of one parsed generation: `n_sentences`, `n_words` (punctuation marks are words to a parser), the mean number of
    words in a sentence and its population standard deviation (0 for a single sentence). NaN without sentences."""
    words = np.array([len(sentence.words) for sentence in document.sentences], dtype=float)
    if not words.size:
        return dict.fromkeys(NAMES, float("nan"))
    return {
        "n_sentences": float(words.size),
        "n_words": float(words.sum()),
        "words_per_sentence": float(words.mean()),
        "words_per_sentence_spread": float(words.std()),
    }
