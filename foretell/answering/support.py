"""Is a question inside what the training models show? A predictor answers anything, and an answer in an empty corner
between known models looks as sure as any other: this module says when not to believe it, why, and what is near.

What counts as far is what the predictor makes of it: every feature weighs as much as it contributes to the scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .encoding import Feature
from .verdicts import Findings, Verdicts, month_numbers

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
SPACING_QUANTILE = 0.9  # of the distances of training models to their nearest neighbours; farther is the edge
OUTSIDE_SPACINGS = 2.0  # farther than this many times that is outside
UNKNOWN_COST = 0.25  # of the typical error: so much may unknown features contribute, together
SHARES_KNOWN_PCT = 50.0  # percent of the pretraining data whose domain must be given, or half of what shares contribute
OUTSIDE_FACTOR = 3.0  # times the largest parameters, tokens or compute; anything above 1 is the edge
MONTHS_AHEAD = 6.0  # after the newest training model
N_NEAREST = 3
MOST_NAMED = 3  # features in one reason
CHUNK = 8192  # queries whose distances are held at once


class Support:
    """The region that training models cover, in encoded features.

    Distance is Gower's (1971) general coefficient: the mean over features known on both sides of |difference| / range
    for numbers (logarithms of size and tokens) and 0/1 for words, weighted by `importance`; 1 when nothing is known on
    both. `verdicts` states the rule.
    """

    def __init__(
        self,
        rows: Array,
        described: tuple[Feature, ...],
        model_ids: tuple[str, ...],
        importance: Array | None = None,
        error: float | None = None,
        release_months: Sequence[Any] = (),
        shares: Sequence[str] | None = None,
    ):
        """`rows` [n, p] are the encoded training models, NaN = unknown, columns as in `described`.

        `importance` [p] is the mean |contribution| of each feature to the predictor's scores, and `error` the typical
        absolute out-of-fold error, both in score units; without either, features weigh alike and an unknown one is no
        reason. `release_months` [n] are "YYYY-MM" (None, NaN or "" = unknown), or empty. `shares` names the features
        that are percentages of one whole (default: all that describe the data).

        Raises DataError when shapes do not fit, an importance or the error is negative or not finite, or a month is
        not YYYY-MM.
        """
        n, p = len(model_ids), len(described)
        if rows.shape != (n, p):
            raise DataError(f"support: rows {rows.shape} do not fit {n} models x {p} features")
        given = np.ones(p) if importance is None else np.asarray(importance, dtype=np.float64)
        if given.shape != (p,) or not (np.isfinite(given) & (given >= 0)).all():
            raise DataError(f"support: importance must be one finite number of at least 0 for each of {p} features")
        if error is not None and not (np.isfinite(error) and error >= 0):
            raise DataError(f"support: typical error {error}, expected a finite number of at least 0")
        if len(release_months) not in (0, n):
            raise DataError(f"support: {len(release_months)} months of release for {n} models; expected {n} or none")
        self.rows, self.features, self.model_ids = rows, described, model_ids
        self.importance, self.weight = given, given if given.any() else np.ones(p)
        self.error = None if importance is None else error
        months = month_numbers(release_months)
        self.newest: float = float(np.nanmax(months)) if np.isfinite(months).any() else np.nan
        names = [feature.name for feature in described if feature.group == "data"] if shares is None else shares
        self.shares = np.array([feature.name in names for feature in described]) & (self.importance > 0)
        known = ~np.isnan(rows)
        spread = np.where(known, rows, -np.inf).max(axis=0) - np.where(known, rows, np.inf).min(axis=0)
        self.range = np.where(np.isfinite(spread) & (spread > 0), spread, 1.0)
        self._spacings: dict[bytes, float] = {}

    def distances(self, queries: Array, others: Array | None = None) -> Array:
        """Distances [q, n] of encoded queries [q, p] to the training models, or to `others` [n, p]; NaN = unknown."""
        rows = self.rows if others is None else others
        total = np.zeros((len(queries), len(rows)))
        weight = np.zeros_like(total)
        for index in np.flatnonzero(self.weight).tolist():
            gap = self._gap(index, queries[:, index, None], rows[None, :, index])
            known = ~np.isnan(gap)
            total += np.where(known, gap, 0.0) * self.weight[index]
            weight += known * self.weight[index]
        return np.divide(total, weight, out=np.ones_like(total), where=weight > 0)

    def nearest_distance(self, queries: Array) -> Array:
        """Distance [q] of each query to the closest training model."""
        parts = [self.distances(queries[start : start + CHUNK]).min(axis=1) for start in range(0, len(queries), CHUNK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def spacing(self, known: Mask) -> float:
        """How far 90 % of the training models at most lie from their nearest neighbours, by the features in `known`
        [p] alone; 0 for a single model."""
        key = known.tobytes()
        if key not in self._spacings:
            among = self.distances(np.where(known, self.rows, np.nan))
            np.fill_diagonal(among, np.inf)
            several = len(among) > 1
            self._spacings[key] = float(np.quantile(among.min(axis=1), SPACING_QUANTILE)) if several else 0.0
        return self._spacings[key]

    def verdicts(self, encoded: Array, release_months: Iterable[Any] | None = None) -> Verdicts:
        """The verdicts on encoded queries [q, p], whose months of release [q] may be given as "YYYY-MM".

        Edge: (1) the nearest training model is farther than 90 % of the training models are from their own nearest
        neighbours, by the features that the query gives; (2) the unknown features contribute more than a quarter of
        the typical error together; (3) the domain shares given contribute less than half of what all of them do, and
        add up to less than 50 percent; (4) parameters, tokens or compute are above every training model's; (5) it is
        released more than 6 months after the newest training model. Outside: more than twice the distance of (1), more
        than 3 times the largest of (4), parameters or tokens unknown, or nothing known. Inside: none of these.
        """
        order, distance = self._nearest(encoded)
        known = ~np.isnan(encoded)
        spacing = np.array([self.spacing(row) for row in known]).reshape(len(encoded))
        findings = Findings(len(encoded))
        findings.add(~known.any(axis=1), True, "nothing is known about it")
        self._judge_density(findings, encoded, order, distance, spacing)
        self._judge_unknown(findings, known)
        self._judge_shares(findings, encoded)
        beyond = self._judge_scale(findings, encoded)
        months = np.full(len(encoded), np.nan) if release_months is None else month_numbers(release_months)
        ahead = np.nan_to_num(np.maximum(months - self.newest, 0.0))
        words = [f"released {count:.0f} months after the newest known model" for count in ahead.tolist()]
        findings.add(ahead > MONTHS_AHEAD, False, words)
        nearest = [tuple(self.model_ids[index] for index in row) for row in order.tolist()]
        return Verdicts(*findings.verdicts(), nearest, distance, spacing, beyond, ahead)

    def _judge_density(
        self, findings: Findings, encoded: Array, order: NDArray[np.intp], distance: Array, spacing: Array
    ) -> None:
        far = distance > spacing
        words = [""] * len(encoded)
        for query in np.flatnonzero(far).tolist():
            nearest = self.rows[order[query, 0]]
            gaps = [float(self._gap(i, encoded[query, i], nearest[i])) for i in range(len(self.features))]
            most = self.features[int(np.argmax(np.nan_to_num(gaps) * self.weight))].name
            words[query] = f"no known model is near; the nearest differs most in {most}"
        outside = distance > OUTSIDE_SPACINGS * spacing
        findings.add(far & ~outside, False, words)
        findings.add(outside, True, words)

    def _judge_unknown(self, findings: Findings, known: Mask) -> None:
        for index, feature in enumerate(self.features):
            if feature.group == "scale":
                findings.add(~known[:, index], True, f"{feature.name} is unknown, and scores follow it most")
        if self.error is None:
            return
        costs, limit = ~known * self.importance, UNKNOWN_COST * self.error
        costly = costs.sum(axis=1) > limit
        words = [""] * len(known)
        for query in np.flatnonzero(costly).tolist():
            order = np.argsort(-costs[query], kind="stable")
            left = costs[query].sum() - np.cumsum(
                costs[query][order]
            )  # when the costliest are given, one after another
            names = [self.features[index].name for index in order[: int(np.argmax(left <= limit)) + 1]]
            rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            words[query] = f"unknown, and the score depends on it: {', '.join(names[:MOST_NAMED])}{rest}"
        findings.add(costly, False, words)

    def _judge_shares(self, findings: Findings, encoded: Array) -> None:
        shares, weight = encoded[:, self.shares], self.importance[self.shares]
        few = (~np.isnan(shares) * weight).sum(axis=1) < weight.sum() / 2
        little = np.nansum(shares, axis=1) < SHARES_KNOWN_PCT
        findings.add(few & little, False, "most of the pretraining data's domains are unknown")

    def _judge_scale(self, findings: Findings, encoded: Array) -> Array:
        """Reasons of size; returns log(compute / largest known compute) [q], 0 where not beyond."""
        indices = [index for index, feature in enumerate(self.features) if feature.group == "scale"]
        beyond = np.zeros(len(encoded))
        if not indices:
            return beyond
        logs = [(self._logs(encoded, index), self._logs(self.rows, index)) for index in indices]
        names = [self.features[index].name for index in indices]
        if len(indices) > 1:
            logs.append((sum(query for query, _ in logs), sum(row for _, row in logs)))  # type: ignore[arg-type]
            names.append("compute (parameters x tokens)")
        for name, (query, row) in zip(names, logs, strict=True):
            largest = np.nanmax(row) if np.isfinite(row).any() else np.inf
            beyond = np.nan_to_num(np.maximum(query - largest, 0.0))
            factor = np.exp(beyond)
            words = [f"{name} is {times:.2g} times the largest known" for times in factor.tolist()]
            outside = factor > OUTSIDE_FACTOR
            findings.add((beyond > 0) & ~outside, False, words)
            findings.add(outside, True, words)
        return beyond

    def _logs(self, encoded: Array, index: int) -> Array:
        values = encoded[:, index]
        return values if self.features[index].kind == "log" else np.log(np.where(values > 0, values, np.nan))

    def _gap(self, index: int, first: Any, second: Any) -> Any:
        """|difference| / range of a number, 0 or 1 of a word; NaN where either is unknown."""
        gap = np.abs(first - second)
        return np.where(np.isnan(gap), gap, gap > 0) if self.features[index].kind == "word" else gap / self.range[index]

    def _nearest(self, queries: Array) -> tuple[NDArray[np.intp], Array]:
        """Indices [q, up to 3] of the closest models, closest first, ties in row order, and the closest's distance."""
        n = min(N_NEAREST, len(self.rows))
        order, closest = np.empty((len(queries), n), dtype=np.intp), np.empty(len(queries))
        for start in range(0, len(queries), CHUNK):
            part = slice(start, start + CHUNK)
            left = self.distances(queries[part])
            closest[part] = left.min(axis=1)
            for place in range(n):
                pick = left.argmin(axis=1)
                left[np.arange(len(left)), pick] = np.inf
                order[part, place] = pick
        return order, closest
