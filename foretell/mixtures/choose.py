"""Which mixture to train on, and what is the least one must change. The optimum of a fitted predictor is where its
errors flatter most, so the choice carries the spread over refits on resampled proxies, and what the other predictors
make of the same mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from foretell.arithmetic import exp, product
from foretell.arrays import Floats, Indices, finite
from foretell.errors import ConfigError, DataError
from foretell.mixtures.constraints import MixtureLimits, minimise, nearest_mixture
from foretell.mixtures.predict import (
    DomainLoss,
    ExponentialMixing,
    LinearMixing,
    TreeMixing,
    checked_mixtures,
    fit_predictor,
)
from foretell.parallel import HERE, Spread
from foretell.stats import Interval, distance, distances, percentile_interval, percentiles


@dataclass(frozen=True)
class MixtureChoice:
    """A mixture (n_domains,), the loss predicted for it and for the reference mix (weighted over domains, nats), and
    its distance from the reference by the limits' kind."""

    weights: Floats
    loss_nats: float
    reference_loss_nats: float
    distance: float


def importance_of(names: Sequence[str], targets: Sequence[str]) -> Floats:
    """Weight (n_losses,) of each loss: equal over `targets`, which must be among `names`; DataError otherwise."""
    unknown = [target for target in targets if target not in names]
    if unknown or not targets:
        raise DataError(f"targets {list(targets)}: unknown {unknown}; expected some of {', '.join(names)}")
    return np.array([float(name in targets) for name in names]) / len(set(targets))


def best_mixture(
    predictor: DomainLoss,
    importance: ArrayLike,
    allowed: MixtureLimits,
    n_candidates: int = 20_000,
    n_averaged: int = 100,
    seed: int = 0,
) -> MixtureChoice:
    """The allowed mixture with the smallest importance-weighted predicted loss.

    `importance` (n_losses,), at least 0, sums to 1. Linear and exponential predictors are convex in the weights, so
    SLSQP's local minimum is the minimum. Trees are piecewise constant: `n_candidates` allowed mixtures are drawn and
    the `n_averaged` best averaged, as RegMix does (the limits are convex, so their mean is allowed). Raises DataError
    on bad input, ConfigError on a predictor of another kind.
    """
    v = _importance(importance)
    if isinstance(predictor, LinearMixing | ExponentialMixing):
        smooth = predictor
        w = minimise(
            allowed,
            lambda w: float(product(_losses(smooth, w), v)),
            lambda w: np.asarray(product(v, smooth.gradient(w))),
        )
    elif isinstance(predictor, TreeMixing):
        if not 1 <= n_averaged <= n_candidates:
            raise DataError(f"n_averaged {n_averaged} of {n_candidates} candidates; expected 1 up to all of them")
        drawn = draw_allowed(allowed, n_candidates, seed)
        order = np.argsort(product(predictor.predict(drawn), v), kind="stable")
        w = drawn[order[:n_averaged]].mean(axis=0)
    else:
        raise ConfigError(f"predictor {predictor.name!r} cannot be optimised; expected linear, exponential or lightgbm")
    return evaluate_mixture(predictor, v, allowed, w)


def _importance(importance: ArrayLike) -> Floats:
    v = finite("importance", importance, (None,), 0.0)
    if abs(v.sum() - 1.0) > 1e-9:
        raise DataError(f"importance: sums to {v.sum():g}, expected 1")
    return v


def _losses(predictor: LinearMixing | ExponentialMixing, w: Floats) -> Floats:
    """Predicted losses at w without rescaling it, so that SLSQP sees the function whose gradient it is given."""
    if isinstance(predictor, LinearMixing):
        return np.asarray(product(predictor.coefficients, w))
    return np.asarray(predictor.floor_nats + exp(product(predictor.rates, w)))


def evaluate_mixture(
    predictor: DomainLoss, importance: ArrayLike, allowed: MixtureLimits, weights: Floats
) -> MixtureChoice:
    """The loss that `predictor` gives a mixture (n_domains,), beside that of the limits' reference mix."""
    v = _importance(importance)
    both = product(predictor.predict(checked_mixtures(np.stack([weights, allowed.reference]))), v)
    away = distance(allowed.kind, weights, allowed.reference)
    return MixtureChoice(np.asarray(weights), float(both[0]), float(both[1]), away)


def draw_allowed(allowed: MixtureLimits, n: int, seed: int) -> Floats:
    """`n` allowed mixtures (n, n_domains): Dirichlet draws of several concentrations, each pulled towards the limits'
    feasible mixture until it is allowed (the largest step on that line, by bisection)."""
    rng = np.random.default_rng(seed)
    centre = allowed.feasible
    mean = np.maximum(allowed.reference, 1e-4)
    concentration = np.geomspace(0.1, 10.0, n)
    gammas = rng.standard_gamma(concentration[:, None] * len(mean) * (mean / mean.sum()))
    drawn = np.maximum(gammas, 1e-300)
    drawn /= drawn.sum(axis=1, keepdims=True)
    step = drawn - centre
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.where(step > 0, (allowed.high - centre) / step, np.inf)
        down = np.where(step < 0, (allowed.low - centre) / step, np.inf)
    most = np.clip(np.minimum(up, down).min(axis=1), 0.0, 1.0)

    def at(part: Floats) -> Floats:
        weights: Floats = np.clip(centre + part[:, None] * step, 0.0, 1.0)
        return weights

    if allowed.max_distance is not None:
        least, high = np.zeros(n), most.copy()
        for _ in range(40):
            middle = (least + high) / 2.0
            near = distances(allowed.kind, at(middle), allowed.reference) <= allowed.max_distance
            least, high = np.where(near, middle, least), np.where(near, high, middle)
        whole = distances(allowed.kind, at(most), allowed.reference) <= allowed.max_distance
        most = np.where(whole, most, least)
    return at(most)


