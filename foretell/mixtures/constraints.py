"""What a mixture may be: bounds on each domain, no more repetition than a domain's text allows, and a limit on how far
it strays from the natural mix, where predictions rest on fewer proxies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from foretell.arrays import Floats, finite
from foretell.errors import ConfigError, DataError
from foretell.stats import DISTANCES, distance

Scalar = Callable[[Floats], float]
Vector = Callable[[Floats], Floats]


@dataclass(frozen=True)
class MixtureLimits:
    """The allowed mixtures: `low` and `high` (n_domains,) fractions, `reference` (n_domains,) the natural mix, and
    `max_distance` from it by `kind` (None: any). Made by `limits`, which checks that a mixture is possible."""

    low: Floats
    high: Floats
    reference: Floats
    kind: str
    max_distance: float | None
    feasible: Floats

    def allows(self, weights: Floats) -> bool:
        """Whether a mixture (n_domains,) keeps the limits, to 1e-6."""
        inside = bool((weights >= self.low - 1e-6).all() and (weights <= self.high + 1e-6).all())
        near = self.max_distance is None or distance(self.kind, weights, self.reference) <= self.max_distance + 1e-6
        return inside and abs(weights.sum() - 1.0) < 1e-6 and near


def repetition_bounds(raw_sizes: ArrayLike, budget: float, max_epochs: float) -> Floats:
    """Largest share of each domain, max_epochs x size_j / budget and at most 1, so that no text is seen more than
    `max_epochs` times (up to four are nearly as good as new text: Muennighoff et al. 2023, arXiv:2305.16264).

    `raw_sizes` (n_domains,) and `budget` in one unit (GiB or tokens), above 0. Raises DataError otherwise.
    """
    sizes = finite("raw_sizes", raw_sizes, (None,), np.nextafter(0.0, 1.0))
    total, epochs = finite("budget, max_epochs", [budget, max_epochs], (2,), np.nextafter(0.0, 1.0))
    return np.minimum(1.0, epochs * sizes / total)


def limits(
    reference: ArrayLike,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    kind: str = "kl",
    max_distance: float | None = None,
) -> MixtureLimits:
    """Limits around `reference` (n_domains, sums to 1); bounds default to 0 and 1.

    Raises DataError when the bounds cross, cannot sum to 1, or no mixture within them is within `max_distance`, and
    ConfigError on an unknown distance.
    """
    q = finite("reference", reference, (None,), 0.0, 1.0)
    if abs(q.sum() - 1.0) > 1e-6:
        raise DataError(f"reference: sums to {q.sum():g}, expected fractions that sum to 1")
    if kind not in DISTANCES:
        raise ConfigError(f"distance {kind!r} does not exist; expected one of {', '.join(DISTANCES)}")
    lo = np.zeros(len(q)) if low is None else finite("low", low, (len(q),), 0.0, 1.0)
    hi = np.ones(len(q)) if high is None else finite("high", high, (len(q),), 0.0, 1.0)
    if (lo > hi).any() or lo.sum() > 1.0 + 1e-9 or hi.sum() < 1.0 - 1e-9:
        raise DataError(f"bounds: low sums to {lo.sum():g}, high to {hi.sum():g}; expected low <= high, 1 between")
    if max_distance is not None:
        finite("max_distance", [max_distance], (1,), 0.0)
    if kind == "kl":
        hi = np.where(q > 0, hi, np.minimum(hi, 0.0))  # a domain the natural mix lacks is infinitely far
        if hi.sum() < 1.0 - 1e-9 or (lo > hi).any():
            raise DataError("bounds: they ask for a domain that the natural mix lacks, infinitely far by kl")
    spread = float((hi - lo).sum())
    start = lo + (hi - lo) * ((1.0 - lo.sum()) / spread if spread > 0 else 0.0)
    free = MixtureLimits(lo, hi, q, kind, None, start)
    inside = bool((q >= lo).all() and (q <= hi).all())
    nearest = q if inside else nearest_mixture(free, q, kind)
    away = distance(kind, nearest, q)
    if max_distance is not None and away > max_distance + 1e-9:
        raise DataError(
            f"max_distance {max_distance:g} ({kind}): the nearest mixture within the bounds is {away:.4g} away; "
            "widen the bounds or the distance"
        )
    return MixtureLimits(lo, hi, q, kind, max_distance, nearest)


def nearest_mixture(allowed: MixtureLimits, origin: Floats, kind: str, keep: tuple[Scalar, Vector] | None = None,
                    start: Floats | None = None) -> Floats:  # fmt: skip
    """The allowed mixture nearest to `origin` by `kind`, with `keep` = (g, gradient of g) also held at g(w) >= 0.

    `start` (default: the limits' feasible mixture) should be feasible. Raises DataError when scipy finds none.
    """
    if kind == "tv":
        return minimise(allowed, lambda w: 0.0, np.zeros_like, start, keep, tv_from=origin)
    if kind == "kl":
        floor = 1e-12

        def kl(w: Floats) -> float:
            v = np.maximum(w, floor)
            return float((v * np.log(v / np.maximum(origin, floor))).sum())

        def kl_gradient(w: Floats) -> Floats:
            v = np.maximum(w, floor)
            return np.asarray(np.log(v / np.maximum(origin, floor)) + 1.0)

        return minimise(allowed, kl, kl_gradient, start, keep)
    return minimise(allowed, lambda w: float(((w - origin) ** 2).sum()), lambda w: 2.0 * (w - origin), start, keep)


def minimise(
    allowed: MixtureLimits,
    objective: Scalar,
    gradient: Vector,
    start: Floats | None = None,
    keep: tuple[Scalar, Vector] | None = None,
    tv_from: Floats | None = None,
) -> Floats:
    """Minimum of a smooth `objective` over the allowed mixtures (scipy SLSQP, exact gradients), plus sum |w - tv_from|
    / 2 where given. |w - q| enters as variables u >= +-(w - q), so that the problem stays smooth.

    Raises DataError when SLSQP ends without an allowed mixture.
    """
    n = len(allowed.low)
    origins = [o for o in (tv_from, allowed.reference if _has_tv(allowed) else None) if o is not None]
    width = n * (1 + len(origins))

    def over(part: int, values: Floats) -> Floats:
        row = np.zeros(width)
        row[part * n : (part + 1) * n] = values
        return row

    rules: list[dict[str, object]] = [
        {"type": "eq", "fun": lambda z: z[:n].sum() - 1.0, "jac": lambda z: over(0, np.ones(n))}
    ]
    if keep is not None:
        hold, slope = keep
        rules.append({"type": "ineq", "fun": lambda z: hold(z[:n]), "jac": lambda z: over(0, slope(z[:n]))})
    if allowed.max_distance is not None and allowed.kind != "tv":
        rules.append(_near(allowed, n, over))
    for i, origin in enumerate(origins, start=1):
        rules.append(_above(origin, i, n, width))
    if _has_tv(allowed):
        last = len(origins)
        limit = 2.0 * float(allowed.max_distance or 0.0)
        rules.append({"type": "ineq", "fun": lambda z: limit - z[last * n : (last + 1) * n].sum(),
                      "jac": lambda z: over(last, -np.ones(n))})  # fmt: skip
    w0 = allowed.feasible if start is None else start
    z0 = np.concatenate([w0, *(np.abs(w0 - origin) for origin in origins)])
    half = over(1, np.full(n, 0.5)) if tv_from is not None else np.zeros(width)
    found = optimize.minimize(
        lambda z: objective(z[:n]) + half @ z,
        z0,
        jac=lambda z: over(0, gradient(z[:n])) + half,
        bounds=[*zip(allowed.low, allowed.high, strict=True), *[(0.0, 1.0)] * (width - n)],
        constraints=rules,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    w = np.clip(found.x[:n], allowed.low, allowed.high)
    w = w / w.sum() if abs(w.sum() - 1.0) > 1e-12 else w
    if not allowed.allows(w) or (keep is not None and keep[0](w) < -1e-6):
        raise DataError(f"no allowed mixture found ({found.message}); widen the bounds or the distance")
    return np.asarray(w)


def _has_tv(allowed: MixtureLimits) -> bool:
    return allowed.kind == "tv" and allowed.max_distance is not None


def _near(allowed: MixtureLimits, n: int, over: Callable[[int, Floats], Floats]) -> dict[str, object]:
    """The distance limit as an SLSQP rule: max_distance - d(w, reference) >= 0 (squared for the Euclidean one)."""
    q, most = allowed.reference, float(allowed.max_distance or 0.0)
    if allowed.kind == "euclidean":
        return {"type": "ineq", "fun": lambda z: most**2 - ((z[:n] - q) ** 2).sum(),
                "jac": lambda z: over(0, -2.0 * (z[:n] - q))}  # fmt: skip
    safe = np.maximum(q, 1e-12)

    def room(z: Floats) -> float:
        v = np.maximum(z[:n], 1e-12)
        return most - float((v * np.log(v / safe)).sum())

    return {"type": "ineq", "fun": room, "jac": lambda z: over(0, -np.log(np.maximum(z[:n], 1e-12) / safe) - 1.0)}


def _above(origin: Floats, part: int, n: int, width: int) -> dict[str, object]:
    """u - (w - q) >= 0 and u + (w - q) >= 0, with u the variables of `part`."""
    identity = np.eye(n)
    rows = np.zeros((2 * n, width))
    rows[:n, :n], rows[n:, :n] = -identity, identity
    rows[:n, part * n : (part + 1) * n] = rows[n:, part * n : (part + 1) * n] = identity
    constant = np.concatenate([origin, -origin])
    return {"type": "ineq", "fun": lambda z: rows @ z + constant, "jac": lambda z: rows}
