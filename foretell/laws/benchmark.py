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

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foretell.arithmetic import exp, log
from foretell.arrays import Floats, Indices
from foretell.errors import DataError
from foretell.laws.joint import KaplanLaw
from foretell.laws.newton import huber, minimise_huber
from foretell.laws.quantities import PARAMS, TOKENS
from foretell.stats import Interval, percentile_interval, r_squared

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

    def predict_log(self, log_params: Floats, log_tokens: Floats) -> Floats:
        """Scores [n] at natural logarithms of parameters [n] and tokens [n]."""
        axes = np.stack([log_params, log_tokens], axis=1) - np.asarray(self.centre)
        log_odds = FORM.log_value(np.asarray(self.theta)[None], axes)[0]
        share = 1 / (1 + exp(-np.clip(log_odds, -500, 500)))
        scores: Floats = self.best + (self.worst - self.best) * share
        return scores

    def predict(self, params: Any, tokens: Any) -> Floats:
        """Scores at parameters and tokens (plain counts, one-dimensional); DataError on NaN, zero or scaled input."""
        n, d = np.atleast_1d(PARAMS.check(params)), np.atleast_1d(TOKENS.check(tokens))
        return self.predict_log(log(n), log(d))

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
    r2_interval: Interval | None


def fit_benchmark(
    params: Any, tokens: Any, scores: Any, *, lower_is_better: bool, n_bootstrap: int = 0, seed: int = 0
) -> BenchmarkFit:
    """Fit one benchmark's law to models' `params`, `tokens` (plain counts) and `scores` (accuracy 0-1, or Brier 0-2
    with `lower_is_better`), one-dimensional and equally long. Raises DataError on unusable values or fewer than 6
    models."""
    log_n, log_d = log(PARAMS.check(params)), log(TOKENS.check(tokens))
    y = _checked_scores(log_n, log_d, scores, lower_is_better)
    law = _fit(log_n[None], log_d[None], y[None], lower_is_better)[0]
    predicted = law.predict_log(log_n, log_d)
    r2 = r_squared(y, predicted)
    interval = None
    if n_bootstrap:
        rng = np.random.default_rng(seed)
        rows = np.stack([rng.integers(0, y.size, y.size) for _ in range(n_bootstrap)])
        laws = _fit(log_n[rows], log_d[rows], y[rows], lower_is_better)
        values = [r_squared(y[i], other.predict_log(log_n[i], log_d[i])) for i, other in zip(rows, laws, strict=True)]
        interval = percentile_interval(r2, values, 0.9, skip_nan=True)
    return BenchmarkFit(law, r2, float(np.abs(y - predicted).mean()), y.size, interval)


def report_benchmark(fit: BenchmarkFit) -> dict[str, Any]:
    """A benchmark's law as plain values for JSON: constants of the odds of error, R-squared with its interval, and the
    mean absolute error in score units; constants that are not finite come out as null with the reason beside them."""
    constants = fit.law.constants()
    flat = [axis for axis, name in (("parameters", "alpha_n"), ("tokens", "alpha_d")) if not constants[name] > 0]
    return {
        "constants": constants,
        "worst_score": fit.law.worst,
        "r2": fit.r2,
        "r2_interval_90": None if fit.r2_interval is None else [fit.r2_interval.low, fit.r2_interval.high],
        "mae": fit.mae,
        "n_models": fit.n_models,
        "does_not_improve_with": flat,
    }


