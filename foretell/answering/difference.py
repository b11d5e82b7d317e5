"""How far apart two designs will score, with the interval of the difference itself.

The errors of two predictions are alike when the designs are: what a whole family has in common raises or lowers both
scores and drops out of their difference. The interval of a difference is therefore neither the difference of two
intervals nor their sum. It is read off pairs of training models that are as far apart as the two designs, whose scores
are known and were predicted without them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
NEAR = 0.25  # the closest quarter of all pairs of training models are near each other
MIDDLE = 2.0  # how much the pair's height counts against distance and spread: scores near chance err least
SHARE, FEWEST, MOST = 0.1, 60, 200_000  # a tenth of the pairs, at least 60, answer; of more than MOST, every k-th


@dataclass(frozen=True)
class Difference:
    """`difference` = score of the second design - score of the first, with its interval [`low`, `high`] at `level`;
    `chance_higher` is the probability that the second scores higher. `n_pairs` pairs of training models stand behind
    the interval."""

    difference: float
    low: float
    high: float
    level: float
    chance_higher: float
    n_pairs: int


@dataclass(frozen=True)
class Pairs:
    """Pairs of training models [p]: `error` is |actual - predicted difference|, `distance` how far the two designs are
    from each other, `spread` how large the error would be if the two predictions' errors had nothing in common, and
    `middle` the mean of the two predictions."""

    error: Array
    distance: Array
    spread: Array
    middle: Array

    def like(self, distance: float, spread: float, middle: float) -> Array:
        """The errors [k] of the pairs most like a question with this distance, spread and middle: those nearest in rank
        on the three together, each error scaled by the question's spread over the pair's."""
        k = min(len(self.error), max(FEWEST, round(SHARE * len(self.error))))
        apart = np.zeros(len(self.error))
        for (ordered, ranks), at, weight in zip(self._ranked, (distance, spread, middle), (1, 1, MIDDLE), strict=True):
            apart += weight * np.abs(ranks - _rank(ordered, at))
        nearest = np.argpartition(apart, k - 1)[:k]
        return self.error[nearest] * (spread / self.spread[nearest])

    @cached_property
    def _ranked(self) -> list[tuple[Array, Array]]:
        """Distances, spreads and middles, each in order [p] and as ranks [p]."""
        columns = (self.distance, self.spread, self.middle)
        return [(ordered := np.sort(column), _rank(ordered, column)) for column in columns]


@dataclass(frozen=True)
class PairErrors:
    """What pairs of training models show about the error of a difference. Two designs at most `limit` apart are
    answered from `near` pairs, others from `far` ones.

    Near pairs are of models that the same booster left out, as the question's two designs are both unseen. Were each
    left out by its own booster, the two would have taught each other's: where a booster answers for the one with the
    score of the other, both errors are the difference of the scores with opposite signs, and the error of the
    difference is twice what it should be. Models far apart teach each other's boosters little, so that every two of
    them are a pair, whichever boosters left them out: many more, and of more families.
    """

    near: Pairs
    far: Pairs
    limit: float
    n_models: int

    @classmethod
    def of(
        cls, fold: Indices, row: Indices, predicted: Array, error: Array, spread: Array, between: Array
    ) -> PairErrors:
        """From out-of-fold errors, one entry per kind of folds and training model [m]: `fold` is the number of the
        booster that left the model out, `row` the model's position, `predicted` its score by that booster, `error` the
        actual - predicted score, `spread` how large an error is usual for it; `between` [n, n] are the distances
        between the training models.

        Raises DataError when the arrays differ in length, a value is not finite, a spread is not above 0, or no two
        training models make a pair.
        """
        columns = {"fold": fold, "row": row, "predicted": predicted, "error": error, "spread": spread}
        if len({column.shape for column in columns.values()}) > 1 or fold.ndim != 1:
            shapes = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
            raise DataError(f"pairs of training models: {shapes}; expected one value per out-of-fold error in each")
        if not (np.isfinite([predicted, error, spread]).all() and (spread > 0).all()):
            raise DataError("pairs of training models: scores and errors must be finite, and spreads above 0")
        first, second = np.triu_indices(len(fold), 1)
        distance = between[row[first], row[second]]
        limit = float(np.quantile(between[np.triu_indices(len(between), 1)], NEAR)) if len(between) > 1 else 0.0
        two = row[first] != row[second]
        near = two & (distance <= limit) & (fold[first] == fold[second])
        far = two & (distance > limit)

        def pairs(chosen: NDArray[np.bool_]) -> Pairs:
            which = np.flatnonzero(chosen)
            which = which[:: len(which) // MOST + 1]
            i, j = first[which], second[which]
            middle = (predicted[i] + predicted[j]) / 2
            return Pairs(np.abs(error[j] - error[i]), distance[which], np.hypot(spread[i], spread[j]), middle)

        if not (near.any() or far.any()):
            raise DataError("pairs of training models: no two models whose difference was predicted without them")
        return cls(pairs(near if near.any() else far), pairs(far if far.any() else near), limit, len(between))

    def difference(
        self,
        predictions: tuple[float, float],
        distance: float,
        spreads: tuple[float, float],
        bounds: tuple[float, float],
        level: float,
    ) -> Difference:
        """The second prediction minus the first, with its interval and the probability that it is above 0.

        `distance` is that between the two designs, `spreads` how large an error is usual for each, in the unit of the
        training models' spreads. With d the difference and u the errors of the pairs most like the question, the
        interval is d -+ the `level` (1 + 1/n) quantile of u, within what the `bounds` of the score allow; n models make
        the pairs, however many these are, and (n + 1)/n is the conformal correction for their number. A pair has no
        order: either sign of its error is as likely, so that P(second higher) = 1/2 + sign(d) share(u < |d|) / 2, with
        the share times n / (n + 1), as n models never make it certain.

        Raises DataError on a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise DataError(f"interval level {level} is not between 0 and 1")
        pairs = self.near if distance <= self.limit else self.far
        errors = pairs.like(distance, float(np.hypot(*spreads)), sum(predictions) / 2)
        difference, widest = predictions[1] - predictions[0], bounds[1] - bounds[0]
        half = float(np.quantile(errors, min(1.0, level * (1 + 1 / self.n_models)), method="higher"))
        smaller = float(np.mean(errors < abs(difference))) * self.n_models / (self.n_models + 1)
        return Difference(
            difference=difference,
            low=max(difference - half, -widest),
            high=min(difference + half, widest),
            level=level,
            chance_higher=0.5 + float(np.sign(difference)) * smaller / 2,
            n_pairs=len(errors),
        )


def _rank(ordered: Array, values: Array | float) -> Array:
    """Where `values` stand among `ordered` [p], from 0 to 1, ties counted half."""
    below, through = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + through) / (2 * len(ordered)))
