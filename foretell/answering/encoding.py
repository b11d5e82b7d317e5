"""From raw design words and units to the numbers a tree sees, and back to a person's words when a query is wrong.

An `Encoding` describes every feature that a query may name. It is fixed with the training table and travels with every
predictor, so that a predictor answers the same after the project's own catalogue of features has changed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError

Group = Literal["scale", "architecture", "data", "generation"]
Kind = Literal["number", "log", "word"]
RELEASE_MONTH = "release_month"
"""A field of a query ("2026-03") that is no feature: it tells how far ahead of the known models a design lies."""
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Feature:
    """One feature of a design. `kind`: number (as it is), log (natural logarithm; positive) or word (one of `words`,
    whose position is its code). `low`/`high` bound what a query may ask for, in `unit`."""

    name: str
    group: Group
    kind: Kind
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """How each of `features` becomes a number. `shares` are the features that are percentages of one whole, together
    at most `shares_limit` percent. An unknown word is NaN, or the category `missing_word` where that is not empty.
    `view` names the facts that the training table was made from."""

    view: str
    features: tuple[Feature, ...]
    shares: tuple[str, ...] = ()
    shares_limit: float = 100.0
    missing_word: str = ""

    @property
    def words(self) -> dict[str, tuple[str, ...]]:
        """Word feature -> its categories in code order."""
        return {feature.name: feature.words for feature in self.features if feature.kind == "word"}

    def feature(self, name: str) -> Feature:
        """The description of `name`; DataError lists the close names when there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        known = [feature.name for feature in self.features]
        close = difflib.get_close_matches(name, known, 3) or known[:19]
        raise DataError(f"unknown feature {name!r}; known: {', '.join(close)}")

    def matrix(self, design: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
        """Encoded columns `names` of `design`, shape [rows, len(names)]; NaN = unknown. A column that `design` lacks
        is unknown for every row. Raises DataError on a word that is no category."""
        return np.column_stack([self._column(design, self.feature(name)) for name in names])

    def _column(self, design: pd.DataFrame, feature: Feature) -> NDArray[np.float64]:
        if feature.name not in design:
            empty = (self.missing_word or None) if feature.kind == "word" else None
            design = pd.DataFrame({feature.name: pd.Series([empty] * len(design), dtype="object")})
        cells = design[feature.name]
        if feature.kind == "word":
            return self._codes(cells, feature)
        values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if feature.kind == "log":
            # the C library's logarithm: numpy's own differs in the last bit between processors with AVX-512 and without
            return np.array([math.log(value) if value > 0 else np.nan for value in values.tolist()])
        return values

    def _codes(self, cells: pd.Series, feature: Feature) -> NDArray[np.float64]:
        categories = feature.words
        codes = {word: float(code) for code, word in enumerate(categories)}
        filled = cells.fillna(self.missing_word) if self.missing_word else cells
        unknown = sorted({str(cell) for cell in filled.dropna().unique() if cell not in codes} - {self.missing_word})
        if unknown:
            raise DataError(f"{feature.name}: {unknown[0]!r} is not one of {', '.join(categories)}")
        return np.array([codes.get(cell, np.nan) if isinstance(cell, str) else np.nan for cell in filled])

    def check_query(self, query: Mapping[Any, Any]) -> dict[str, Any]:
        """`query` (feature name -> raw word or number, None = unknown) with numbers as floats, unknown ones left out.
        It may also give the `release_month` as "YYYY-MM".

        Raises DataError naming the field and what is allowed: an unknown field or word, text for a number, a value
        out of the feature's range, shares of domains over 100 percent together, no month.
        """
        checked: dict[str, Any] = {}
        for name, value in query.items():
            feature = None if name == RELEASE_MONTH else self.feature(name)
            if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
                continue
            if feature is None:
                checked[name] = _month(value)
                continue
            checked[name] = self._checked_word(feature, value) if feature.kind == "word" else _number(feature, value)
        total = sum(checked[name] for name in self.shares if name in checked)
        if total > self.shares_limit:
            given = " + ".join(f"{name} {checked[name]:g}" for name in self.shares if name in checked)
            raise DataError(f"{given} = {total:g} percent; shares of the pretraining data sum to at most 100")
        return checked

    def check_table(self, queries: pd.DataFrame) -> pd.DataFrame:
        """`check_query` for every row at once: the same columns with numbers as float64, unknown cells empty.

        Raises DataError as `check_query` does, and when there are no rows or a column is given twice.
        """
        if not len(queries):
            raise DataError("no rows to predict for")
        if not queries.columns.is_unique:
            twice = sorted({str(name) for name in queries.columns[queries.columns.duplicated()]})
            raise DataError(f"columns given twice: {', '.join(twice)}")
        checked = {str(name): self._checked_column(str(name), queries[name]) for name in queries.columns}
        table = pd.DataFrame(checked, index=queries.index)
        shares = table[[name for name in self.shares if name in table]]
        over = np.flatnonzero(shares.sum(axis=1).to_numpy(dtype=np.float64) > self.shares_limit)
        if over.size:
            self.check_query(shares.iloc[over[0]].dropna().to_dict())
        return table

    def _checked_column(self, name: str, cells: pd.Series) -> pd.Series:
        feature = None if name == RELEASE_MONTH else self.feature(name)
        is_word = feature is None or feature.kind == "word"
        if feature is not None and not is_word and pd.api.types.is_numeric_dtype(cells) and cells.dtype != bool:
            values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
            for wrong in (np.isinf(values), values < _low(feature), values > _high(feature)):
                if wrong.any():
                    _number(feature, cells.iloc[int(np.argmax(wrong))])
            return pd.Series(values, index=cells.index)
        known: dict[tuple[type, Hashable], Any] = {}
        out = []
        for cell in cells:
            if not isinstance(cell, Hashable):
                self.check_query({name: cell})
            key = (type(cell), cell)  # True is not 1
            if key not in known:
                known[key] = self.check_query({name: cell}).get(name)
            out.append(known[key])
        return pd.Series(out, index=cells.index, dtype="object" if is_word else "float64")

    def _checked_word(self, feature: Feature, value: Any) -> str:
        categories = [word for word in feature.words if word != self.missing_word]
        if not isinstance(value, str) or value not in categories:
            raise DataError(f"{feature.name}: {value!r} is not one of {', '.join(categories)}")
        return str(value)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON or YAML; what a feature does not have is left out."""
        return {
            "view": self.view,
            "features": [
                {
                    key: list(value) if isinstance(value, tuple) else value
                    for key, value in asdict(feature).items()
                    if value not in (None, ())
                }
                for feature in self.features
            ],
            "shares": list(self.shares),
            "shares_limit": self.shares_limit,
            "missing_word": self.missing_word,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Encoding:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError when `plain` is something else."""
        features = tuple(Feature(**{**entry, "words": tuple(entry.get("words", ()))}) for entry in plain["features"])
        return cls(plain["view"], features, tuple(plain["shares"]), float(plain["shares_limit"]), plain["missing_word"])


def _month(value: Any) -> str:
    if not isinstance(value, str) or not MONTH.fullmatch(value):
        raise DataError(f"{RELEASE_MONTH}: {value!r} is no month; write it as YYYY-MM, for example 2026-03")
    return value


def _low(feature: Feature) -> float:
    return -math.inf if feature.low is None else feature.low


def _high(feature: Feature) -> float:
    return math.inf if feature.high is None else feature.high


def _number(feature: Feature, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(f"{feature.name}: {value!r} is not a number ({feature.unit})") from None
    low, high = _low(feature), _high(feature)
    if isinstance(value, bool) or not math.isfinite(number) or not low <= number <= high:
        raise DataError(f"{feature.name}: {value} is not from {low:g} to {high:g} {feature.unit}")
    return number