@dataclass(frozen=True)
class PowerLawOffset:
    """The law as a predictor and as a baseline for trees: called with the indices of training rows it fits the law to
    those rows only and returns its score for all n rows [n]. Training sets are remembered, because every grid cell
    asks for the same ones; many of them are fitted together (`fit`), which is several times faster than one by one
    and gives the same laws."""

    log_n: Floats
    log_d: Floats
    scores: Floats
    lower_is_better: bool
    known: dict[bytes, tuple[BenchmarkLaw, Floats]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, log_n: Any, log_d: Any, scores: Any, lower_is_better: bool = False) -> "PowerLawOffset":
        """`log_n` and `log_d` [n] are natural logarithms of parameters (a plain count) and of tokens in any one unit
        (the design table's billions, or a plain count: the predictions are the same), `scores` [n] accuracies 0-1, or
        Brier scores 0-2 with `lower_is_better`. Raises DataError on values that are missing or not natural logarithms
        of a count."""
        log_n, log_d = np.asarray(log_n, dtype=float), np.asarray(log_d, dtype=float)
        for name, values, low in (("log_n", log_n, log(PARAMS.low)), ("log_d", log_d, log(TOKENS.low / 1e9))):
            wrong = ~(values >= low)
            if wrong.any():
                i = int(np.argmax(wrong))
                raise DataError(
                    f"{name}[{i}] = {values[i]:g}; expected finite natural logarithms, {low:.3g} or more (is it base "
                    f"10, or missing?). A model without both counts cannot enter a power law."
                )
        return cls(log_n, log_d, _checked_scores(log_n, log_d, scores, lower_is_better), lower_is_better)

    def fit(self, training_sets: Iterable[Indices]) -> None:
        """Fit the law to each set of row indices. Raises DataError on one of fewer than 6 rows."""
        by_size: dict[int, dict[bytes, Indices]] = {}
        for rows in training_sets:
            if len(rows) < MIN_MODELS:
                raise DataError(f"{len(rows)} training rows; a power law in N and D needs at least {MIN_MODELS}.")
            if rows.tobytes() not in self.known:
                by_size.setdefault(len(rows), {})[rows.tobytes()] = rows
        for group in by_size.values():
            rows = np.stack(list(group.values()))
            laws = _fit(self.log_n[rows], self.log_d[rows], self.scores[rows], self.lower_is_better)
            for key, law in zip(group, laws, strict=True):
                self.known[key] = law, law.predict_log(self.log_n, self.log_d)

    def law(self, train: Indices) -> BenchmarkLaw:
        """The law fitted to the rows `train`."""
        self.fit([train])
        return self.known[train.tobytes()][0]

    def __call__(self, train: Indices) -> Floats:
        self.fit([train])
        return self.known[train.tobytes()][1]


def _checked_scores(log_n: Floats, log_d: Floats, scores: Any, lower_is_better: bool) -> Floats:
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


def _fit(log_n: Floats, log_d: Floats, y: Floats, lower_is_better: bool) -> list[BenchmarkLaw]:
    """A law for each row of `log_n`, `log_d` and `y` [R, m], with the end of the scale as worst score or with the
    weakest models' level: the one of smaller mean absolute error on these points (the former on a tie). The same points
    give the same law, whatever is fitted beside them."""
    best, end = (0.0, 2.0) if lower_is_better else (1.0, 0.0)
    laws = _fit_between(log_n, log_d, y, best, np.full(len(y), end))
    weakest = np.quantile(y, 1 - WEAKEST if lower_is_better else WEAKEST, axis=1)
    asked = np.flatnonzero((weakest != end) & (np.abs(weakest - best) > SHORTEST_SCALE))
    others = _fit_between(log_n[asked], log_d[asked], y[asked], best, weakest[asked]) if asked.size else []
    for i, other in zip(asked, others, strict=True):
        laws[i] = min(laws[i], other, key=lambda law: float(np.abs(law.predict_log(log_n[i], log_d[i]) - y[i]).mean()))
    return laws


def _fit_between(log_n: Floats, log_d: Floats, y: Floats, best: float, worst: Floats) -> list[BenchmarkLaw]:
    """Huber fits of the log odds between `best` and `worst` [R], each from the best cells of the variable-projection
    grid."""
    axes = np.stack([log_n, log_d], axis=2)
    centre = axes.mean(axis=1)
    x = axes - centre[:, None]
    share = np.clip((y - best) / (worst - best)[:, None], SMALLEST_ERROR, 1 - SMALLEST_ERROR)
    target = log(share / (1 - share))
    starts = np.concatenate([_starts(own_x, own_target) for own_x, own_target in zip(x, target, strict=True)])
    found = minimise_huber(
        FORM,
        starts,
        x.repeat(STARTS, axis=0),
        target.repeat(STARTS, axis=0),
        delta=DELTA,
        max_iter=40,
        tol=1e-5,
        widths=(),
    )
    chosen = found.objective.reshape(-1, STARTS).argmin(axis=1) + STARTS * np.arange(len(y))
    return [
        BenchmarkLaw(tuple(theta), tuple(middle), best, float(low))
        for theta, middle, low in zip(found.theta[chosen].tolist(), centre.tolist(), worst, strict=True)
    ]


def _starts(x: Floats, target: Floats) -> Floats:
    """The cells of the variable-projection grid with the lowest objective, [STARTS, p]."""
    starts = FORM.starts(x, target)
    cost = huber(FORM.log_value(starts, x) - target, DELTA).mean(axis=1)
    return starts[np.argsort(cost, kind="stable")[:STARTS]]