@dataclass(frozen=True)
class ChoiceSpread:
    """A chosen mixture under refits: percentile ends (n_domains,) of each refit's own best weights, the interval of
    the loss that refits predict for the chosen mixture, and of its gain over the reference (reference - chosen)."""

    weights_low: Floats
    weights_high: Floats
    loss_nats: Interval
    gain_nats: Interval


@dataclass(frozen=True)
class _Refit:
    """One refit on resampled mixtures: its own best weights, its loss for the chosen mixture and that one's gain."""

    name: str
    weights: Floats
    losses_nats: Floats
    importance: Floats
    allowed: MixtureLimits
    chosen: Floats
    n_candidates: int
    n_averaged: int
    seed: int

    def __call__(self, pick: Indices) -> tuple[Floats, float, float]:
        refit = fit_predictor(self.name, self.weights[pick], self.losses_nats[pick])
        best = best_mixture(refit, self.importance, self.allowed, self.n_candidates, self.n_averaged, self.seed)
        here = evaluate_mixture(refit, self.importance, self.allowed, self.chosen)
        return best.weights, here.loss_nats, here.reference_loss_nats - here.loss_nats


def choice_spread(
    name: str,
    weights: ArrayLike,
    losses_nats: ArrayLike,
    importance: ArrayLike,
    allowed: MixtureLimits,
    choice: MixtureChoice,
    n_refits: int = 50,
    level: float = 0.9,
    seed: int = 0,
    n_candidates: int = 20_000,
    n_averaged: int = 100,
    spread: Spread = HERE,
) -> ChoiceSpread:
    """Percentile intervals of a choice over `n_refits` refits of predictor `name` on resampled mixtures.

    `weights` (n, n_domains) and `losses_nats` (n, n_losses) are what the choice was fitted on. Says how far the choice
    hangs on the proxies drawn; a law of the wrong form is wrong in every refit, so read it beside the held-out error.
    The refits are spread over workers. Raises DataError on bad input or fewer than 5 refits.
    """
    if n_refits < 5:
        raise DataError(f"n_refits: {n_refits}, a spread needs at least 5")
    w, v = checked_mixtures(weights), _importance(importance)
    y = finite("losses_nats", losses_nats, (len(w), len(v)))
    wanted = v > 0  # losses that do not count are not refitted
    rng = np.random.default_rng(seed)
    picks = [rng.integers(0, len(w), len(w)) for _ in range(n_refits)]
    work = _Refit(name, w, y[:, wanted], v[wanted], allowed, choice.weights, n_candidates, n_averaged, seed)
    best, losses, gains = zip(*spread.without_gil.map(work, picks), strict=True)
    weights_low, weights_high = percentiles(best, level)
    return ChoiceSpread(
        weights_low,
        weights_high,
        percentile_interval(choice.loss_nats, losses, level),
        percentile_interval(choice.reference_loss_nats - choice.loss_nats, gains, level),
    )


@dataclass(frozen=True)
class SmallestChange:
    """The mixture nearest to the starting one whose predicted loss is lower by the asked amount: `weights` and
    `distance` (NaN where impossible, with a `reason`), the loss before and after, the largest reduction possible."""

    weights: Floats
    distance: float
    loss_before_nats: float
    loss_after_nats: float
    largest_reduction_nats: float
    reason: str


def smallest_change(
    predictor: DomainLoss,
    importance: ArrayLike,
    start: ArrayLike,
    reduction_nats: float,
    allowed: MixtureLimits,
    kind: str = "tv",
) -> SmallestChange:
    """The least change of mixture `start` (n_domains,) that lowers the importance-weighted loss by `reduction_nats`.

    Minimises the distance `kind` from `start` over the allowed mixtures with predicted loss <= loss(start) -
    reduction (SLSQP; convex for both smooth predictors). Where no allowed mixture reaches it the result is NaN with
    the reason. Raises DataError on bad input, ConfigError for trees, which have no slope to follow.
    """
    if not isinstance(predictor, LinearMixing | ExponentialMixing):
        raise ConfigError(f"predictor {predictor.name!r} has no gradient; use linear or exponential")
    v = _importance(importance)
    w0 = checked_mixtures(np.asarray(start, dtype=np.float64)[None])[0]
    asked = float(finite("reduction_nats", [reduction_nats], (1,), np.nextafter(0.0, 1.0))[0])
    smooth = predictor
    before = float(product(_losses(smooth, w0), v))
    best = best_mixture(smooth, v, allowed)
    possible = before - float(product(_losses(smooth, best.weights), v))
    if possible < asked:
        nothing = np.full(len(w0), np.nan)
        reason = f"no allowed mixture lowers the loss by {asked:g} nats; the largest reduction is {possible:.4g}"
        return SmallestChange(nothing, float("nan"), before, float("nan"), possible, reason)
    # Scaled to the asked reduction, so that SLSQP's one tolerance means the same for 0.001 and for 1 nat.
    keep = (
        lambda w: (before - asked - float(product(_losses(smooth, w), v))) / asked,
        lambda w: -np.asarray(product(v, smooth.gradient(w))) / asked,
    )
    w = nearest_mixture(allowed, w0, kind, keep, best.weights)
    after = float(product(_losses(smooth, w), v))
    return SmallestChange(w, distance(kind, w, w0), before, after, possible, "")
