"""How to spend a compute budget: the parameters, tokens, batch and steps a law calls optimal, also when unique data
runs out and when the finished model will be served. These are the numbers people fit a law for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize_scalar

from foretell.errors import DataError
from foretell.laws.fitted import LawFit
from foretell.laws.joint import ChinchillaLaw, JointLaw, KaplanLaw
from foretell.laws.quantities import FLOPS, LOSS, PARAMS, TOKENS
from foretell.laws.steps import CriticalBatchLaw, StepsLaw
from foretell.stats import Interval, percentile_interval

REPEATS_HALF_LIFE = 15.387756  # R*_D of Muennighoff et al. 2023, eq. 5: epochs over which repeated tokens lose 1/e
SEARCH = np.log(1e4)  # half-width of the search in log parameters

JointT = TypeVar("JointT", bound=JointLaw)


@dataclass(frozen=True)
class Allocation:
    """One way to spend a budget. `flops` is the training compute 6 N D, `lifetime_flops` adds serving; `epochs` is
    tokens seen over unique tokens; `batch_tokens` and `steps` are there when a critical-batch law was given."""

    rule: str
    params: float
    tokens: float
    flops: float
    lifetime_flops: float
    loss: float
    epochs: float = 1.0
    batch_tokens: float | None = None
    steps: float | None = None

    @property
    def tokens_per_param(self) -> float:
        return self.tokens / self.params


def compute_optimal(law: JointLaw, flops: float, batch: CriticalBatchLaw | None = None) -> Allocation:
    """Parameters and tokens that minimise L(N, D) under 6 N D = `flops` (Hoffmann et al. 2022, eq. 4, for Chinchilla's
    form; the closed form of d L/d log N = 0 for Kaplan's). With `batch`, B = B_crit(L) and S = D/B: the largest batch
    that still pays (Kaplan et al. 2020, eq. 1.4)."""
    params = float(law.compute_optimal_params(flops))
    return _allocation("compute-optimal", law, params, flops / (6 * params), batch=batch)


def data_limited(
    law: JointLaw,
    flops: float,
    unique_tokens: float,
    *,
    max_epochs: float = 4.0,
    decay_epochs: float = REPEATS_HALF_LIFE,
    batch: CriticalBatchLaw | None = None,
) -> Allocation:
    """The best split of `flops` when only `unique_tokens` exist: tokens may be seen up to `max_epochs` times, and a
    repeated token is worth less each time, D' = U + U R* (1 - exp(-R/R*)) with R = D/U - 1 repeats and
    R* = `decay_epochs` (Muennighoff et al. 2023, eq. 5; their decay of excess parameters is not applied, so very large
    models are flattered). Equal to `compute_optimal` where its tokens fit into one epoch."""
    budget, unique = float(FLOPS.check(flops)), float(TOKENS.check(unique_tokens, "unique_tokens"))
    if not (np.isfinite(max_epochs) and max_epochs >= 1):
        raise DataError(f"max_epochs = {max_epochs:g}; expected 1 or more passes over the unique tokens.")
    if not decay_epochs > 0:
        raise DataError(f"decay_epochs = {decay_epochs:g}; expected a positive number of epochs.")
    free = compute_optimal(law, budget, batch)
    if free.tokens <= unique:
        return _allocation(
            "data-limited (not binding)", law, free.params, free.tokens, free.tokens / unique, batch=batch
        )

    def loss(log_params: float) -> float:
        params = np.exp(log_params)
        return float(law.value(params, effective_tokens(budget / (6 * params), unique, decay_epochs)))

    low = np.log(budget / (6 * max_epochs * unique))
    params = float(
        np.exp(_minimise(loss, max(low, np.log(free.params) - SEARCH), max(low, np.log(free.params)) + SEARCH))
    )
    seen = budget / (6 * params)
    return _allocation(
        "data-limited",
        law,
        params,
        seen,
        seen / unique,
        worth=effective_tokens(seen, unique, decay_epochs),
        batch=batch,
    )


def effective_tokens(tokens: float, unique_tokens: float, decay_epochs: float = REPEATS_HALF_LIFE) -> float:
    """Unique tokens that `tokens` seen over `unique_tokens` are worth: Muennighoff et al. 2023, eq. 5."""
    seen = float(TOKENS.check(tokens))
    unique = float(TOKENS.check(unique_tokens, "unique_tokens"))
    if seen <= unique:
        return seen
    worth: float = unique + unique * decay_epochs * -np.expm1(-(seen / unique - 1) / decay_epochs)
    return worth


def inference_aware(law: ChinchillaLaw | KaplanLaw, loss: float, inference_tokens: float) -> Allocation:
    """The cheapest model over its life that reaches `loss` (nats per token): parameters minimising
    6 N D(N) + 2 N D_inf, with D(N) the tokens at which N parameters reach the loss and D_inf = `inference_tokens` read
    or generated after training. Sardana et al. 2024, eq. 2."""
    target, served = float(LOSS.check(loss)), float(TOKENS.check(inference_tokens, "inference_tokens"))
    least = float(law.params_for_loss(1e17, target))

    def lifetime(log_params: float) -> float:
        params = float(np.exp(log_params))
        return float(np.log(6 * params * float(law.tokens_for_loss(params, target)) + 2 * params * served))

    params = float(np.exp(_minimise(lifetime, np.log(least) + 1e-6, np.log(least) + SEARCH)))
    return _allocation("inference-aware", law, params, float(law.tokens_for_loss(params, target)), served=served)


def inference_aware_budget(law: JointLaw, lifetime_flops: float, inference_tokens: float) -> Allocation:
    """The lowest loss whose training and serving together cost `lifetime_flops`: 6 N D + 2 N D_inf = C. The dual of
    `inference_aware` (Sardana et al. 2024)."""
    budget = float(FLOPS.check(lifetime_flops, "lifetime_flops"))
    served = float(TOKENS.check(inference_tokens, "inference_tokens"))
    free = float(law.compute_optimal_params(budget))
    ceiling = np.log(budget / (2 * served + 6 * TOKENS.low))  # beyond it serving eats the whole budget

    def loss(log_params: float) -> float:
        params = np.exp(log_params)
        return float(law.value(params, (budget / params - 2 * served) / 6))

    high = min(float(ceiling), np.log(free) + SEARCH)
    params = float(np.exp(_minimise(loss, min(high, np.log(free)) - SEARCH, high)))
    return _allocation("inference-aware budget", law, params, (budget / params - 2 * served) / 6, served=served)


@dataclass(frozen=True)
class KaplanFrontier:
    """Kaplan's optimum: train very large models at the critical batch and stop far from convergence.

    At fixed loss the compute 6 N B_crit(L) S is least where alpha_N (N_c/N)^alpha_N = alpha_S (S_c/S)^alpha_S, so that
    L = (1 + alpha_N/alpha_S) (N_c/N)^alpha_N and every optimum is an exact power of C_min. Kaplan et al. 2020,
    section 6 and appendix B (eqs. B.6-B.14); C_min, not C: a run at B = B_crit costs twice C_min.
    """

    steps: StepsLaw
    batch: CriticalBatchLaw

    @property
    def alpha_c(self) -> float:
        """alpha_C = 1 / (1/alpha_S + 1/alpha_B + 1/alpha_N): the loss falls as C_min^-alpha_C (eq. 6.4)."""
        return 1 / (1 / self.steps.alpha_s + 1 / self.batch.alpha_b + 1 / self.steps.alpha_n)

    @property
    def exponents(self) -> dict[str, float]:
        """Powers of C_min in N, B, S and D = B S: alpha_C/alpha_N, alpha_C/alpha_B, alpha_C/alpha_S, and 1 - the
        first."""
        to_n, to_b, to_s = (
            self.alpha_c / alpha for alpha in (self.steps.alpha_n, self.batch.alpha_b, self.steps.alpha_s)
        )
        return {"params": to_n, "batch_tokens": to_b, "steps": to_s, "tokens": to_b + to_s}

    def at_params(self, params: float) -> Allocation:
        """The frontier's point with `params` parameters; `flops` is C_min, `steps` S_min, `tokens` B_crit S_min."""
        law, params = self.steps, float(PARAMS.check(params))
        converged = (law.n_c / params) ** law.alpha_n
        loss = (1 + law.alpha_n / law.alpha_s) * converged
        steps = law.s_c * (law.alpha_n / law.alpha_s * converged) ** (-1 / law.alpha_s)
        batch = self.batch.b_star * loss ** (-1 / self.batch.alpha_b)
        flops = 6 * params * batch * steps
        return Allocation("kaplan frontier", params, batch * steps, flops, flops, loss, 1.0, batch, steps)

    def allocate(self, flops_min: float) -> Allocation:
        """The optimum for `flops_min` FLOPs of C_min, exactly: log C_min is linear in log N along the frontier."""
        target = float(FLOPS.check(flops_min, "flops_min"))
        anchor = self.at_params(1e9)
        return self.at_params(1e9 * (target / anchor.flops) ** self.exponents["params"])


def allocation_intervals(
    fit: LawFit[JointT], rule: Callable[[JointT], Allocation], level: float = 0.9
) -> dict[str, Interval]:
    """An allocation's params, tokens and loss with percentile bootstrap intervals: `rule` applied to the law and to
    every replicate. Raises DataError on fewer than 20 replicates."""
    best = rule(fit.law)
    rows = [rule(type(fit.law).of(row)) for row in fit.replicates]
    if len(rows) < 20:
        raise DataError(f"{len(rows)} bootstrap replicates are too few for an interval; fit with n_bootstrap >= 100.")
    return {
        name: percentile_interval(getattr(best, name), [getattr(row, name) for row in rows], level)
        for name in ("params", "tokens", "loss")
    }


def _allocation(
    rule: str,
    law: JointLaw,
    params: float,
    tokens: float,
    epochs: float = 1.0,
    worth: float | None = None,
    served: float = 0.0,
    batch: CriticalBatchLaw | None = None,
) -> Allocation:
    loss = float(law.value(np.float64(params), np.float64(tokens if worth is None else worth)))
    flops = 6 * params * tokens
    critical = None if batch is None else float(batch.predict(loss))
    steps = None if critical is None else tokens / critical
    return Allocation(rule, params, tokens, flops, flops + 2 * params * served, loss, epochs, critical, steps)


def _minimise(objective: Callable[[float], float], low: float, high: float) -> float:
    """Minimum of a unimodal function: a coarse scan brackets it, Brent's bounded method finishes."""
    grid = np.linspace(low, high, 33)
    i = int(np.argmin([objective(float(point)) for point in grid]))
    left, right = float(grid[max(i - 1, 0)]), float(grid[min(i + 1, grid.size - 1)])
    found = minimize_scalar(objective, bounds=(left, right), method="bounded", options={"xatol": 1e-10})
    return min((left, float(found.x), right), key=objective)
