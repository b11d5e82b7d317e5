"""From raw design words and units to the numbers a tree sees, and back to a person's words when a query is wrong.
An `Encoding` is fixed with the training table and travels with every predictor: a caller needs no knowledge of it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalog import FEATURES, MISSING, Feature, View
from features.errors import DataError
from features.schema import SHARES

SHARE_SUM_LIMIT = 100.5  # percent, as in the expectations: published shares are rounded


@dataclass(frozen=True)
class Encoding:
    """How each feature of `view` becomes a number; `words` maps a word feature to its categories in code order."""

    view: View
    words: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, design: pd.DataFrame, view: View) -> Encoding:
        """The encoding of a design table: categories are its own words in alphabetical order, and in the published
        view an unknown word is a category of its own called `missing`."""
        words = {}
        for feature in FEATURES[view]:
            if feature.kind == "word":
                cells = design[feature.name].fillna(MISSING) if view == "published" else design[feature.name].dropna()
                words[feature.name] = tuple(sorted(cells.unique()))
        return cls(view, words)

    def feature(self, name: str) -> Feature:
        """The catalog entry of `name`; DataError lists the close names when there is none."""
        for feature in FEATURES[self.view]:
            if feature.name == name:
                return feature
        known = [feature.name for feature in FEATURES[self.view]]
        close = difflib.get_close_matches(name, known, 3) or known[:19]
        raise DataError(f"unknown feature {name!r}; known: {', '.join(close)}")

    def matrix(self, design: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
        """Encoded columns `names` of `design`, shape [rows, len(names)]; NaN = unknown. A column that `design` lacks
        is unknown for every row. Raises DataError on a word that is no category."""
        return np.column_stack([self._column(design, self.feature(name)) for name in names])

    def _column(self, design: pd.DataFrame, feature: Feature) -> NDArray[np.float64]:
        if feature.name not in design:
            empty = MISSING if feature.kind == "word" and self.view == "published" else None
            design = pd.DataFrame({feature.name: pd.Series([empty] * len(design), dtype="object")})
        cells = design[feature.name]
        if feature.kind == "word":
            return self._codes(cells, feature)
        values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if feature.kind == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(values > 0, np.log(values), np.nan)
        return values

    def _codes(self, cells: pd.Series, feature: Feature) -> NDArray[np.float64]:
        categories = self.words[feature.name]
        codes = {word: float(code) for code, word in enumerate(categories)}
        filled = cells.fillna(MISSING) if self.view == "published" else cells
        unknown = sorted({str(cell) for cell in filled.dropna() if cell not in codes} - {MISSING})
        if unknown:
            raise DataError(f"{feature.name}: {unknown[0]!r} is not one of {', '.join(categories)}")
        return np.array([codes.get(cell, np.nan) if isinstance(cell, str) else np.nan for cell in filled])

    def check_query(self, query: Mapping[Any, Any]) -> dict[str, Any]:
        """`query` (feature name -> raw word or number, None = unknown) with numbers as floats, unknown ones left out.

        Raises DataError naming the field and what is allowed: an unknown field or word, text for a number, a value
        out of the feature's range, shares of domains over 100 percent together.
        """
        checked: dict[str, Any] = {}
        for name, value in query.items():
            feature = self.feature(name)
            if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
                continue
            checked[name] = self._checked_word(feature, value) if feature.kind == "word" else _number(feature, value)
        total = sum(checked[name] for name in SHARES if name in checked)
        if total > SHARE_SUM_LIMIT:
            given = " + ".join(f"{name} {checked[name]:g}" for name in SHARES if name in checked)
            raise DataError(f"{given} = {total:g} percent; shares of the pretraining data sum to at most 100")
        return checked

    def _checked_word(self, feature: Feature, value: Any) -> str:
        categories = [word for word in self.words[feature.name] if word != MISSING]
        if value not in categories:
            raise DataError(f"{feature.name}: {value!r} is not one of {', '.join(categories)}")
        return str(value)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON or YAML."""
        return {"view": self.view, "words": {name: list(words) for name, words in self.words.items()}}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Encoding:
        """The inverse of `to_dict`."""
        return cls(plain["view"], {name: tuple(words) for name, words in plain["words"].items()})


def _number(feature: Feature, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(f"{feature.name}: {value!r} is not a number ({feature.unit})") from None
    low, high = feature.low, feature.high
    if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
        raise DataError(f"{feature.name}: {value} is not from {low:g} to {high:g} {feature.unit}")
    return number
