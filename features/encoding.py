"""The encoding of a design table: the catalogue's features with the words that the table holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from features.catalogue import FEATURES, MISSING, View
from features.schema import SHARES
from foretell.answering.encoding import Encoding

SHARE_SUM_LIMIT = 100.5  # percent, as in the expectations: published shares are rounded


def encoding_of(design: pd.DataFrame, view: View) -> Encoding:
    """The encoding of a design table: the categories of a word feature are the table's own words in alphabetical order;
    in the published view an unknown word is a category of its own."""
    words = {}
    for feature in FEATURES[view]:
        if feature.kind == "word":
            cells = design[feature.name].fillna(MISSING) if view == "published" else design[feature.name].dropna()
            words[feature.name] = tuple(sorted(cells.unique()))
    return encoding_with(view, words)


def encoding_with(view: View, words: Mapping[str, tuple[str, ...]]) -> Encoding:
    """The encoding of the view's features in which `words` maps a word feature to its categories in code order; one
    that it leaves out has the categories of the schema."""
    features = tuple(
        replace(feature, words=words.get(feature.name, feature.words)) if feature.kind == "word" else feature
        for feature in FEATURES[view]
    )
    return Encoding(view, features, SHARES, SHARE_SUM_LIMIT, MISSING if view == "published" else "")
