"""The one-axis power laws of Kaplan et al. 2020 (section 1.2): test loss against parameters, tokens or compute when
that axis alone is the bottleneck. They are the first thing to fit to a new family of runs, and each has an exact
inverse."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.arithmetic import exp, log
from foretell.arrays import Floats
from foretell.laws.fitted import HUBER_DELTA, LawFit, fit_law
from foretell.laws.law import Law, Parameter
from foretell.laws.logsum import LogSumForm
from foretell.laws.quantities import FLOPS, LOSS, PARAMS, TOKENS, Quantity


@dataclass(frozen=True)
class _PowerLaw(Law):
    """L(x) = (x_c / x)^alpha, with constants (alpha, x_c)."""

    FORM: ClassVar[LogSumForm] = LogSumForm((None,))
    RESPONSE: ClassVar[Quantity] = LOSS

    @classmethod
    def _encode(cls, constants: Floats) -> Floats:
        return np.stack([constants[:, 0] * log(constants[:, 1]), constants[:, 0]], axis=1)

    @classmethod
    def _decode(cls, theta: Floats) -> Floats:
        return np.stack([theta[:, 1], exp(theta[:, 0] / theta[:, 1])], axis=1)

    @classmethod
    def _features(cls, *axes: Floats) -> Floats:
        features: Floats = log(axes[0])[:, None]
        return features

    def _inverse(self, loss: Any) -> Floats:
        alpha, scale = self.constants()
        size: Floats = (scale * LOSS.check(loss) ** (-1 / alpha))[()]
        return size


@dataclass(frozen=True)
class ParamsLaw(_PowerLaw):
    """L(N) = (N_c / N)^alpha_N: models of N non-embedding parameters trained to convergence on enough data.

    Kaplan et al. 2020, eq. 1.1. `alpha_n` has no unit, `n_c` is in parameters; loss in nats per token.
    """

    alpha_n: float
    n_c: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter("alpha_n", ""), Parameter("n_c", "parameters"))
    AXES: ClassVar[tuple[Quantity, ...]] = (PARAMS,)

    def predict(self, params: Any) -> Floats:
        """Loss (nats per token) at `params` (parameters, any shape). DataError on NaN, zero, negative or scaled
        input."""
        return self.value(PARAMS.check(params))

    def params_for_loss(self, loss: Any) -> Floats:
        """Exact inverse of `predict`: parameters whose loss is `loss` (nats per token)."""
        return self._inverse(loss)

    @classmethod
    def fit(
        cls, params: Any, loss: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to runs: `params` (parameters) and `loss` (nats per token), one-dimensional and equally long."""
        return fit_law(cls, [PARAMS.check(params)], LOSS.check(loss), delta=delta, n_bootstrap=n_bootstrap, seed=seed)


@dataclass(frozen=True)
class TokensLaw(_PowerLaw):
    """L(D) = (D_c / D)^alpha_D: a large model stopped early on D tokens of data.

    Kaplan et al. 2020, eq. 1.2. `alpha_d` has no unit, `d_c` is in tokens; loss in nats per token.
    """

    alpha_d: float
    d_c: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter("alpha_d", ""), Parameter("d_c", "tokens"))
    AXES: ClassVar[tuple[Quantity, ...]] = (TOKENS,)

    def predict(self, tokens: Any) -> Floats:
        """Loss (nats per token) at `tokens` (tokens, any shape). DataError on NaN, zero, negative or scaled input."""
        return self.value(TOKENS.check(tokens))

    def tokens_for_loss(self, loss: Any) -> Floats:
        """Exact inverse of `predict`: tokens whose loss is `loss` (nats per token)."""
        return self._inverse(loss)

    @classmethod
    def fit(
        cls, tokens: Any, loss: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to runs: `tokens` (tokens) and `loss` (nats per token), one-dimensional and equally long."""
        return fit_law(cls, [TOKENS.check(tokens)], LOSS.check(loss), delta=delta, n_bootstrap=n_bootstrap, seed=seed)


@dataclass(frozen=True)
class ComputeLaw(_PowerLaw):
    """L(C_min) = (C_c / C_min)^alpha_C: the best loss a compute budget can buy, at a batch far below the critical one.

    Kaplan et al. 2020, eq. 1.3. `alpha_c` has no unit; `c_c` is in FLOPs (the paper's PF-days times 8.64e19).
    """

    alpha_c: float
    c_c: float
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = (Parameter("alpha_c", ""), Parameter("c_c", "FLOPs"))
    AXES: ClassVar[tuple[Quantity, ...]] = (FLOPS,)

    def predict(self, flops: Any) -> Floats:
        """Loss (nats per token) at `flops` (FLOPs, any shape). DataError on NaN, zero, negative or scaled input."""
        return self.value(FLOPS.check(flops))

    def flops_for_loss(self, loss: Any) -> Floats:
        """Exact inverse of `predict`: FLOPs whose loss is `loss` (nats per token)."""
        return self._inverse(loss)

    @classmethod
    def fit(
        cls, flops: Any, loss: Any, *, delta: float = HUBER_DELTA, n_bootstrap: int = 1000, seed: int = 0
    ) -> LawFit[Self]:
        """Fit to runs: `flops` (FLOPs) and `loss` (nats per token), one-dimensional and equally long."""
        return fit_law(cls, [FLOPS.check(flops)], LOSS.check(loss), delta=delta, n_bootstrap=n_bootstrap, seed=seed)
