"""A blend of forecasters as one model: the weighted offsets in training compute or in parameters and tokens, and all
members' trees, which learned what the offsets leave, in one booster. Everything adds up in log odds of the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .offsets import (
    Offset,
    log_compute,
    offset_from_dict,
    offset_to_dict,
    scores_of,
    shared_between_params_and_tokens,
)

if TYPE_CHECKING:
    from .boosters import Booster

Array = NDArray[np.float64]
DERIVED = 3  # columns after the features': log compute, log tokens per parameter, month of release


@dataclass(frozen=True)
class Part:
    """One member of a blend: its name and title, its share of the answer, and what its trees correct."""

    name: str
    title: str
    weight: float
    offset: Offset

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for YAML."""
        return {"name": self.name, "title": self.title, "weight": self.weight, "offset": offset_to_dict(self.offset)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Part:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError when `plain` is something else."""
        weight = float(plain["weight"])
        return cls(str(plain["name"]), str(plain["title"]), weight, offset_from_dict(plain["offset"]))


def tree_columns(encoded: Array, months: Array, newest: float) -> Array:
    """What the trees of a blend read [q, p + 3]: the encoded features [q, p], of which parameters and tokens come
    first, then log compute (FLOPs), log tokens (billions) per parameter, and the month of release [q], which is taken
    for the `newest` known where it is unknown: what is asked about is what comes next."""
    log_params, log_tokens = encoded[:, 0], encoded[:, 1]
    month = np.where(np.isnan(months), newest, months)
    return np.column_stack([encoded, log_compute(log_params, log_tokens), log_tokens - log_params, month])


@dataclass(frozen=True)
class Blend:
    """`trees` answer with the weighted sum of what all members' trees say; `known` [n, p] are the encoded training
    models and `newest` the latest month of their releases; `bounds` are the target's lowest and highest score."""

    parts: Sequence[Part]
    trees: Booster
    bounds: tuple[float, float]
    known: Array
    newest: float

    def log_odds(self, encoded: Array, months: Array) -> Array:
        """Log odds [q] of the score of encoded queries [q, p] released in `months` [q] (NaN = unknown)."""
        from .boosters import predict_rows

        columns = tree_columns(encoded, months, self.newest)
        return self._offset(*self._scale(encoded)) + predict_rows(self.trees, columns)

    def scores(self, encoded: Array, months: Array) -> Array:
        """Scores [q], between the bounds."""
        return scores_of(self.log_odds(encoded, months), self.bounds)

    def contributions(self, encoded: Array, months: Array) -> Array:
        """What makes the scores, [q, p + 2]: each feature, the month of release, and the base; a row sums to the score.

        In log odds these are exact: tree SHAP values (Lundberg et al. 2020) of the trees, those of compute and of
        tokens per parameter counted half for parameters and half for tokens, of which both are made; and the Shapley
        values of the offsets. The base is the score of the mean log odds; the way from it to the score is shared in
        proportion to them.
        """
        from .boosters import contributions

        n_features = encoded.shape[1]
        shares = contributions(self.trees, tree_columns(encoded, months, self.newest))
        of_params, of_tokens, mean = shared_between_params_and_tokens(
            self._offset, self._scale(encoded), self._scale(self.known)
        )
        made_of_both = 0.5 * shares[:, n_features : n_features + 2].sum(axis=1)
        parts = np.column_stack([shares[:, :n_features], shares[:, n_features + 2]])
        parts[:, 0] += of_params + made_of_both
        parts[:, 1] += of_tokens + made_of_both
        base = shares[:, -1] + mean
        start, score = scores_of(base, self.bounds), scores_of(base + parts.sum(axis=1), self.bounds)
        way = parts.sum(axis=1)
        slope = (start - self.bounds[0]) * (self.bounds[1] - start) / (self.bounds[1] - self.bounds[0])
        per_log_odds = np.where(np.abs(way) > 1e-9, (score - start) / np.where(way == 0, 1.0, way), slope)
        return np.column_stack([parts * per_log_odds[:, None], start])

    def importance(self, months: Array) -> Array:
        """Mean |contribution| [p] of each feature over the known models, released in `months` [n], in score units."""
        return np.asarray(np.abs(self.contributions(self.known, months)[:, :-2]).mean(axis=0))

    def _offset(self, log_params: Array, log_tokens: Array) -> Array:
        total = sum(part.weight * part.offset(log_params, log_tokens, self.bounds) for part in self.parts)
        return np.asarray(total, dtype=np.float64)

    def _scale(self, encoded: Array) -> tuple[Array, Array]:
        """Log parameters and log tokens; an unknown one is the mean of the known models', for want of better."""
        means = np.nanmean(self.known[:, :2], axis=0)
        filled = np.where(np.isnan(encoded[:, :2]), means, encoded[:, :2])
        return filled[:, 0], filled[:, 1]
