"""From mixture weights to domain losses. A proxy trained on each candidate mixture is affordable, a large model is
not, so the losses of mixtures never trained are predicted; three predictors are compared on mixtures held out by the
study, since which one ranks mixtures best is a question of data, not of taste."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from foretell.arithmetic import exp, least_squares, log, product
from foretell.arrays import Floats, finite
from foretell.errors import ConfigError, DataError
from foretell.lightgbm_library import load_lightgbm
from foretell.stats import NO_INTERVAL, Interval

PREDICTORS = ("linear", "lightgbm", "exponential")
WEIGHT_SUM_TOLERANCE = 0.01
# Trees as RegMix fits them (arXiv:2407.01492, section 4), but a fixed number: no early stopping on the test split.
LIGHTGBM = {"objective": "regression", "learning_rate": 0.01, "verbose": -1, "num_threads": 1, "deterministic": True,
            "force_row_wise": True, "seed": 42}  # fmt: skip
N_TREES = 1000
CONSTANT = 1e-12  # values that differ by less, relative to their size, differ by rounding only


def checked_mixtures(weights: ArrayLike, n_domains: int | None = None) -> Floats:
    """`weights` (n, n_domains) as shares that sum to 1 a row; sums within 0.01 of 1 (rounded tables) are rescaled.

    Raises DataError on NaN, negative weights, or sums further off (percent instead of fractions, say).
    """
    w = finite("weights", weights, (None, n_domains), 0.0)
    sums = w.sum(axis=1)
    off = np.abs(sums - 1.0) > WEIGHT_SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise DataError(f"weights: row {row} sums to {sums[row]:g}; expected fractions that sum to 1")
    return np.asarray(w / sums[:, None])


class DomainLoss(Protocol):
    """A fitted predictor of domain losses."""

    @property
    def name(self) -> str:
        """One of PREDICTORS."""
        ...

    def predict(self, weights: ArrayLike) -> Floats:
        """Losses (n, n_losses), nats, of mixtures (n, n_domains)."""
        ...


@dataclass(frozen=True)
class LinearMixing:
    """L_i = sum over j of b_ij w_j: b_ij is the loss i of a model trained on domain j alone. No intercept, since
    weights sum to 1. `coefficients` (n_losses, n_domains), nats."""

    coefficients: Floats
    name: str = "linear"

    def predict(self, weights: ArrayLike) -> Floats:
        """Losses (n, n_losses), nats; raises DataError as `checked_mixtures` does."""
        return np.asarray(product(checked_mixtures(weights, self.coefficients.shape[1]), self.coefficients.T))

    def gradient(self, weights: Floats) -> Floats:
        """The coefficients, wherever `weights` is."""
        return self.coefficients


@dataclass(frozen=True)
class ExponentialMixing:
    """L_i = c_i + exp(sum over j of t_ij w_j) (Ye et al. 2024, arXiv:2403.16952, whose k_i enters every t_ij as log
    k_i because weights sum to 1). `floor_nats` c (n_losses,), `rates` t (n_losses, n_domains)."""

    floor_nats: Floats
    rates: Floats
    name: str = "exponential"

    def predict(self, weights: ArrayLike) -> Floats:
        """Losses (n, n_losses), nats; raises DataError as `checked_mixtures` does."""
        return np.asarray(self.floor_nats + exp(product(checked_mixtures(weights, self.rates.shape[1]), self.rates.T)))

    def gradient(self, weights: Floats) -> Floats:
        """t_ij exp(sum over j of t_ij w_j)."""
        return np.asarray(exp(product(self.rates, weights))[:, None] * self.rates)


@dataclass(frozen=True)
class TreeMixing:
    """One LightGBM booster a loss; piecewise constant, so it ranks mixtures and cannot be followed downhill."""

    boosters: tuple[Any, ...]
    n_domains: int
    name: str = "lightgbm"

    def predict(self, weights: ArrayLike) -> Floats:
        """Losses (n, n_losses), nats; raises DataError as `checked_mixtures` does."""
        w = checked_mixtures(weights, self.n_domains)
        return np.column_stack([booster.predict(w, num_threads=1) for booster in self.boosters])


def fit_linear(weights: ArrayLike, losses_nats: ArrayLike) -> LinearMixing:
    """Least squares without intercept; weights (n, n_domains), losses (n, n_losses). Raises DataError on bad arrays
    or fewer mixtures than domains."""
    w, y = _table(weights, losses_nats)
    return LinearMixing(least_squares(w, y).T)


def fit_exponential(weights: ArrayLike, losses_nats: ArrayLike, n_floors: int = 8) -> ExponentialMixing:
    """Least squares of the exponential mixing law, each loss by itself.

    The floor c lies between 0 and the smallest loss seen. For a given floor the rates come from scipy's
    Levenberg-Marquardt (exact Jacobian), started at the linear fit of log(loss - floor); the floor is searched on a
    grid of `n_floors` and refined around the best (bounded scalar search), so the answer does not hang on one start.
    Raises DataError on bad arrays, fewer mixtures than domains + 2, or losses that are not above 0.
    """
    w, y = _table(weights, losses_nats)
    if len(w) <= w.shape[1] + 1:
        raise DataError(f"{len(w)} mixtures for {w.shape[1] + 1} parameters; the exponential law needs more")
    if n_floors < 3:
        raise ConfigError(f"n_floors: {n_floors}, expected at least 3")
    fits = [_fit_one_exponential(w, column, n_floors) for column in y.T]
    return ExponentialMixing(np.array([floor for floor, _ in fits]), np.array([rates for _, rates in fits]))


def _fit_one_exponential(w: Floats, y: Floats, n_floors: int) -> tuple[float, Floats]:
    if y.min() <= 0:
        raise DataError(f"losses_nats: smallest is {y.min():g}, expected losses above 0")
    ceiling = float(y.min()) * (1 - 1e-6)

    def rates(floor: float) -> optimize.OptimizeResult:
        start = least_squares(w, log(y - floor))
        return optimize.least_squares(
            lambda t: floor + exp(np.minimum(product(w, t), 50.0)) - y,
            start,
            lambda t: exp(np.minimum(product(w, t), 50.0))[:, None] * w,
            method="lm",
        )

    def cost(floor: float) -> float:
        return float((rates(floor).fun ** 2).sum())

    grid = np.linspace(0.0, ceiling, n_floors)
    best = int(np.argmin([cost(floor) for floor in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, n_floors - 1)])
    refined = optimize.minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6 * ceiling})
    floor = min((float(refined.x), float(grid[best])), key=cost)
    return floor, np.asarray(rates(floor).x)


def fit_trees(weights: ArrayLike, losses_nats: ArrayLike) -> TreeMixing:
    """LightGBM, one booster a loss, on one thread, so that equal data give equal trees. Raises DataError on bad
    arrays, and ConfigError where LightGBM cannot be used."""
    lightgbm = load_lightgbm()
    w, y = _table(weights, losses_nats)
    boosters = tuple(lightgbm.train(dict(LIGHTGBM), lightgbm.Dataset(w, column), N_TREES) for column in y.T)
    return TreeMixing(boosters, w.shape[1])


def fit_predictor(name: str, weights: ArrayLike, losses_nats: ArrayLike) -> DomainLoss:
    """The predictor called `name`, fitted; raises ConfigError on a name that is not one of PREDICTORS."""
    fits: dict[str, Callable[[ArrayLike, ArrayLike], DomainLoss]] = {
        "linear": fit_linear,
        "lightgbm": fit_trees,
        "exponential": fit_exponential,
    }
    if name not in fits:
        raise ConfigError(f"predictor {name!r} does not exist; expected one of {', '.join(PREDICTORS)}")
    return fits[name](weights, losses_nats)


def _table(weights: ArrayLike, losses: ArrayLike) -> tuple[Floats, Floats]:
    w = checked_mixtures(weights)
    y = finite("losses_nats", losses, (len(w), None))
    if len(w) < w.shape[1]:
        raise DataError(f"{len(w)} mixtures of {w.shape[1]} domains; at least as many mixtures as domains are needed")
    return w, y


@dataclass(frozen=True)
class HeldOutRank:
    """How a predictor does on one loss of mixtures it has not seen: rank and linear correlation (the rank's with its
    interval: estimate +- normal quantile x standard deviation over resampled mixtures, on Fisher's z scale), mean
    absolute and root mean square error (nats). Above 0.99 the interval is too narrow (75 % coverage at 0.998)."""

    predictor: str
    loss: str
    spearman: Interval
    pearson: float
    mae_nats: float
    rmse_nats: float


def rank_predictors(
    predictors: Mapping[str, DomainLoss] | Sequence[DomainLoss],
    weights: ArrayLike,
    losses_nats: ArrayLike,
    loss_names: Sequence[str],
    n_bootstrap: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> list[HeldOutRank]:
    """Held-out scores of every predictor on every loss and on `mean` (the losses' plain mean), best mean rank first.

    `weights` (n, n_domains) and `losses_nats` (n, n_losses) must not have been fitted on. Correlations are NaN where
    the losses or predictions do not vary. Raises DataError on bad arrays or names that do not match.
    """
    w = checked_mixtures(weights)
    y = finite("losses_nats", losses_nats, (len(w), len(loss_names)))
    if len(w) < 3 or n_bootstrap < 100:
        raise DataError(f"{len(w)} held-out mixtures, {n_bootstrap} resamples; at least 3 and 100 are needed")
    fitted = list(predictors.values()) if isinstance(predictors, Mapping) else list(predictors)
    picks = np.random.default_rng(seed).integers(0, len(w), (n_bootstrap, len(w)))
    truth = np.column_stack([y, y.mean(axis=1)])
    rows: dict[str, list[HeldOutRank]] = {}
    for one in fitted:
        guess = one.predict(w)
        guess = np.column_stack([guess, guess.mean(axis=1)])
        rows[one.name] = [
            held_out_rank(one.name, name, guess[:, i], truth[:, i], picks, level)
            for i, name in enumerate([*loss_names, "mean"])
        ]
    order = sorted(rows, key=lambda name: (-np.nan_to_num(rows[name][-1].spearman.estimate, nan=-2.0), name))
    return [row for name in order for row in rows[name]]


def held_out_rank(predictor: str, loss: str, guess: Floats, truth: Floats, picks: Any, level: float) -> HeldOutRank:
    """How the guesses [n] of one loss order the measured losses [n]; `picks` [resamples, n] are resampled rows."""
    error = guess - truth
    mae, rmse = float(np.abs(error).mean()), float(np.sqrt((error**2).mean()))
    if any(np.ptp(values) <= CONSTANT * np.abs(values).max() for values in (guess, truth)):
        return HeldOutRank(predictor, loss, NO_INTERVAL, float("nan"), mae, rmse)
    ranks_guess, ranks_truth = stats.rankdata(guess[picks], axis=1), stats.rankdata(truth[picks], axis=1)
    estimate = float(stats.spearmanr(guess, truth).statistic)
    # Resampled rows tie, which pulls resampled rank correlations down; their spread on Fisher's z scale does not shift.
    draws = np.arctanh(np.clip(_row_correlations(ranks_guess, ranks_truth), -1 + 1e-12, 1 - 1e-12))
    centre = np.arctanh(np.clip(estimate, -1 + 1e-12, 1 - 1e-12))
    half = float(stats.norm.isf((1 - level) / 2)) * float(np.nanstd(draws))
    rank = Interval(estimate, float(np.tanh(centre - half)), float(np.tanh(centre + half)))
    return HeldOutRank(predictor, loss, rank, float(stats.pearsonr(guess, truth).statistic), mae, rmse)


def _row_correlations(a: Floats, b: Floats) -> Floats:
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a resample of one mixture alone has no correlation (NaN)
        return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


@dataclass(frozen=True)
class Transfer:
    """Does a ranking of mixtures hold at another scale? `spearman` between the losses of the same mixtures at both
    scales, NaN with a `statement` where the data hold one scale only; the statement names the scales in any case."""

    params_from: float
    params_to: float
    n_mixtures: int
    spearman: float
    statement: str


def transfer_check(losses_by_params: Mapping[float, Mapping[Any, float]]) -> list[Transfer]:
    """Rank correlation of mixtures between every two neighbouring scales, smallest first.

    `losses_by_params`: proxy parameters -> {mixture: loss in nats}; mixtures shared by both scales are compared (at
    least 3). Effects seen at a small scale can vanish at a large one, so a ranking seen at one scale is reported as
    that: a Transfer with NaN and the reason. Raises DataError when nothing is given or a loss is not finite.
    """
    if not losses_by_params:
        raise DataError("losses_by_params: no scales given")
    for params, losses in losses_by_params.items():
        finite(f"losses at {params:g} parameters", list(losses.values()), (None,))
    scales = sorted(losses_by_params)
    if len(scales) == 1:
        n = len(losses_by_params[scales[0]])
        text = f"seen at {scales[0]:,.0f} parameters only; whether it holds at another scale is not testable here"
        return [Transfer(scales[0], float("nan"), n, float("nan"), text)]
    rows = []
    for small, large in pairwise(scales):
        shared = sorted(set(losses_by_params[small]) & set(losses_by_params[large]), key=str)
        span = f"from {small:.3g} to {large:.3g} parameters"
        if len(shared) < 3:
            text = f"{span}: {len(shared)} mixtures at both scales, at least 3 are needed"
            rows.append(Transfer(small, large, len(shared), float("nan"), text))
            continue
        pair = ([losses_by_params[scale][m] for m in shared] for scale in (small, large))
        rho = float(stats.spearmanr(*pair).statistic)
        text = f"{span}: rank correlation {rho:.3f} over {len(shared)} mixtures; nothing is known beyond {large:.3g}"
        rows.append(Transfer(small, large, len(shared), rho, text))
    return rows
