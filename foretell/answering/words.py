"""Contributions in words: which choices raise or lower a score against the nearest known models, or against another
design. The contributions of a prediction sum to it, so that differences of contributions sum to the difference of two
predictions, or to that from the mean of several: every number in the sentences is a part of a whole that they state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import Feature

MOST_NAMED = 3  # features in one sentence
SMALLEST_SHARE, SMALLEST = 0.05, 0.0005  # of all effects together, and in score: what is less is not named


@dataclass(frozen=True)
class Parts:
    """One design's prediction and what it is made of: `values` maps features to raw words and numbers (absent or None:
    unknown), `contributions` the same features, "base" and "bounds" to their parts of `score`, which they sum to."""

    name: str
    score: float
    values: Mapping[str, Any]
    contributions: Mapping[str, float]


def against_nearest(asked: Parts, nearest: Sequence[Parts]) -> tuple[str, ...]:
    """Two to four sentences: how far `asked` lies from the mean prediction of the `nearest` models, and the features
    that make the difference, each with its value, the models' values, and its exact effect (its contribution - the mean
    of the models' contributions). Features that they have in common, which can have an effect only through what they
    are combined with, and small effects are added up in the last sentence. Empty without models."""
    if not nearest:
        return ()
    yardstick = float(np.mean([model.score for model in nearest]))
    names = ", ".join(model.name for model in nearest)
    where = _apart(asked.score - yardstick)
    first = f"{asked.score:.3f} is {where} what is predicted for the nearest models ({yardstick:.3f}: {names})."
    mean = {name: float(np.mean([m.contributions.get(name, 0.0) for m in nearest])) for name in asked.contributions}
    shown = {}
    for name in _features(asked):
        others = _range([model.values.get(name) for model in nearest])
        own = shown_value(asked.values.get(name))
        if own != others:
            shown[name] = f"{name} {own} (nearest models: {others})"
    return (first, *_sentences(asked.contributions, mean, shown))


def against_other(first: Parts, second: Parts) -> tuple[str, ...]:
    """Sentences on why `second` is predicted to score more or less than `first`: the features that make the difference,
    each with both values and its exact effect; those in which they do not differ are added up, as above."""
    difference = second.score - first.score
    start = f"{second.name} is predicted {_apart(difference)} {first.name}."
    shown = {}
    for name in _features(second):
        own, other = (shown_value(side.values.get(name)) for side in (second, first))
        if own != other:
            shown[name] = f"{name} {own} (in {first.name}: {other})"
    return (start, *_sentences(second.contributions, first.contributions, shown))


def _features(parts: Parts) -> list[str]:
    return [name for name in parts.contributions if name not in ("base", "bounds")]


def decoded(features: Sequence[Feature], row: NDArray[np.float64]) -> dict[str, Any]:
    """The raw words and numbers of one encoded row [features]; None = unknown."""
    values: dict[str, Any] = {}
    for feature, number in zip(features, row.tolist(), strict=True):
        if math.isnan(number):
            values[feature.name] = None
        elif feature.kind == "word":
            values[feature.name] = feature.words[int(number)]
        else:
            values[feature.name] = math.exp(number) if feature.kind == "log" else number
    return values


def shown_value(value: Any) -> str:
    """A raw value as a person writes it: 7e9, 2000, 0.25, swiglu, unknown; numbers to four digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "unknown"
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return str(value)
    number = float(value)
    if abs(number) < 1e6:
        return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    mantissa, exponent = f"{number:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def shown_chance(probability: float) -> str:
    """A probability in percent; never as certain."""
    percent = f"{probability:.0%}"
    return {"0%": "<1%", "100%": ">99%"}.get(percent, percent)


def _apart(difference: float) -> str:
    if abs(difference) < SMALLEST:
        return "equal to"
    return f"{abs(difference):.3f} {'above' if difference > 0 else 'below'}"


def _range(values: Sequence[Any]) -> str:
    """What several models have: one value, the range of numbers, or the words; unknown ones are named last."""
    known = [value for value in values if shown_value(value) != "unknown"]
    if known and not isinstance(known[0], str):
        low, high = shown_value(min(known)), shown_value(max(known))
        shown = low if low == high else f"{low} to {high}"
    else:
        shown = " or ".join(sorted(set(known)))
    return ", or ".join(part for part in (shown, "unknown" if len(known) < len(values) else "") if part)


def _sentences(own: Mapping[str, float], other: Mapping[str, float], shown: Mapping[str, str]) -> list[str]:
    """What raises, what lowers, of the features in `shown`, and the rest: all effects add up to the difference."""
    effects = {name: own[name] - other.get(name, 0.0) for name in own}
    smallest = max(SMALLEST, SMALLEST_SHARE * sum(map(abs, effects.values())))
    order = sorted(shown, key=lambda name: -abs(effects[name]))
    large = [name for name in order if abs(effects[name]) >= smallest]
    lines: list[str] = []
    named: set[str] = set()
    for verb, sign in (("Raised", 1), ("Lowered", -1)):
        chosen = [name for name in large if effects[name] * sign > 0][:MOST_NAMED]
        named |= set(chosen)
        if chosen:
            lines.append(f"{verb} by " + "; ".join(f"{shown[name]}: {effects[name]:+.3f}" for name in chosen) + ".")
    rest = sum(effect for name, effect in effects.items() if name not in named)
    if abs(rest) >= SMALLEST:
        lines.append(f"Everything else together: {rest:+.3f}.")
    return lines
