"""Training time: how many optimiser steps and tokens a loss costs at a batch size, and what the smallest possible
number of either is. Kaplan et al. 2020 (section 5) correct every run to these minima before fitting L(N, S) and
L(C)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.arithmetic import exp, log
from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.laws.fitted import HUBER_DELTA, LawFit, fit_law
from foretell.laws.law import Law, Parameter
from foretell.laws.logsum import LogSumForm
from foretell.laws.quantities import BATCH_TOKENS, FLOPS, LOSS, PARAMS, STEPS, TOKENS, Quantity


@dataclass(frozen=True)
class BatchTradeoff(Law):
    """(S/S_min - 1)(E/E_min - 1) = 1: steps S and tokens processed E = B S that reach one fixed loss.

    Kaplan et al. 2020, eq. 5.1 (McCandlish et al. 2018, eq. 2.11). `s_min` in steps, `e_min` in tokens. In terms of the
    batch size B (tokens) it reads S = S_min + E_min/B and E = E_min + S_min B, which is how it is fitted.
    """

    s_min: float
    e_min: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter("s_min", "steps"), Parameter("e_min", "tokens"))
    AXES: ClassVar[tuple[Quantity, ...]] = (BATCH_TOKENS,)
    RESPONSE: ClassVar[Quantity] = STEPS
    FORM: ClassVar[LogSumForm] = LogSumForm((0.0, 1.0))

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        encoded: Floats = log(constants)
        return encoded

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        decoded: Floats = exp(theta)
        return decoded

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        return np.stack([np.zeros_like(axes[0]), log(axes[0])], axis=1)

    @property
    def critical_batch(self) -> float:
        """B_crit = E_min / S_min, tokens (eq. 5.2): there, both costs are twice their minimum."""
        return self.e_min / self.s_min

    def predict(self, batch_tokens: Any) -> Floats:
        """Steps to the loss at a batch of `batch_tokens` tokens."""
        return self.value(BATCH_TOKENS.check(batch_tokens))

    def tokens(self, batch_tokens: Any) -> Floats:
        """Tokens processed to the loss at a batch of `batch_tokens` tokens: E = E_min (1 + B/B_crit)."""
        return (self.e_min + self.s_min * BATCH_TOKENS.check(batch_tokens))[()]

    def batch_for_steps(self, steps: Any) -> Floats:
        """Exact inverse of `predict`: the batch (tokens) that reaches the loss in `steps` steps; DataError at or below
        S_min, which no batch reaches."""
        s = STEPS.check(steps)
        if (s <= self.s_min).any():
            raise DataError(
                f"steps = {float(np.min(s)):g} is not above S_min = {self.s_min:g}; no batch size is enough."
            )
        return (self.e_min / (s - self.s_min))[()]

    @classmethod
    def fit(
        cls, steps: Any, tokens: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to runs of different batch size that reached the same loss: `steps` taken and `tokens` processed."""
        s, e = STEPS.check(steps), TOKENS.check(tokens)
        if s.shape != e.shape:
            raise DataError(f"steps and tokens differ in shape: {s.shape} and {e.shape}; expected one of each per run.")
        return fit_law(cls, [BATCH_TOKENS.check(e / s)], s, delta=delta, n_bootstrap=n_bootstrap, seed=seed)


