"""Is a question inside what the training models show? Trees repeat their outermost leaf outside the range they saw,
so a prediction there looks as sure as any other: this module says when not to believe it, and names the neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import DataError

Array = NDArray[np.float64]
EDGE_QUANTILE = 0.9  # of the training models' own nearest-neighbour distances


@dataclass(frozen=True)
class Verdict:
    """`verdict` is inside, edge or outside; `reason` names the feature or the distance that decided it; `nearest` are
    the closest training models, closest first, with their distances."""

    verdict: str
    reason: str
    nearest: tuple[tuple[str, float], ...]


class Support:
    """The region that training models cover, in encoded features. Distance is Gower's (1971): the mean over features
    known on both sides of |difference| / range for numbers and 0/1 for words."""

    def __init__(self, rows: Array, names: tuple[str, ...], is_word: tuple[bool, ...], model_ids: tuple[str, ...]):
        if rows.shape != (len(model_ids), len(names)) or len(is_word) != len(names):
            raise DataError(f"support: rows {rows.shape} do not fit {len(model_ids)} models x {len(names)} features")
        self.rows, self.names, self.model_ids = rows, names, model_ids
        self.words = np.array(is_word)
        known = ~np.isnan(rows)
        self.low = np.where(known, rows, np.inf).min(axis=0)
        self.high = np.where(known, rows, -np.inf).max(axis=0)
        spread = self.high - self.low
        self.scale = np.where(np.isfinite(spread) & (spread > 0), spread, 1.0)
        among = np.array([self._distances(row) for row in rows])
        np.fill_diagonal(among, np.inf)
        own = among.min(axis=1)
        several = len(own) > 1
        self.edge: float = float(np.quantile(own, EDGE_QUANTILE)) if several else 0.0
        self.limit: float = float(own.max()) if several else 0.0

    def _distances(self, query: Array) -> Array:
        known = ~np.isnan(self.rows) & ~np.isnan(query)
        gap = np.where(self.words, (self.rows != query).astype(float), np.abs(self.rows - query) / self.scale)
        count = known.sum(axis=1)
        total = np.where(known, gap, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), 1.0)

    def verdict(self, query: Array, n_nearest: int = 3) -> Verdict:
        """The verdict on one encoded query [features]; NaN = unknown. Outside: a feature beyond every training model,
        or farther from all of them than any of them is from its neighbours. Edge: farther than 90 % of them are."""
        distances = self._distances(query)
        order = np.argsort(distances, kind="stable")[:n_nearest]
        nearest = tuple((self.model_ids[i], float(distances[i])) for i in order)
        for index, name in enumerate(self.names):
            if self.words[index] or np.isnan(query[index]):
                continue
            if query[index] < self.low[index] or query[index] > self.high[index]:
                side = "below" if query[index] < self.low[index] else "above"
                return Verdict("outside", f"{name} is {side} every training model", nearest)
        closest = nearest[0][1]
        if closest > self.limit:
            return Verdict("outside", f"no training model is near (distance {closest:.2f} > {self.limit:.2f})", nearest)
        if closest > self.edge:
            return Verdict("edge", f"few training models are near (distance {closest:.2f} > {self.edge:.2f})", nearest)
        return Verdict("inside", "", nearest)
