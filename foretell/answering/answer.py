"""The answer to one design, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from .card import Card


@dataclass(frozen=True)
class Answer:
    """A predicted `score` (accuracy from 0 to 1, or a Brier score from 0 to 2 where `lower_is_better`) and its interval
    [`low`, `high`] at `level`.

    `support` is inside, edge or outside (what the training models show), decided by `support_reason` where it is not
    inside; `nearest` are the training models most like the design, closest first; `predictable` is False where the
    benchmark cannot be predicted from design better than by the median. `contributions` maps "base", "bounds" (what
    keeping the score within what is possible added, 0 as a rule) and each feature to its part of the score; `words` say
    which of them raise or lower it against the nearest models.
    """

    benchmark: str
    title: str
    score: float
    low: float
    high: float
    level: float
    lower_is_better: bool
    support: str
    support_reason: str
    nearest: tuple[str, ...]
    predictable: bool
    contributions: Mapping[str, float]
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: pd.Series, card: Card, level: float) -> Answer:
        """The answer in one row of `Predictor.predict`'s table."""
        nearest = tuple(str(row["nearest"]).split(", ")) if row["nearest"] else ()
        return cls(
            benchmark=card.benchmark,
            title=card.title,
            score=float(row["score"]),
            low=float(row["low"]),
            high=float(row["high"]),
            level=level,
            lower_is_better=card.lower_is_better,
            support=str(row["support"]),
            support_reason=str(row["support_reason"]),
            nearest=nearest,
            predictable=bool(row["predictable"]),
            contributions={name: float(row[f"contribution_{name}"]) for name in ("base", "bounds", *card.parts)},
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        plain = {"nearest": list(self.nearest), "contributions": dict(self.contributions), "words": list(self.words)}
        return asdict(self) | plain

    def __str__(self) -> str:
        """The answer in one line."""
        reason = f": {self.support_reason}" if self.support_reason else ""
        verdict = "" if self.predictable else "; not predictable from design"
        interval = f"{self.level:.0%} interval {self.low:.3f} to {self.high:.3f}"
        return f"{self.title}: {self.score:.3f} ({interval}; {self.support}{reason}{verdict})"


@dataclass(frozen=True)
class Explanation:
    """What the answer to one design is made of: `score` = `base` (the mean prediction over the training models) + the
    sum of `contributions`, a table with one row per feature, the largest effect first (index: feature; columns: value,
    unit, contribution) + `bounds` (what keeping the score within what is possible added, 0 as a rule). `words` say
    which features raise or lower the score against the nearest models."""

    title: str
    score: float
    base: float
    bounds: float
    contributions: pd.DataFrame
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Answer, given: Mapping[str, Any], card: Card) -> Explanation:
        """What `answer` is made of, for the feature values `given`."""
        rows = {
            name: {
                "value": given.get(name),
                "unit": card.encoding.feature(name).unit if name in card.features else "",
                "contribution": answer.contributions[name],
            }
            for name in card.parts
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "unit", "contribution"])
        table.index.name = "feature"
        order = table["contribution"].abs().sort_values(ascending=False, kind="stable").index
        base, bounds = answer.contributions["base"], answer.contributions["bounds"]
        return cls(card.title, answer.score, base, bounds, table.loc[order], answer.words)

    def __str__(self) -> str:
        """A line per feature, then the words."""
        lines = [f"{self.title}: {self.score:.3f} = {self.base:.3f} (mean over the training models)"]
        for name, row in self.contributions.iterrows():
            value = (
                "unknown" if row["value"] is None or pd.isna(row["value"]) else f"{row['value']} {row['unit']}".strip()
            )
            lines.append(f"  {row['contribution']:+.3f}  {name} ({value})")
        if self.bounds:
            lines.append(f"  {self.bounds:+.3f}  kept within what is possible")
        return "\n".join([*lines, *self.words])
