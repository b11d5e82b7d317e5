"""How fast a skill is learned, and how short a code the learned model is. The final loss says little about either:
two runs that end alike may have acquired a skill at different times (speed), and the area under the loss curve is the
length of the training text coded by the model as it learned (Rissanen 1984, Blier and Ollivier 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from foretell.arrays import Floats, finite, fraction, increasing
from foretell.errors import DataError
from foretell.stats import NO_INTERVAL, Interval, percentile_interval, r_squared


def checkpoint_noise(values: ArrayLike) -> float:
    """Standard deviation of what differs from one checkpoint to the next beyond a straight trend.

    sigma^2 = mean over i of (y_{i-1} - 2 y_i + y_{i+1})^2 / 6: second differences of a line vanish, and of white
    noise have variance 6 sigma^2 (Gasser, Sroka and Jennen-Steinmetz 1986, equal spacing). `values`
    (n_checkpoints,), n >= 3, in their own unit. Raises DataError otherwise.
    """
    y = finite("values", values, (None,))
    if len(y) < 3:
        raise DataError(f"values: {len(y)} checkpoints, checkpoint noise needs at least 3")
    return float(np.sqrt(np.mean((y[:-2] - 2.0 * y[1:-1] + y[2:]) ** 2) / 6.0))


def first_crossing(tokens: ArrayLike, accuracy: ArrayLike, threshold: float) -> float:
    """Tokens at which accuracy first exceeds `threshold`, linear in log tokens between two checkpoints; NaN when it
    never does. Before the first checkpoint nothing is known, so a curve that starts above gives the first tokens.

    `tokens` (n,) positive and increasing; `accuracy` (n,) 0-1. Raises DataError otherwise.
    """
    tokens = increasing("tokens", tokens, np.nextafter(0.0, 1.0), 2)
    accuracy = finite("accuracy", accuracy, (len(tokens),), 0.0, 1.0)
    return float(_crossings(np.log(tokens), accuracy[None], np.array([float(threshold)]))[0])


def _crossings(log_tokens: Floats, curves: Floats, thresholds: Floats) -> Floats:
    """Of every curve (n_curves, n) the tokens of the first crossing of its threshold (n_curves,); NaN for none."""
    above = curves > thresholds[:, None]
    first = np.argmax(above, axis=1)
    rows = np.arange(len(curves))
    before = np.maximum(first - 1, 0)
    y0, y1 = curves[rows, before], curves[rows, first]
    part = np.divide(thresholds - y0, y1 - y0, out=np.ones(len(curves)), where=y1 > y0)
    crossing = log_tokens[before] + np.clip(part, 0.0, 1.0) * (log_tokens[first] - log_tokens[before])
    return np.where(above.any(axis=1), np.exp(crossing), np.nan)


@dataclass(frozen=True)
class LearningSpeed:
    """When and how steeply a skill is acquired: `tokens` (with interval), `slope_per_decade` in accuracy per tenfold
    tokens (with interval), the `final` accuracy, the `threshold` crossed, and a reason in words where NaN."""

    tokens: Interval
    slope_per_decade: Interval
    final: float
    threshold: float
    reason: str


def learning_speed(
    tokens: ArrayLike,
    accuracy: ArrayLike,
    chance: float,
    stderr: ArrayLike | None = None,
    n_final: int = 3,
    part: float = 0.5,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> LearningSpeed:
    """Tokens at which accuracy first exceeds chance + `part` (final - chance), and the slope of the curve there.

    `tokens` (n,) positive, increasing, in tokens; `accuracy` (n,) 0-1; `chance` the accuracy of guessing; final: mean
    of the last `n_final` checkpoints. Slope: half of (final - chance) over the decades of tokens between the crossings
    of its quarter and its three quarters. Intervals: percentiles over curves redrawn from N(accuracy, stderr), stderr
    (n,) over items or, where None, the checkpoint noise of the curve; the final and the threshold are redrawn too.
    NaN with a reason when the final does not exceed chance by 2 standard errors (nothing was acquired), or when the
    curve starts above a crossing (acquired before the first checkpoint). Raises DataError on bad input.
    """
    tokens = increasing("tokens", tokens, np.nextafter(0.0, 1.0), 4)
    y = finite("accuracy", accuracy, (len(tokens),), 0.0, 1.0)
    if not 0.0 <= chance < 1.0:
        raise DataError(f"chance: {chance!r}, expected a number from 0 up to 1")
    fraction("part", part)
    if not 1 <= n_final <= len(y) // 2:
        raise DataError(f"n_final: {n_final}, expected 1 to {len(y) // 2}, half of the checkpoints")
    if n_bootstrap < 100:
        raise DataError(f"n_bootstrap: {n_bootstrap}, an interval needs at least 100 resamples")
    spread = np.full(len(y), checkpoint_noise(y)) if stderr is None else finite("stderr", stderr, (len(y),), 0.0)
    final = float(y[-n_final:].mean())
    threshold = chance + part * (final - chance)
    if final - chance <= 2.0 * float(np.sqrt((spread[-n_final:] ** 2).sum())) / n_final:
        reason = f"final accuracy {final:.3f} does not exceed chance {chance:.3f} by 2 standard errors: not acquired"
        return LearningSpeed(NO_INTERVAL, NO_INTERVAL, final, threshold, reason)
    noise = np.random.default_rng(seed).standard_normal((n_bootstrap, len(y)))
    curves = np.vstack([y, np.clip(y + spread * noise, 0.0, 1.0)])
    finals = curves[:, -n_final:].mean(axis=1)
    logs = np.log(tokens)
    at = {p: _crossings(logs, curves, chance + p * (finals - chance)) for p in (0.25, part, 0.75)}
    if y[0] > threshold:
        reason = f"accuracy {y[0]:.3f} at the first checkpoint is already above {threshold:.3f}: acquired before it"
        return LearningSpeed(NO_INTERVAL, NO_INTERVAL, final, threshold, reason)
    acquired = percentile_interval(at[part][0], at[part][1:], level, skip_nan=True)
    decades = np.log10(at[0.75] / at[0.25])
    with np.errstate(divide="ignore"):
        slopes = np.where(decades > 0, 0.5 * (finals - chance) / decades, np.nan)
    if y[0] > chance + 0.25 * (final - chance):
        reason = "slope: a quarter of the way was passed before the first checkpoint"
        return LearningSpeed(acquired, NO_INTERVAL, final, threshold, reason)
    if not np.isfinite(slopes[0]):
        reason = "slope: a quarter and three quarters are crossed at one point, the slope is not finite"
        return LearningSpeed(acquired, NO_INTERVAL, final, threshold, reason)
    slope = percentile_interval(slopes[0], slopes[1:], level, skip_nan=True)
    return LearningSpeed(acquired, slope, final, threshold, "")


@dataclass(frozen=True)
class CodeLength:
    """Code length in bits of the tokens between the first and the last checkpoint, their raw length in bits, the
    compression ratio raw / code, and the bits per token of the code and of the last checkpoint alone."""

    code_bits: float
    raw_bits: float
    compression_ratio: float
    mean_bits_per_token: float
    final_bits_per_token: float


def code_length(tokens: ArrayLike, losses_nats: ArrayLike, raw_bits_per_token: float) -> CodeLength:
    """Prequential code length: the area under the loss curve over tokens, sum of (L_i + L_{i+1}) / 2 (D_{i+1} - D_i)
    nats / ln 2 (trapezoid; Blier and Ollivier 2018, arXiv:1802.07044).

    `tokens` (n,) seen, increasing, from 0 on; `losses_nats` (n,) nats per token, above 0, of text not yet trained on
    (single-epoch training loss, or a validation loss standing in for it); `raw_bits_per_token`: what the tokens cost
    without a model, log2(vocabulary) for a uniform code. Tokens before the first checkpoint are not counted on
    either side. Raises DataError on bad input.
    """
    tokens = increasing("tokens", tokens, 0.0, 2)
    losses = finite("losses_nats", losses_nats, (len(tokens),), np.nextafter(0.0, 1.0))
    raw = float(finite("raw_bits_per_token", [raw_bits_per_token], (1,), np.nextafter(0.0, 1.0))[0])
    code_bits = float(np.trapezoid(losses, tokens)) / np.log(2.0)
    n_tokens = float(tokens[-1] - tokens[0])
    return CodeLength(
        float(code_bits),
        raw * n_tokens,
        raw * n_tokens / code_bits,
        code_bits / n_tokens,
        float(losses[-1] / np.log(2.0)),
    )


def tokens_to_loss(tokens: ArrayLike, losses_nats: ArrayLike, target_nats: float) -> float:
    """Tokens at which the loss first falls to `target_nats`, log-linear between checkpoints; NaN when it does not,
    or is below from the start (then it happened before the first checkpoint). Raises DataError on bad input."""
    tokens = increasing("tokens", tokens, np.nextafter(0.0, 1.0), 2)
    losses = finite("losses_nats", losses_nats, (len(tokens),), 0.0)
    if losses[0] < target_nats:
        return float("nan")
    return float(_crossings(np.log(tokens), -losses[None], np.array([np.nextafter(-float(target_nats), -np.inf)]))[0])


@dataclass(frozen=True)
class LogPowerFit:
    """log loss = intercept + exponent log tokens: the exponent, and R-squared on log loss."""

    exponent: float
    intercept: float
    r_squared: float


def fit_log_power(tokens: ArrayLike, losses_nats: ArrayLike) -> LogPowerFit:
    """Least-squares line of log loss on log tokens (L proportional to D^exponent, Kaplan et al. 2020). Both (n,),
    n >= 3, above 0. Raises DataError on bad input."""
    tokens = increasing("tokens", tokens, np.nextafter(0.0, 1.0), 3)
    losses = finite("losses_nats", losses_nats, (len(tokens),), np.nextafter(0.0, 1.0))
    fit = stats.linregress(np.log(tokens), np.log(losses))
    return LogPowerFit(float(fit.slope), float(fit.intercept), float(fit.rvalue**2))


@dataclass(frozen=True)
class Composition:
    """A k-step task explained by its step: fitted `k` (with interval), R-squared of p^k, and whether p^k explains the
    task as well as a free jump does (`explained`); `bic_power`, `bic_jump` are the criteria compared."""

    k: Interval
    r_squared: float
    bic_power: float
    bic_jump: float
    explained: bool


def composed_accuracy(step_accuracy: ArrayLike, k: float) -> Floats:
    """p^k, the accuracy of a task that takes `k` independent steps of accuracy p: 0.95^5 = 0.774, 0.80^5 = 0.328.

    `step_accuracy` (n,) 0-1, `k` above 0. Raises DataError otherwise.
    """
    p = finite("step_accuracy", step_accuracy, (None,), 0.0, 1.0)
    return np.asarray(p ** float(finite("k", [k], (1,), np.nextafter(0.0, 1.0))[0]))


def composition_test(
    step_accuracy: ArrayLike,
    task_accuracy: ArrayLike,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    k_max: float = 200.0,
) -> Composition:
    """Is a task's apparent emergence only p^k of a step that improves smoothly?

    `step_accuracy` p (n,) and `task_accuracy` (n,) over models or checkpoints, 0-1. k minimises the sum of squares of
    task - p^k (bounded search, 0-`k_max`); the rival is a jump, two levels with one break along p. `explained`: BIC of
    p^k (1 parameter) does not exceed BIC of the jump (3), BIC = n log(SSE / n) + parameters log n (Schwarz 1978).
    The interval of k resamples points. Raises DataError on bad input, n < 5, or a step that does not vary.
    """
    p = finite("step_accuracy", step_accuracy, (None,), 0.0, 1.0)
    y = finite("task_accuracy", task_accuracy, (len(p),), 0.0, 1.0)
    n = len(p)
    if n < 5 or np.ptp(p) == 0:
        raise DataError(f"{n} points with step accuracies over a range of {np.ptp(p):g}; 5 that vary are needed")
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    k = _fit_k(p, y, k_max)
    sse = float(((y - p**k) ** 2).sum())
    power, jump = _bic(sse, n, 1), _bic(_best_jump(y), n, 3)
    rng = np.random.default_rng(seed)
    draws = [_fit_k(p[pick], y[pick], k_max) for pick in rng.integers(0, n, (n_bootstrap, n))]
    return Composition(percentile_interval(k, draws, level), r_squared(y, p**k), power, jump, power <= jump)


def _fit_k(p: Floats, y: Floats, k_max: float) -> float:
    # The sum of squares can have a flat far end: bracket on a grid first, then refine.
    grid = np.geomspace(0.01, k_max, 200)
    errors = ((y[:, None] - p[:, None] ** grid) ** 2).sum(axis=0)
    best = int(np.argmin(errors))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(lambda k: float(((y - p**k) ** 2).sum()), bounds=(low, high), method="bounded")
    return float(found.x)


def _bic(sse: float, n: int, n_parameters: int) -> float:
    # Rounding leaves a perfect fit an SSE of about 1e-30; the floor keeps the logarithm from ranking rounding.
    return n * float(np.log(max(sse / n, 1e-20))) + n_parameters * float(np.log(n))


def _best_jump(y: Floats) -> float:
    """Smallest sum of squares of two constant levels with one break, the order of `y` kept."""
    n = len(y)
    before, squares = np.cumsum(y)[:-1], np.cumsum(y**2)
    left = np.arange(1, n)
    after = y.sum() - before
    return float((squares[-1] - before**2 / left - after**2 / (n - left)).min())


@dataclass(frozen=True)
class JumpOrLine:
    """BIC of a jump (3 parameters) and of a line (2) in log step, of each curve (n_curves,); `jump` where lower."""

    bic_jump: Floats
    bic_line: Floats

    @property
    def share_jump(self) -> float:
        """Share of the curves that a jump describes better than a line."""
        return float(np.mean(self.bic_jump < self.bic_line))


def jump_or_line(x: ArrayLike, curves: ArrayLike) -> JumpOrLine:
    """Does each curve look like a phase transition (two levels, one break) or like a line in `x`?

    `x` (n,) increasing (log step, log perplexity); `curves` (n, n_curves), any unit, n >= 5. Raises DataError on bad
    input. BIC as in `composition_test`; the break counts as a parameter.
    """
    x = increasing("x", x, -np.inf, 5)
    y = finite("curves", curves, (len(x), None))
    n = len(x)
    centred = x - x.mean()
    about = y - y.mean(axis=0)
    sse_line = ((about - centred[:, None] * (centred @ about) / (centred @ centred)) ** 2).sum(axis=0)
    sse_jump = np.array([_best_jump(column) for column in about.T])
    return JumpOrLine(
        np.array([_bic(float(s), n, 3) for s in sse_jump]), np.array([_bic(float(s), n, 2) for s in sse_line])
    )
