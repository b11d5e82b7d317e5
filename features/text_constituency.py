"""Depth statistics of constituency trees: how deeply a generation's phrases are nested.

Depths are counted in edges from the sentence's top constituent (the child of the ROOT label) down to the word itself,
so in `(ROOT (S (NP (NNS Dogs)) (VP (VBP bark))))` both words have depth 3: S, NP, NNS, Dogs."""

import re

import numpy as np

from features.text_parsed import ParsedDocument
from foretell.errors import DataError

NAMES = ("deepest_parse_tree_depth", "parse_tree_depth", "word_depth", "word_depth_spread")
_PIECES = re.compile(r"[()]|[^\s()]+")


def word_depths(tree: str) -> list[int]:
    """Depth of each word of a bracketed tree, left to right. Raises DataError for brackets that do not match, for text
    outside the tree, and for a tree without words."""
    depth, depths, after_open, labelled_root, closed = 0, [], False, False, False
    for piece in _PIECES.findall(tree):
        if closed:
            raise DataError(f"text after the end of the tree: {tree[:80]!r}")
        if piece == "(":
            depth, after_open = depth + 1, True
            continue
        if piece == ")":
            depth -= 1
            closed = depth == 0
            if depth < 0:
                raise DataError(f"a bracket closes that never opened: {tree[:80]!r}")
        elif after_open:
            labelled_root = labelled_root or (depth == 1 and piece.upper() in {"ROOT", "TOP"})
        else:
            depths.append(depth)
        after_open = False
    if depth or not depths or not closed:
        raise DataError(f"brackets do not match, or the tree has no words: {tree[:80]!r}")
    return [d - 1 for d in depths] if labelled_root else depths


def constituency_statistics(document: ParsedDocument) -> dict[str, float]:
    """Of one parsed generation, over its sentences that have a tree:

    - `deepest_parse_tree_depth`: the largest tree depth, a tree's depth being its deepest word's;
    - `parse_tree_depth`: the mean tree depth;
    - `word_depth`: the mean depth of all words;
    - `word_depth_spread`: the mean over sentences of the population standard deviation of the words' depths.

    NaN where no sentence has a tree."""
    sentences = [np.array(word_depths(s.tree), dtype=float) for s in document.sentences if s.tree]
    if not sentences:
        return dict.fromkeys(NAMES, float("nan"))
    deepest = np.array([depths.max() for depths in sentences])
    return {
        "deepest_parse_tree_depth": float(deepest.max()),
        "parse_tree_depth": float(deepest.mean()),
        "word_depth": float(np.concatenate(sentences).mean()),
        "word_depth_spread": float(np.mean([depths.std() for depths in sentences])),
    }
