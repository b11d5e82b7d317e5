"""Two designs asked side by side: both answers, the difference of their scores with its own interval, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .answer import Answer
from .difference import Difference, PairErrors
from .encoding import RELEASE_MONTH
from .words import Parts, against_other, decoded, shown_chance

if TYPE_CHECKING:
    from .predictor import Predictor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """The answers to two designs and the difference second - first; `words` say in sentences what makes it."""

    first: Answer
    second: Answer
    difference: Difference
    words: tuple[str, ...]

    @property
    def chance_better(self) -> float:
        """The probability that the second design is the better one: that it scores higher, or lower where the
        benchmark's `lower_is_better`."""
        higher = self.difference.chance_higher
        return 1 - higher if self.first.lower_is_better else higher

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "benchmark": self.first.benchmark,
            "title": self.first.title,
            "lower_is_better": self.first.lower_is_better,
            "first": self.first.to_dict(),
            "second": self.second.to_dict(),
            "difference": self.difference.difference,
            "low": self.difference.low,
            "high": self.difference.high,
            "level": self.difference.level,
            "chance_higher": self.difference.chance_higher,
            "chance_better": self.chance_better,
            "words": list(self.words),
        }

    def __str__(self) -> str:
        """The comparison in one line."""
        of = self.difference
        interval = f"{of.level:.0%} interval {of.low:+.3f} to {of.high:+.3f}"
        scores = f"{self.second.score:.3f} against {self.first.score:.3f}"
        chance = shown_chance(self.chance_better)
        return f"{self.first.title}: {of.difference:+.3f} ({scores}; {interval}; better with {chance})"


def compare(
    predictor: Predictor,
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    level: float | None = None,
    names: tuple[str, str] = ("the first", "the second"),
) -> Comparison:
    """Both designs' answers and the difference of their scores, at `level` (default: the predictor's own).

    Where one of the designs is a training model's, the predictor has seen its score, and the interval of the
    difference, which is that of two unseen designs, is a little too wide. Raises DataError as `Predictor.predict` does.
    """
    answers = predictor.predict(first, level), predictor.predict(second, level)
    encoded = predictor.encoded(pd.DataFrame([dict(first), dict(second)], dtype=object))
    scores = np.array([answer.score for answer in answers])
    pairs, spreads = pair_errors(predictor, scores, predictor.support.nearest_distance(encoded))
    difference = pairs.difference(
        predictions=(answers[0].score, answers[1].score),
        distance=float(predictor.support.distances(encoded[:1], encoded[1:])[0, 0]),
        spreads=(float(spreads[0]), float(spreads[1])),
        bounds=predictor.card.bounds,
        level=answers[0].level,
    )
    described = [predictor.card.encoding.feature(name) for name in predictor.features]
    months = [predictor.month_read(design.get(RELEASE_MONTH)) for design in (first, second)]
    parts = [
        Parts(name, answer.score, decoded(described, row) | {RELEASE_MONTH: given}, answer.contributions)
        for name, answer, row, given in zip(names, answers, encoded, months, strict=True)
    ]
    return Comparison(*answers, difference, against_other(*parts))


def pair_errors(predictor: Predictor, scores: Array, distances: Array) -> tuple[PairErrors, Array]:
    """The pairs of the predictor's training models, and the usual errors [q] of designs with these predicted `scores`
    [q] and `distances` [q] to the nearest training model."""
    out = predictor.model.out_of_fold
    usual = predictor.model.usual_errors(out.predicted, out.distance)
    between = predictor.support.distances(predictor.support.rows)
    pairs = PairErrors.of(out.fold, out.row, out.predicted, out.error, usual, between)
    return pairs, predictor.model.usual_errors(scores, distances)
