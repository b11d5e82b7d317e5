"""Loss against parameters and tokens together, in the two forms the field uses: Kaplan's (no irreducible loss, an
overfitting that rises like N^(alpha_N/alpha_D) / D) and Chinchilla's (an irreducible loss plus two power laws). They
disagree about how to spend a budget, so both are here under one interface."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.arithmetic import exp, log
from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.laws.fitted import HUBER_DELTA, LawFit, fit_law
from foretell.laws.law import Law, Parameter
from foretell.laws.logsum import LogSumForm
from foretell.laws.quantities import FLOPS, LOSS, PARAMS, TOKENS, Quantity, check_ratio
from foretell.laws.single import ParamsLaw, TokensLaw


def _checked(params: Any, tokens: Any) -> tuple[Floats, Floats]:
    n, d = PARAMS.check(params), TOKENS.check(tokens)
    check_ratio(n, d)
    return n, d


@dataclass(frozen=True)
class JointLaw(Law):
    """A law of the loss (nats per token) over parameters and tokens, with the compute optimum C = 6 N D."""

    AXES: ClassVar[tuple[Quantity, ...]] = (PARAMS, TOKENS)
    RESPONSE: ClassVar[Quantity] = LOSS

    def predict(self, params: Any, tokens: Any) -> Floats:
        """Loss (nats per token) at `params` (parameters) and `tokens` (tokens seen), broadcast against each other.
        DataError on NaN, zero, negative or scaled input."""
        return self.value(*_checked(params, tokens))

    @classmethod
    def fit(
        cls, params: Any, tokens: Any, loss: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to runs: `params` (parameters), `tokens` (tokens), `loss` (nats per token), one-dimensional and equally
        long. Raises DataError where the runs do not identify the law."""
        axes = (
            list(_checked(params, tokens))
            if np.shape(params) == np.shape(tokens)
            else [PARAMS.check(params), TOKENS.check(tokens)]
        )
        return fit_law(cls, axes, LOSS.check(loss), delta=delta, n_bootstrap=n_bootstrap, seed=seed)

    def compute_optimal_params(self, flops: Any) -> Floats:
        """Parameters that minimise the loss under 6 N D = `flops` (FLOPs)."""
        raise NotImplementedError

    def tokens_for_loss(self, params: Any, loss: Any) -> Floats:
        """Tokens at which a model of `params` parameters reaches `loss` (nats per token): exact inverse in D."""
        raise NotImplementedError


