"""Distances in dependency parses: how far, in words, a generation's words stand from what they depend on. Long
distances mean long-range structure, or a parser's confusion over text that is not prose."""

import numpy as np

from features.text_parsed import ParsedDocument, ParsedSentence
from foretell.errors import DataError

NAMES = (
    "dep_head_distance_p90",
    "dep_head_distance_max",
    "dep_head_distance_median",
    "dep_root_distance_max",
    "dep_root_distance_mean",
    "dep_root_distance_median",
)


def head_distances(sentence: ParsedSentence) -> np.ndarray:
    """|position - head's position| of every word that has a head (the root has none), in words. Raises DataError where
    a head points outside the sentence."""
    heads = _heads(sentence)
    positions = np.arange(1, heads.size + 1)
    distances: np.ndarray = np.abs(positions - heads)[heads > 0]
    return distances


def root_distances(sentence: ParsedSentence) -> np.ndarray:
    """|position - root's position| of every word, the root's own being 0, in words. Raises DataError where the sentence
    has not exactly one root."""
    heads = _heads(sentence)
    roots = np.flatnonzero(heads == 0)
    if roots.size != 1:
        raise DataError(f"a sentence of {heads.size} words has {roots.size} roots, expected exactly 1")
    distances: np.ndarray = np.abs(np.arange(heads.size) - roots[0])
    return distances


def dependency_statistics(document: ParsedDocument) -> dict[str, float]:
    """Over all words of one parsed generation: the 90th percentile (linear interpolation), maximum and median of the
    head distances, and the maximum, mean and median of the root distances. Head distances are NaN where no word has a
    head (every sentence is one word); all are NaN where there is no sentence."""
    statistics = dict.fromkeys(NAMES, float("nan"))
    sentences = [sentence for sentence in document.sentences if sentence.words]
    if not sentences:
        return statistics
    head = np.concatenate([head_distances(sentence) for sentence in sentences])
    root = np.concatenate([root_distances(sentence) for sentence in sentences])
    if head.size:
        p90, median = np.percentile(head, (90, 50))
        statistics |= {
            "dep_head_distance_p90": float(p90),
            "dep_head_distance_max": float(head.max()),
            "dep_head_distance_median": float(median),
        }
    statistics |= {
        "dep_root_distance_max": float(root.max()),
        "dep_root_distance_mean": float(root.mean()),
        "dep_root_distance_median": float(np.median(root)),
    }
    return statistics


def _heads(sentence: ParsedSentence) -> np.ndarray:
    heads = np.array([word.head for word in sentence.words], dtype=int)
    outside = (heads < 0) | (heads > heads.size)
    if outside.any():
        position = int(np.flatnonzero(outside)[0]) + 1
        raise DataError(
            f"word {position} ({sentence.words[position - 1].text!r}) has head {heads[position - 1]}, "
            f"expected 0 to {heads.size}"
        )
    return heads
