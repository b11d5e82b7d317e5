"""Is a question inside what the training models show? Trees repeat their outermost leaf outside the range they saw,
so a prediction there looks as sure as any other: this module says when not to believe it, and names the neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .encoding import Feature

Array = NDArray[np.float64]
EDGE_QUANTILE = 0.9  # of the training models' own nearest-neighbour distances
N_NEAREST = 3
CHUNK = 8192  # queries whose distances are held at once


@dataclass(frozen=True)
class Verdict:
    """One query's verdict; `nearest` are the closest training models with their distances, closest first."""

    verdict: str
    reason: str
    nearest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Verdicts:
    """Per query: `verdict` is inside, edge or outside; `reason` names the feature or the distance that decided it;
    `nearest` are the closest training models by name, closest first; `distance` [q] is that to the closest."""

    verdict: list[str]
    reason: list[str]
    nearest: list[tuple[str, ...]]
    distance: Array


class Support:
    """The region that training models cover, in encoded features. Distance is Gower's (1971): the mean over features
    known on both sides of |difference| / range for numbers and 0/1 for words; 1 when nothing is known on both."""

    def __init__(self, rows: Array, features: tuple[Feature, ...], model_ids: tuple[str, ...]):
        if rows.shape != (len(model_ids), len(features)):
            raise DataError(f"support: rows {rows.shape} do not fit {len(model_ids)} models x {len(features)} features")
        self.rows, self.features, self.model_ids = rows, features, model_ids
        known = ~np.isnan(rows)
        self.always_known: list[bool] = [bool(column.all()) for column in known.T]
        self.low = np.where(known, rows, np.inf).min(axis=0)
        self.high = np.where(known, rows, -np.inf).max(axis=0)
        spread = self.high - self.low
        self.scale = np.where(np.isfinite(spread) & (spread > 0), spread, 1.0)
        among = self.distances(rows)
        np.fill_diagonal(among, np.inf)
        own = among.min(axis=1)
        several = len(own) > 1
        self.edge: float = float(np.quantile(own, EDGE_QUANTILE)) if several else 0.0
        self.limit: float = float(own.max()) if several else 0.0

    def distances(self, queries: Array, others: Array | None = None) -> Array:
        """Distances [q, n] of encoded queries [q, features] to the training models, or to `others` [n, features]; NaN =
        unknown."""
        rows = self.rows if others is None else others
        total = np.zeros((len(queries), len(rows)))
        count = np.zeros_like(total)
        for index, feature in enumerate(self.features):
            asked, mine = queries[:, index, None], rows[None, :, index]
            gap = np.not_equal(asked, mine) if feature.kind == "word" else np.abs(asked - mine) / self.scale[index]
            known = ~np.isnan(asked) & ~np.isnan(mine)
            total += np.where(known, gap, 0.0)
            count += known
        return np.where(count > 0, total / np.maximum(count, 1), 1.0)

    def nearest_distance(self, queries: Array) -> Array:
        """Distance [q] of each query to the closest training model."""
        parts = [self.distances(queries[start : start + CHUNK]).min(axis=1) for start in range(0, len(queries), CHUNK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def verdict(self, query: Array, n_nearest: int = N_NEAREST) -> Verdict:
        """`verdicts` of one encoded query [features], with the distances of its `n_nearest` models."""
        found = self.verdicts(query[None, :])
        distances = self.distances(query[None, :])[0]
        order = np.argsort(distances, kind="stable")[:n_nearest]
        nearest = tuple((self.model_ids[i], float(distances[i])) for i in order)
        return Verdict(found.verdict[0], found.reason[0], nearest)

    def verdicts(self, queries: Array) -> Verdicts:
        """The verdict on encoded queries [q, features]. Outside: a number beyond every training model, nothing known,
        parameters or tokens unknown, or farther from all models than any of them is from its neighbours. Edge: farther
        than 90 % of them are, or a feature unknown that is known of every training model."""
        closest = [self._closest(queries[start : start + CHUNK]) for start in range(0, len(queries), CHUNK)]
        order = np.concatenate([part[0] for part in closest])
        distance = np.concatenate([part[1] for part in closest])
        verdict: NDArray[Any] = np.full(len(queries), "inside", dtype=object)
        reason: NDArray[Any] = np.full(len(queries), "", dtype=object)

        def decide(rows: Any, word: str, why: str) -> None:
            fresh = np.asarray(rows & (verdict == "inside"))
            verdict[fresh], reason[fresh] = word, why

        decide(np.isnan(queries).all(axis=1), "outside", "nothing is known about it")
        for index, feature in enumerate(self.features):
            if feature.group == "scale":
                decide(np.isnan(queries[:, index]), "outside", f"{feature.name} is unknown, and scores follow it most")
        for index, feature in enumerate(self.features):
            if feature.kind != "word":
                decide(queries[:, index] < self.low[index], "outside", f"{feature.name} is below every training model")
                decide(queries[:, index] > self.high[index], "outside", f"{feature.name} is above every training model")
        far: Any = np.asarray((verdict == "inside") & (distance > self.limit))
        for row in np.flatnonzero(far).tolist():
            reason[row] = f"no training model is near (distance {distance[row]:.3f} > {self.limit:.3f})"
        verdict[far] = "outside"
        thin: Any = np.asarray((verdict == "inside") & (distance > self.edge))
        for row in np.flatnonzero(thin).tolist():
            reason[row] = f"few training models are near (distance {distance[row]:.3f} > {self.edge:.3f})"
        verdict[thin] = "edge"
        for index, feature in enumerate(self.features):
            if self.always_known[index]:
                why = f"{feature.name} is unknown, and of every training model it is known"
                decide(np.isnan(queries)[:, index], "edge", why)
        nearest = [tuple(self.model_ids[i] for i in row) for row in order.tolist()]
        return Verdicts(verdict.tolist(), reason.tolist(), nearest, distance)

    def _closest(self, queries: Array) -> tuple[NDArray[np.intp], Array]:
        """Indices [q, up to 3] of the closest models, closest first, ties in row order, and the closest's distance."""
        left = self.distances(queries)
        rows, picks = np.arange(len(queries)), []
        first = left.min(axis=1)
        for _ in range(min(N_NEAREST, left.shape[1])):
            pick = left.argmin(axis=1)
            left[rows, pick] = np.inf
            picks.append(pick)
        return np.column_stack(picks), first
