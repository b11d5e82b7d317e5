"""What a mixture may be: bounds on each domain, no more repetition than a domain's text allows, and a limit on how far
it strays from the natural mix, where predictions rest on fewer proxies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from foretell.arithmetic import least_squares, log, solve
from foretell.arrays import Floats, finite
from foretell.errors import ConfigError, DataError
from foretell.stats import DISTANCES, distance

ACTIVE = 1e-6  # a bound or rule with less room than this holds with equality at the optimum
NEWTON_STEPS = 6
MOST_TANGENTS = 200
TV_SLACK = 1e-10
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
    shares: Floats = np.minimum(1.0, epochs * sizes / total)
    return shares


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
    """The allowed mixture nearest to `origin` by `kind`, with `keep` = (g, gradient of g), g concave, also held at
    g(w) >= 0.

    `start` (default: the limits' feasible mixture) should be feasible. Raises DataError when scipy finds none.
    """
    if kind == "tv":
        return _nearest_by_tv(allowed, origin, keep, allowed.feasible if start is None else start)
    if kind == "kl":
        floor = 1e-12

        def kl(w: Floats) -> float:
            v = np.maximum(w, floor)
            return float((v * log(v / np.maximum(origin, floor))).sum())

        def kl_gradient(w: Floats) -> Floats:
            v = np.maximum(w, floor)
            return np.asarray(log(v / np.maximum(origin, floor)) + 1.0)

        return minimise(allowed, kl, kl_gradient, start, keep)
    return minimise(allowed, lambda w: float(((w - origin) ** 2).sum()), lambda w: 2.0 * (w - origin), start, keep)


def _nearest_by_tv(allowed: MixtureLimits, origin: Floats, keep: tuple[Scalar, Vector] | None, start: Floats) -> Floats:
    """Least sum |w - origin| / 2 as linear programs (scipy's HiGHS) in w and u >= |w - origin|: every smooth rule
    g(w) >= 0, g concave, is replaced by its tangents at the mixtures tried so far (Kelley 1960). Many mixtures can be
    equally near; the simplex method takes the same one of them on every machine."""
    n = len(origin)
    identity, nothing = np.eye(n), np.zeros((n, n))
    blocks = [np.hstack([identity, -identity, nothing]), np.hstack([-identity, -identity, nothing])]
    bounds_above = [origin, -origin]
    smooth = [] if keep is None else [keep]
    if _has_tv(allowed):
        q = allowed.reference
        blocks += [np.hstack([identity, nothing, -identity]), np.hstack([-identity, nothing, -identity]),
                   np.concatenate([np.zeros(2 * n), np.ones(n)])[None]]  # fmt: skip
        bounds_above += [q, -q, np.array([2.0 * float(allowed.max_distance or 0.0)])]
    elif allowed.max_distance is not None:
        smooth.append(_room(allowed))
    equal = np.concatenate([np.ones(n), np.zeros(2 * n)])[None]
    box = [*zip(allowed.low, allowed.high, strict=True), *[(0.0, None)] * (2 * n)]
    cost = np.concatenate([np.zeros(n), np.full(n, 0.5), np.zeros(n)])
    w, violation = start, np.inf
    for _ in range(MOST_TANGENTS):
        for rule, slope in smooth:
            tangent = slope(w)
            blocks.append(np.concatenate([-tangent, np.zeros(2 * n)])[None])
            bounds_above.append(np.array([rule(w) - (tangent * w).sum()]))
        found = optimize.linprog(cost, np.vstack(blocks), np.concatenate(bounds_above), equal, [1.0], box, "highs-ds")
        if found.x is None:
            break
        w = np.asarray(found.x[:n])
        violation = max((-rule(w) for rule, _ in smooth), default=0.0)
        if violation <= TV_SLACK:
            break
    if not allowed.allows(w) or violation > 1e-6:
        raise DataError(f"no allowed mixture found ({found.message}); widen the bounds or the distance")
    return w


def minimise(
    allowed: MixtureLimits,
    objective: Scalar,
    gradient: Vector,
    start: Floats | None = None,
    keep: tuple[Scalar, Vector] | None = None,
) -> Floats:
    """Minimum of a smooth `objective` over the allowed mixtures (scipy SLSQP, exact gradients; its last digits are
    settled by Newton's method). A limit by total variation enters as variables u >= +-(w - q), so that the problem
    stays smooth. Raises DataError when SLSQP ends without an allowed mixture.
    """
    n = len(allowed.low)
    width = n * (2 if _has_tv(allowed) else 1)

    def over(part: int, values: Floats) -> Floats:
        row = np.zeros(width)
        row[part * n : (part + 1) * n] = values
        return row

    rules: list[dict[str, object]] = [
        {"type": "eq", "fun": lambda z: z[:n].sum() - 1.0, "jac": lambda z: over(0, np.ones(n))}
    ]
    smooth = [] if keep is None else [keep]
    if _has_tv(allowed):
        limit = 2.0 * float(allowed.max_distance or 0.0)
        rules.append(_above(allowed.reference, 1, n, width))
        rules.append({"type": "ineq", "fun": lambda z: limit - z[n:].sum(), "jac": lambda z: over(1, -np.ones(n))})
    elif allowed.max_distance is not None:
        smooth.append(_room(allowed))
    for rule, slope in smooth:
        rules.append({"type": "ineq", "fun": lambda z, rule=rule: rule(z[:n]),
                      "jac": lambda z, slope=slope: over(0, slope(z[:n]))})  # fmt: skip
    w0 = allowed.feasible if start is None else start
    found = optimize.minimize(
        lambda z: objective(z[:n]),
        np.concatenate([w0, np.abs(w0 - allowed.reference)])[:width],
        jac=lambda z: over(0, gradient(z[:n])),
        bounds=[*zip(allowed.low, allowed.high, strict=True), *[(0.0, 1.0)] * (width - n)],
        constraints=rules,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    w = np.clip(found.x[:n], allowed.low, allowed.high)
    w = w / w.sum() if abs(w.sum() - 1.0) > 1e-12 else w
    if not allowed.allows(w) or (keep is not None and keep[0](w) < -1e-6):
        raise DataError(f"no allowed mixture found ({found.message}); widen the bounds or the distance")
    return w if _has_tv(allowed) else _settled(allowed, gradient, smooth, np.asarray(w))


def _settled(allowed: MixtureLimits, gradient: Vector, smooth: list[tuple[Scalar, Vector]], w: Floats) -> Floats:
    """`w` at the optimum's own last digits: SLSQP stops near it, where depends on the machine's BLAS.

    With the bounds and the `smooth` rules that hold at `w` taken as equations, Newton's method solves the conditions
    grad f = nu + sum_k lambda_k grad g_k on the free domains, sum w = 1 and g_k = 0 (second derivatives by central
    differences of the gradients). `w` itself where that leads away: a minimum that is not unique.
    """
    at_low, at_high = w <= allowed.low + ACTIVE, w >= allowed.high - ACTIVE
    free = np.flatnonzero(~at_low & ~at_high)
    x = np.where(at_low, allowed.low, np.where(at_high, allowed.high, w))
    held = [(rule, slope) for rule, slope in smooth if rule(x) < ACTIVE]
    n = len(free)
    if n == 0:
        return w

    def pull(at: Floats, multipliers: Floats) -> Floats:
        slopes = [slope(at) for _, slope in held]
        direction: Floats = (
            gradient(at) - multipliers[0] - sum(m * s for m, s in zip(multipliers[1:], slopes, strict=True))
        )
        return direction

    sides = np.column_stack([np.ones(n), *(slope(x)[free] for _, slope in held)])
    if sides.shape[1] > n:
        return w
    multipliers = least_squares(sides, gradient(x)[free])
    for _ in range(NEWTON_STEPS):
        sides = np.column_stack([np.ones(n), *(slope(x)[free] for _, slope in held)])
        matrix = np.zeros((n + sides.shape[1], n + sides.shape[1]))
        for j, domain in enumerate(free):
            step = np.zeros(len(x))
            step[domain] = 1e-4 * x[domain]
            change = pull(x + step, multipliers) - pull(x - step, multipliers)
            matrix[:n, j] = change[free] / (2.0 * step[domain])
        matrix[:n, n:], matrix[n:, :n] = -sides, sides.T
        misses = [1.0 - x.sum(), *(-rule(x) for rule, _ in held)]
        move = solve(matrix[None], np.concatenate([-pull(x, multipliers)[free], misses])[None])[0]
        if not np.isfinite(move).all() or np.abs(x[free] + move[:n] - w[free]).max() > 100 * ACTIVE:
            return w
        x[free] += move[:n]
        multipliers = multipliers + move[n:]
    return x if allowed.allows(x) else w


def _has_tv(allowed: MixtureLimits) -> bool:
    return allowed.kind == "tv" and allowed.max_distance is not None


def _room(allowed: MixtureLimits) -> tuple[Scalar, Vector]:
    """The distance limit by `kl` or `euclidean` as max_distance - d(w, reference) >= 0 (squared for the latter), with
    its gradient."""
    q, most = allowed.reference, float(allowed.max_distance or 0.0)
    if allowed.kind == "euclidean":
        return lambda w: most**2 - float(((w - q) ** 2).sum()), lambda w: -2.0 * (w - q)
    safe = np.maximum(q, 1e-12)

    def room(w: Floats) -> float:
        v = np.maximum(w, 1e-12)
        return most - float((v * log(v / safe)).sum())

    return room, lambda w: -log(np.maximum(w, 1e-12) / safe) - 1.0


def _above(origin: Floats, part: int, n: int, width: int) -> dict[str, object]:
    """u - (w - q) >= 0 and u + (w - q) >= 0, with u the variables of `part`."""
    identity = np.eye(n)
    rows = np.zeros((2 * n, width))
    rows[:n, :n], rows[n:, :n] = -identity, identity
    rows[:n, part * n : (part + 1) * n] = rows[n:, part * n : (part + 1) * n] = identity
    constant = np.concatenate([origin, -origin])
    return {"type": "ineq", "fun": lambda z: rows @ z + constant, "jac": lambda z: rows}
