"""How long the arithmetic of the generation features takes and how much memory it needs, on 10,000 documents of 256
tokens. Parsing is not in it: the documents come parsed, as from stanza.

    python -m benchmarks.text_features [documents]
"""

import sys
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np

from features.text_parsed import ParsedDocument, ParsedSentence, ParsedWord
from features.text_table import feature_row, parse_numbers, text_numbers

N_DOCUMENTS = 10_000
N_TOKENS = 256
WORDS_PER_SENTENCE = 20
DISTINCT = 200
"""Documents are drawn from this many distinct ones, so that making them neither fills memory nor takes the time."""


def measure(n_documents: int = N_DOCUMENTS, seed: int = 0) -> dict[str, float]:
    """`seconds` and `documents_per_second` for all features of `n_documents` documents of 256 words with their parses,
    and `peak_mebibytes`, the most memory that the arithmetic held at once (from a second, traced run), results of all
    documents included."""
    pool = list(_documents(np.random.default_rng(seed)))
    started = time.perf_counter()
    _features(pool, n_documents)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    try:
        _features(pool, n_documents)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {"seconds": seconds, "documents_per_second": n_documents / seconds, "peak_mebibytes": peak / 2**20}


def _features(pool: list[tuple[str, ParsedDocument]], n_documents: int) -> None:
    numbers = []
    for i in range(n_documents):
        text, parsed = pool[i % len(pool)]
        numbers.append({**text_numbers(text, N_TOKENS), **parse_numbers(parsed)})
    feature_row(numbers, ["en"] * n_documents, ["web"] * n_documents)


def _documents(rng: np.random.Generator) -> Iterator[tuple[str, ParsedDocument]]:
    """Texts of Zipf-distributed words, each sentence with a random projective head structure and a right-branching
    tree."""
    vocabulary = np.array([f"w{i}" for i in range(5000)] + ["and", "how", "take", "12", "the"])
    upos = np.array(["NOUN", "VERB", "ADJ", "DET", "ADP", "PRON", "PUNCT"])
    for _ in range(DISTINCT):
        sentences, texts = [], []
        for start in range(0, N_TOKENS, WORDS_PER_SENTENCE):
            n = min(WORDS_PER_SENTENCE, N_TOKENS - start)
            words = vocabulary[-1 - np.minimum(rng.zipf(1.3, n), vocabulary.size) % vocabulary.size]
            root = int(rng.integers(n))
            heads = [0 if i == root else (i + 2 if i < root else i) for i in range(n)]
            tags = rng.choice(upos, n)
            tree = "(S " * (n // 2) + " ".join(f"(NN {word})" for word in words) + ")" * (n // 2)
            sentences.append(
                ParsedSentence(
                    tuple(ParsedWord(str(w), str(t), h) for w, t, h in zip(words, tags, heads, strict=True)),
                    f"(ROOT {tree})",
                )
            )
            texts.append(" ".join(words) + ".")
        yield " ".join(texts), ParsedDocument(tuple(sentences))


if __name__ == "__main__":
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else N_DOCUMENTS)
    print(
        f"text features: {figures['seconds']:.2f} s, {figures['documents_per_second']:.0f} documents/s, "
        f"peak {figures['peak_mebibytes']:.1f} MiB"
    )
