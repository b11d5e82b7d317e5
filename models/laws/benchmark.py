"""How much of a benchmark is just scale: one power law in parameters and tokens per benchmark, with its R-squared. It
is a predictor of its own, the baseline that every tree has to beat, and the offset that a law-plus-trees predictor
learns the residual of, so it is refitted in every training fold and must be quick, deterministic and never refuse a
fold.

A score is bounded and a power law is not, so Kaplan's form is fitted to the *odds of error*,

    o(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D,    o = e / (1 - e),    e = (s - best) / (worst - best),

where e is the share of the way from the best score (accuracy 1, Brier 0) to the worst. For small errors the odds are
the error and the law is Kaplan's (2020, eq. 1.5); at the other end it saturates instead of leaving the scale. Small
models stay at chance, so `worst` is either the end of the scale (accuracy 0, Brier 2) or the level of the weakest
twentieth of the models fitted, whichever leaves the smaller error on them. R-squared is taken in score space, where
predictors are compared: 1 - sum (s - s_hat)^2 / sum (s - mean s)^2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.errors import DataError
from models.laws.joint import KaplanLaw
from models.laws.logsum import Array
from models.laws.newton import huber, minimise_huber
from models.laws.quantities import PARAMS, TOKENS

FORM = KaplanLaw.FORM
DELTA = 0.25  # Huber threshold in log odds: half of the usual scatter, so that single odd models do not steer the fit
SMALLEST_ERROR = 0.01  # odds are taken of an error share inside 1 % to 99 %: a score of 0 has no finite log odds
STARTS = 3
WEAKEST = 0.05  # quantile of the scores that stands for "no better than guessing"
SHORTEST_SCALE = 0.05  # of score between best and worst; below it there is nothing to explain
MIN_MODELS = 6


@dataclass(frozen=True)
class BenchmarkLaw:
    """A fitted law of one benchmark's score. `theta` are the log-sum form's parameters with logged axes moved by
    `centre`; `best` and `worst` are the scores that the law runs between."""

    theta: tuple[float, float, float, float]
    centre: tuple[float, float]
    best: float
    worst: float

    def predict_log(self, log_params: Array, log_tokens: Array) -> Array:
        """Scores [n] at natural logarithms of parameters [n] and tokens [n]."""
        axes = np.stack([log_params, log_tokens], axis=1) - np.asarray(self.centre)
        log_odds = FORM.log_value(np.asarray(self.theta)[None], axes)[0]
        share = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
        return self.best + (self.worst - self.best) * share

    def predict(self, params: Any, tokens: Any) -> Array:
        """Scores at parameters and tokens (plain counts, one-dimensional); DataError on NaN, zero or scaled input."""
        n, d = np.atleast_1d(PARAMS.check(params)), np.atleast_1d(TOKENS.check(tokens))
        return self.predict_log(np.log(n), np.log(d))

    def constants(self) -> dict[str, float]:
        """Kaplan's constants of the odds of error: alpha_n, n_c (parameters), alpha_d, d_c (tokens). An exponent that
        is not positive means that the score does not improve with that axis; a scale that overflows is infinite."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            raw = KaplanLaw._decode(FORM.shift(np.asarray(self.theta)[None], -np.asarray(self.centre)))[0]
        return dict(zip(("alpha_n", "n_c", "alpha_d", "d_c"), map(float, raw), strict=True))


@dataclass(frozen=True)
class BenchmarkFit:
    """A benchmark's law and how much of the score it explains, on the models it was fitted to: R-squared and mean
    absolute error in score units, over `n_models` models. `r2_interval` is a 90 % bootstrap interval (models
    resampled)."""

    law: BenchmarkLaw
    r2: float
    mae: float
    n_models: int
    r2_interval: tuple[float, float] | None


def fit_benchmark(
    params: Any, tokens: Any, scores: Any, *, lower_is_better: bool, n_bootstrap: int = 0, seed: int = 0
) -> BenchmarkFit:
    """Fit one benchmark's law to models' `params`, `tokens` (plain counts) and `scores` (accuracy 0-1, or Brier 0-2
    with `lower_is_better`), one-dimensional and equally long. Raises DataError on unusable values or fewer than 6
    models."""
    log_n, log_d = np.log(PARAMS.check(params)), np.log(TOKENS.check(tokens))
    y = _checked_scores(log_n, log_d, scores, lower_is_better)
    law = _fit(log_n, log_d, y, lower_is_better)
    predicted = law.predict_log(log_n, log_d)
    interval = None
    if n_bootstrap:
        rng = np.random.default_rng(seed)
        values = [
            _resampled_r2(rng.integers(0, y.size, y.size), log_n, log_d, y, lower_is_better) for _ in range(n_bootstrap)
        ]
        low, high = np.nanquantile(values, [0.05, 0.95])
        interval = (float(low), float(high))
    return BenchmarkFit(law, r_squared(y, predicted), float(np.abs(y - predicted).mean()), y.size, interval)


def report_benchmark(fit: BenchmarkFit) -> dict[str, Any]:
    """A benchmark's law as plain values for JSON: constants of the odds of error, R-squared with its interval, and the
    mean absolute error in score units; constants that are not finite come out as null with the reason beside them."""
    constants = fit.law.constants()
    flat = [axis for axis, name in (("parameters", "alpha_n"), ("tokens", "alpha_d")) if not constants[name] > 0]
    return {
        "constants": constants,
        "worst_score": fit.law.worst,
        "r2": fit.r2,
        "r2_interval_90": fit.r2_interval,
        "mae": fit.mae,
        "n_models": fit.n_models,
        "does_not_improve_with": flat,
    }