@dataclass(frozen=True)
class CriticalBatchLaw(Law):
    """B_crit(L) = B* / L^(1/alpha_B): the batch beyond which data parallelism stops paying, from the loss alone.

    Kaplan et al. 2020, eq. 5.3. `b_star` in tokens, `alpha_b` without unit; L in nats per token.
    """

    b_star: float
    alpha_b: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter("b_star", "tokens"), Parameter("alpha_b", ""))
    AXES: ClassVar[tuple[Quantity, ...]] = (LOSS,)
    RESPONSE: ClassVar[Quantity] = BATCH_TOKENS
    FORM: ClassVar[LogSumForm] = LogSumForm((None,))

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        return np.stack([log(constants[:, 0]), 1 / constants[:, 1]], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        return np.stack([exp(theta[:, 0]), 1 / theta[:, 1]], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        features: Floats = log(axes[0])[:, None]
        return features

    def predict(self, loss: Any) -> Floats:
        """Critical batch (tokens) at `loss` (nats per token)."""
        return self.value(LOSS.check(loss))

    def loss_for_batch(self, batch_tokens: Any) -> Floats:
        """Exact inverse: the loss (nats per token) at which `batch_tokens` is the critical batch."""
        return ((self.b_star / BATCH_TOKENS.check(batch_tokens)) ** self.alpha_b)[()]

    @classmethod
    def fit(
        cls, loss: Any, batch_tokens: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to critical batches measured at several losses (each one a fitted `BatchTradeoff.critical_batch`)."""
        return fit_law(
            cls, [LOSS.check(loss)], BATCH_TOKENS.check(batch_tokens), delta=delta, n_bootstrap=n_bootstrap, seed=seed
        )


@dataclass(frozen=True)
class StepsLaw(Law):
    """L(N, S_min) = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S: the learning curve with data and batch unlimited.

    Kaplan et al. 2020, eq. 5.6 (1.6). `n_c` in parameters (non-embedding), `s_c` in steps; loss in nats per token.
    """

    alpha_n: float
    n_c: float
    alpha_s: float
    s_c: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("alpha_n", ""),
        Parameter("n_c", "parameters"),
        Parameter("alpha_s", ""),
        Parameter("s_c", "steps"),
    )
    AXES: ClassVar[tuple[Quantity, ...]] = (PARAMS, STEPS)
    RESPONSE: ClassVar[Quantity] = LOSS
    FORM: ClassVar[LogSumForm] = LogSumForm((None, None))

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        alpha_n, n_c, alpha_s, s_c = constants.T
        return np.stack([alpha_n * log(n_c), alpha_s * log(s_c), alpha_n, alpha_s], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        scale_n, scale_s, alpha_n, alpha_s = theta.T
        return np.stack([alpha_n, exp(scale_n / alpha_n), alpha_s, exp(scale_s / alpha_s)], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        return np.stack([log(axes[0]), log(axes[1])], axis=1)

    def predict(self, params: Any, min_steps: Any) -> Floats:
        """Loss (nats per token) of `params` parameters after `min_steps` steps at a batch far above the critical
        one."""
        return self.value(PARAMS.check(params), STEPS.check(min_steps))

    def steps_for_loss(self, params: Any, loss: Any) -> Floats:
        """Exact inverse in S: the least steps in which `params` parameters reach `loss`; DataError where they never do.

        With `loss` the data-limited L(N, D) this is the lower bound on the early-stopping step,
        S_stop >= S_c / [L(N, D) - L(N, inf)]^(1/alpha_S) (Kaplan et al. 2020, eq. 5.7).
        """
        rest = LOSS.check(loss) - (self.n_c / PARAMS.check(params)) ** self.alpha_n
        if (np.asarray(rest) <= 0).any():
            raise DataError(f"loss is at or below the converged loss of that size in {int((rest <= 0).sum())} case(s).")
        return (self.s_c * rest ** (-1 / self.alpha_s))[()]

    @classmethod
    def fit(
        cls,
        params: Any,
        min_steps: Any,
        loss: Any,
        *,
        delta: float = HUBER_DELTA,
        n_bootstrap: int = 1000,
        seed: int = 0,
    ) -> LawFit[Self]:
        """Fit to points on learning curves, steps already corrected to S_min (see `min_steps`)."""
        axes = [PARAMS.check(params), STEPS.check(min_steps)]
        return fit_law(cls, axes, LOSS.check(loss), delta=delta, n_bootstrap=n_bootstrap, seed=seed)


def min_steps(steps: Any, batch_tokens: Any, critical_batch_tokens: Any) -> Floats:
    """S_min = S / (1 + B_crit/B): steps the run would have taken at a batch far above the critical one.
    Kaplan et al. 2020, eq. 5.4; steps in steps, batches in tokens."""
    return (STEPS.check(steps) / (1 + BATCH_TOKENS.check(critical_batch_tokens) / BATCH_TOKENS.check(batch_tokens)))[()]


def steps_at_batch(min_steps: Any, batch_tokens: Any, critical_batch_tokens: Any) -> Floats:
    """Exact inverse of `min_steps`: S = S_min (1 + B_crit/B)."""
    return (
        STEPS.check(min_steps) * (1 + BATCH_TOKENS.check(critical_batch_tokens) / BATCH_TOKENS.check(batch_tokens))
    )[()]


def min_flops(flops: Any, batch_tokens: Any, critical_batch_tokens: Any) -> Floats:
    """C_min = C / (1 + B/B_crit): FLOPs the run would have cost at a batch far below the critical one.
    Kaplan et al. 2020, eq. 5.5; compute in FLOPs, batches in tokens."""
    return (FLOPS.check(flops) / (1 + BATCH_TOKENS.check(batch_tokens) / BATCH_TOKENS.check(critical_batch_tokens)))[()]


def flops_at_batch(min_flops: Any, batch_tokens: Any, critical_batch_tokens: Any) -> Floats:
    """Exact inverse of `min_flops`: C = C_min (1 + B/B_crit)."""
    return (
        FLOPS.check(min_flops) * (1 + BATCH_TOKENS.check(batch_tokens) / BATCH_TOKENS.check(critical_batch_tokens))
    )[()]