@dataclass(frozen=True)
class ChinchillaLaw(JointLaw):
    """L(N, D) = E + A / N^alpha + B / D^beta.

    Hoffmann et al. 2022, eq. 2 (approach 3, eq. 10). `e` in nats per token (loss of the ideal model); `a` in nats times
    parameters^alpha, `b` in nats times tokens^beta; exponents without unit. Loss in nats per token.
    """

    e: float
    a: float
    b: float
    alpha: float
    beta: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("e", "nats per token"),
        Parameter("a", "nats * parameters^alpha"),
        Parameter("b", "nats * tokens^beta"),
        Parameter("alpha", ""),
        Parameter("beta", ""),
    )
    FORM: ClassVar[LogSumForm] = LogSumForm((0.0, None, None))

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        return np.concatenate([log(constants[:, :3]), constants[:, 3:]], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        return np.concatenate([exp(theta[:, :3]), theta[:, 3:]], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        return np.stack([np.zeros_like(axes[0]), log(axes[0]), log(axes[1])], axis=1)

    def compute_optimal_params(self, flops: Any) -> Floats:
        """N_opt = G (C/6)^(beta/(alpha+beta)), G = (alpha A / (beta B))^(1/(alpha+beta)). Hoffmann et al. 2022, eq.
        4."""
        total = self.alpha + self.beta
        scale = (self.alpha * self.a / (self.beta * self.b)) ** (1 / total)
        params: Floats = (scale * (FLOPS.check(flops) / 6) ** (self.beta / total))[()]
        return params

    def compute_optimal_tokens(self, flops: Any) -> Floats:
        """D_opt = C / (6 N_opt) in tokens: G^-1 (C/6)^(alpha/(alpha+beta)). Hoffmann et al. 2022, eq. 4."""
        return (FLOPS.check(flops) / (6 * self.compute_optimal_params(flops)))[()]

    def tokens_for_loss(self, params: Any, loss: Any) -> Floats:
        """D = (B / (L - E - A/N^alpha))^(1/beta), tokens. DataError where a model of this size never gets there."""
        rest = LOSS.check(loss) - self.e - self.a * PARAMS.check(params) ** -self.alpha
        _refuse_unreachable(rest, "params")
        return ((self.b / rest) ** (1 / self.beta))[()]

    def params_for_loss(self, tokens: Any, loss: Any) -> Floats:
        """N = (A / (L - E - B/D^beta))^(1/alpha), parameters. DataError where no size gets there on these tokens."""
        rest = LOSS.check(loss) - self.e - self.b * TOKENS.check(tokens) ** -self.beta
        _refuse_unreachable(rest, "tokens")
        return ((self.a / rest) ** (1 / self.alpha))[()]


@dataclass(frozen=True)
class KaplanLaw(JointLaw):
    """L(N, D) = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D.

    Kaplan et al. 2020, eq. 1.5 (fitted in their section 4). `n_c` in parameters (non-embedding), `d_c` in tokens;
    exponents without unit. Loss in nats per token; no irreducible loss.
    """

    alpha_n: float
    n_c: float
    alpha_d: float
    d_c: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("alpha_n", ""),
        Parameter("n_c", "parameters"),
        Parameter("alpha_d", ""),
        Parameter("d_c", "tokens"),
    )
    FORM: ClassVar[LogSumForm] = LogSumForm((None, 1.0), outer_fitted=True)

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        alpha_n, n_c, alpha_d, d_c = constants.T
        ratio = alpha_n / alpha_d
        return np.stack([ratio * log(n_c), log(d_c), ratio, alpha_d], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        scale_n, scale_d, ratio, outer = theta.T
        return np.stack([ratio * outer, exp(scale_n / ratio), outer, exp(scale_d)], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        return np.stack([log(axes[0]), log(axes[1])], axis=1)

    @property
    def params_law(self) -> ParamsLaw:
        """L(N, D) as D grows without end: L(N) = (N_c/N)^alpha_N."""
        return ParamsLaw(self.alpha_n, self.n_c)

    @property
    def tokens_law(self) -> TokensLaw:
        """L(N, D) as N grows without end: L(D) = (D_c/D)^alpha_D."""
        return TokensLaw(self.alpha_d, self.d_c)

    def overfitting(self, params: Any, tokens: Any) -> Floats:
        """dL = L(N, D)/L(N, inf) - 1 = [1 + (N/N_c)^(alpha_N/alpha_D) D_c/D]^alpha_D - 1, a share of the loss without
        unit. Kaplan et al. 2020, eqs. 4.2-4.3."""
        n, d = _checked(params, tokens)
        return np.expm1(self.alpha_d * np.log1p((n / self.n_c) ** (self.alpha_n / self.alpha_d) * self.d_c / d))[()]

    def tokens_for_overfitting(self, params: Any, overfitting: float) -> Floats:
        """Tokens at which the overfitting of `params` parameters is `overfitting` (0.02 = 2 % of the loss): the exact
        inverse of `overfitting` in D. Growing N by r asks for r^(alpha_N/alpha_D) times the tokens."""
        if not 0 < overfitting < 10:
            raise DataError(f"overfitting = {overfitting:g}; expected a share of the loss above 0, such as 0.02.")
        n = PARAMS.check(params)
        per_token = np.expm1(np.log1p(overfitting) / self.alpha_d)
        tokens: Floats = ((n / self.n_c) ** (self.alpha_n / self.alpha_d) * self.d_c / per_token)[()]
        return tokens

    def compute_optimal_params(self, flops: Any) -> Floats:
        """N_opt under 6 N D = C at convergence: setting d L/d log N = 0 gives N^(1+u) = u N_c^u C / (6 D_c) with
        u = alpha_N/alpha_D (from eq. 1.5; the paper's own optimum stops early and is `KaplanFrontier`)."""
        u = self.alpha_n / self.alpha_d
        log_n = (log(u) + u * log(self.n_c) + log(FLOPS.check(flops) / (6 * self.d_c))) / (1 + u)
        params: Floats = exp(log_n)[()]
        return params

    def tokens_for_loss(self, params: Any, loss: Any) -> Floats:
        """D = D_c / (L^(1/alpha_D) - (N_c/N)^(alpha_N/alpha_D)), tokens. DataError where this size never gets there."""
        rest = LOSS.check(loss) ** (1 / self.alpha_d) - (self.n_c / PARAMS.check(params)) ** (
            self.alpha_n / self.alpha_d
        )
        _refuse_unreachable(rest, "params")
        return (self.d_c / rest)[()]

    def params_for_loss(self, tokens: Any, loss: Any) -> Floats:
        """N = N_c (L^(1/alpha_D) - D_c/D)^(-alpha_D/alpha_N), parameters. DataError where no size gets there."""
        rest = LOSS.check(loss) ** (1 / self.alpha_d) - self.d_c / TOKENS.check(tokens)
        _refuse_unreachable(rest, "tokens")
        return (self.n_c * rest ** (-self.alpha_d / self.alpha_n))[()]


@dataclass(frozen=True)
class DataRequirement(Law):
    """D = k N^exponent: tokens below which a model of N parameters overfits by more than the seed-to-seed noise.

    Kaplan et al. 2020, eq. 4.4 (D >= 5e3 N^0.74 for 2 % noise). `k` in tokens per parameters^exponent.
    """

    k: float
    exponent: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (
        Parameter("k", "tokens / parameters^exponent"),
        Parameter("exponent", ""),
    )
    AXES: ClassVar[tuple[Quantity, ...]] = (PARAMS,)
    RESPONSE: ClassVar[Quantity] = TOKENS
    FORM: ClassVar[LogSumForm] = LogSumForm((None,))

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        return np.stack([log(constants[:, 0]), -constants[:, 1]], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        return np.stack([exp(theta[:, 0]), -theta[:, 1]], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        features: Floats = log(axes[0])[:, None]
        return features

    def predict(self, params: Any) -> Floats:
        """Tokens that `params` parameters need to avoid overfitting."""
        return self.value(PARAMS.check(params))

    def params_for_tokens(self, tokens: Any) -> Floats:
        """Exact inverse: the largest model (parameters) that `tokens` are enough for."""
        return ((TOKENS.check(tokens) / self.k) ** (1 / self.exponent))[()]

    @classmethod
    def from_law(cls, law: KaplanLaw, overfitting: float) -> Self:
        """The requirement a fitted L(N, D) implies for a tolerated `overfitting` (share of the loss)."""
        exponent = law.alpha_n / law.alpha_d
        return cls(float(law.tokens_for_overfitting(1e9, overfitting)) / 1e9**exponent, exponent)

    @classmethod
    def fit(
        cls, params: Any, tokens: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to the measured `tokens` at which models of `params` parameters stop overfitting."""
        return fit_law(
            cls, [PARAMS.check(params)], TOKENS.check(tokens), delta=delta, n_bootstrap=n_bootstrap, seed=seed
        )


def _refuse_unreachable(rest: Floats, axis: str) -> None:
    if (np.asarray(rest) <= 0).any():
        count = int((np.asarray(rest) <= 0).sum())
        raise DataError(
            f"this loss is never reached at the given {axis} ({count} of {np.size(rest)} values), however large the "
            f"other axis; expected a loss above the law's limit there."
        )