def power_law_fit_predict(train: Array, scores: Array, test: Array, lower_is_better: bool = False) -> Array:
    """Scores [m] of `test` [m, 2] by the law fitted to `train` [n, 2] and `scores` [n]; columns are natural logarithms
    of parameters and tokens, as in `models.baselines` and `power_law_offset`."""
    rows = np.concatenate([train, test])
    known = np.concatenate([scores, np.full(len(test), np.mean(scores))])  # the test rows' scores are never looked at
    offset = power_law_offset(rows[:, 0], rows[:, 1], known, lower_is_better)
    return offset(np.arange(len(train)))[len(train) :]


def power_law_offset(
    log_n: Any, log_d: Any, y: Any, lower_is_better: bool = False
) -> Callable[[npt.NDArray[np.int64]], Array]:
    """The law as a baseline for trees: a function of the training rows' indices that fits the law on those rows only
    and returns its score for all n rows [n].

    `log_n` and `log_d` [n] are natural logarithms of parameters (a plain count) and of tokens in any one unit (the
    design table's billions, or a plain count: the predictions are the same), `y` scores [n]. Raises DataError on
    values that are missing or not natural logarithms of a count, and, when called, on fewer than 6 training rows.
    """
    log_n, log_d = np.asarray(log_n, dtype=float), np.asarray(log_d, dtype=float)
    for name, values, low in (("log_n", log_n, np.log(PARAMS.low)), ("log_d", log_d, np.log(TOKENS.low / 1e9))):
        wrong = ~(values >= low)
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(
                f"{name}[{i}] = {values[i]:g}; expected finite natural logarithms, {low:.3g} or more (is it base 10, "
                f"or missing?). A model without both counts cannot enter a power law."
            )
    scores = _checked_scores(log_n, log_d, y, lower_is_better)

    def offset(train: npt.NDArray[np.int64]) -> Array:
        if len(train) < MIN_MODELS:
            raise DataError(f"{len(train)} training rows; a power law in N and D needs at least {MIN_MODELS}.")
        law = _fit(log_n[train], log_d[train], scores[train], lower_is_better)
        return law.predict_log(log_n, log_d)

    return offset


def r_squared(observed: Array, predicted: Array) -> float:
    """1 - sum (y - y_hat)^2 / sum (y - mean y)^2 in score space; NaN where the scores do not vary. Negative where the
    mean would do better."""
    total = float(((observed - observed.mean()) ** 2).sum())
    return 1 - float(((observed - predicted) ** 2).sum()) / total if total > 0 else float("nan")


def _checked_scores(log_n: Array, log_d: Array, scores: Any, lower_is_better: bool) -> Array:
    y, top = np.asarray(scores, dtype=float), 2.0 if lower_is_better else 1.0
    if not (y.ndim == 1 and y.shape == log_n.shape == log_d.shape):
        raise DataError(
            f"params {log_n.shape}, tokens {log_d.shape} and scores {y.shape}: expected one of each per model."
        )
    if y.size < MIN_MODELS:
        raise DataError(f"{y.size} models; a power law in N and D needs at least {MIN_MODELS}.")
    wrong = ~((y >= 0) & (y <= top))
    if wrong.any():
        i = int(np.argmax(wrong))
        kind = "Brier scores" if lower_is_better else "accuracies (a share, not percent)"
        raise DataError(
            f"scores[{i}] = {y[i]:g}; expected {kind} from 0 to {top:g} without gaps ({int(wrong.sum())} wrong)."
        )
    return y


def _fit(log_n: Array, log_d: Array, y: Array, lower_is_better: bool) -> BenchmarkLaw:
    """The law with the end of the scale as worst score, or with the weakest models' level: the one of smaller mean
    absolute error on these rows (the former on a tie). Same rows, same law."""
    best, end = (0.0, 2.0) if lower_is_better else (1.0, 0.0)
    weakest = float(np.quantile(y, 1 - WEAKEST if lower_is_better else WEAKEST))
    laws = [_fit_between(log_n, log_d, y, best, end)]
    if weakest != end and abs(weakest - best) > SHORTEST_SCALE:
        laws.append(_fit_between(log_n, log_d, y, best, weakest))
    return min(laws, key=lambda law: float(np.abs(law.predict_log(log_n, log_d) - y).mean()))


def _fit_between(log_n: Array, log_d: Array, y: Array, best: float, worst: float) -> BenchmarkLaw:
    """Huber fit of the log odds from the best cells of the variable-projection grid."""
    axes = np.stack([log_n, log_d], axis=1)
    centre = axes.mean(axis=0)
    x = axes - centre
    share = np.clip((y - best) / (worst - best), SMALLEST_ERROR, 1 - SMALLEST_ERROR)
    target = np.log(share / (1 - share))
    starts = FORM.starts(x, target)
    cost = huber(FORM.log_value(starts, x) - target, DELTA).mean(axis=1)
    chosen = np.argsort(cost, kind="stable")[:STARTS]
    found = minimise_huber(FORM, starts[chosen], x, target, delta=DELTA, max_iter=40, tol=1e-5, widths=())
    theta = found.theta[int(np.argmin(found.objective))]
    return BenchmarkLaw(
        (float(theta[0]), float(theta[1]), float(theta[2]), float(theta[3])),
        (float(centre[0]), float(centre[1])),
        best,
        worst,
    )


def _resampled_r2(rows: npt.NDArray[np.int64], log_n: Array, log_d: Array, y: Array, lower_is_better: bool) -> float:
    law = _fit(log_n[rows], log_d[rows], y[rows], lower_is_better)
    return r_squared(y[rows], law.predict_log(log_n[rows], log_d[rows]))
