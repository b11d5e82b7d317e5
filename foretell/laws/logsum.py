"""Every law here is one shape: the log of the response is `s * log(sum_k exp(c_k - e_k * x_k))`, a scaled log-sum of
power-law terms in logged axes. Chinchilla has three terms and s = 1; Kaplan's L(N, D) has two and a fitted s; a single
power law has one. One shape means one value, one gradient, one Hessian and one solver, for every law and every
bootstrap replicate at once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from foretell.arithmetic import exp, log, solve
from foretell.arrays import Floats

EXPONENT_GRID = (0.03, 0.08, 0.16, 0.3, 0.45, 0.7, 1.1)
OUTER_GRID = (0.05, 0.1, 0.2, 0.35, 0.6)
SMALLEST_SHARE = 1e-3


@dataclass(frozen=True)
class LogSumForm:
    """Shape of a law: `exponents[k]` is None where term k's exponent is fitted, else the number it is held at
    (0 for a constant term). `outer_fitted`: whether the outer power s is a parameter (else s = 1).

    Parameters are ordered c_1..c_K, the fitted exponents in term order, then s.
    """

    exponents: tuple[float | None, ...]
    outer_fitted: bool = False

    @cached_property
    def n_terms(self) -> int:
        return len(self.exponents)

    @cached_property
    def fitted_terms(self) -> tuple[int, ...]:
        """Indices of the terms whose exponent is a parameter."""
        return tuple(k for k, exponent in enumerate(self.exponents) if exponent is None)

    @cached_property
    def n_parameters(self) -> int:
        return self.n_terms + len(self.fitted_terms) + int(self.outer_fitted)

    def exponent(self, theta: Floats, k: int) -> Floats | float:
        """Exponent of term k for parameters `theta` [..., p]."""
        held = self.exponents[k]
        if held is not None:
            return held
        return np.asarray(theta[..., self.n_terms + self.fitted_terms.index(k)])

    def log_terms(self, theta: Floats, x: Floats) -> list[Floats]:
        """`c_k - e_k x_k` for each term: K arrays [R, n], from `theta` [R, p] and logged axes `x` ([n, K] or
        [R, n, K])."""
        terms = []
        for k in range(self.n_terms):
            exponent = self.exponent(theta, k)
            slope = exponent[:, None] if isinstance(exponent, np.ndarray) else exponent
            terms.append(theta[:, k, None] - slope * x[..., k])
        return terms

    def evaluate(self, theta: Floats, x: Floats) -> tuple[Floats, list[Floats], Floats]:
        """Log response [R, n], each term's share of the sum (K arrays [R, n], adding to 1), and the inner log-sum."""
        terms = self.log_terms(theta, x)
        if len(terms) == 1:
            log_sum, shares = terms[0], [np.ones_like(terms[0])]
        else:
            top = terms[0]
            for term in terms[1:]:
                top = np.maximum(top, term)
            shares = [exp(term - top) for term in terms]
            total = shares[0].copy()
            for share in shares[1:]:
                total += share
            log_sum = top + log(total)
            for share in shares:
                share /= total
        value = theta[:, -1, None] * log_sum if self.outer_fitted else log_sum
        return value, shares, log_sum

    def log_value(self, theta: Floats, x: Floats) -> Floats:
        """Log response [R, n] at logged axes `x` ([n, K] or [R, n, K]) for each parameter row of `theta` [R, p]."""
        return self.evaluate(theta, x)[0]

    def shift(self, theta: Floats, offset: Floats) -> Floats:
        """The same law with every axis moved by `offset` [K] (x -> x - offset): only the amplitudes change."""
        moved = theta.copy()
        for k in range(self.n_terms):
            moved[:, k] = theta[:, k] - self.exponent(theta, k) * offset[k]
        return moved

    def starts(self, x: Floats, log_response: Floats) -> Floats:
        """Starting parameters [S, p] by variable projection (Golub & Pereyra 1973): for every cell of a grid of
        exponents the amplitudes are a linear least-squares problem in `response**(1/s)`, solved in closed form for
        all cells at once. Amplitudes that come out negative are lifted to a small positive share."""
        outers = OUTER_GRID if self.outer_fitted else (1.0,)
        cells = list(product(outers, *([EXPONENT_GRID] * len(self.fitted_terms))))
        fitted = np.array([cell[1:] for cell in cells], dtype=float).reshape(len(cells), -1)
        outer = np.array([cell[0] for cell in cells])
        theta = np.zeros((len(cells), self.n_parameters))
        theta[:, self.n_terms : self.n_terms + fitted.shape[1]] = fitted
        if self.outer_fitted:
            theta[:, -1] = outer
        basis = exp(np.stack(self.log_terms(theta, x), axis=2))  # amplitudes are 1 here
        target = log_response[None, :] / outer[:, None]
        scaled = basis * exp(-target)[:, :, None]  # relative residuals: the target becomes 1
        gram = np.einsum("cnk,cnl->ckl", scaled, scaled)
        ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(self.n_terms)
        amplitude = solve(gram + ridge, scaled.sum(axis=1))
        floor = SMALLEST_SHARE / np.maximum(scaled.mean(axis=1), np.finfo(float).tiny)
        theta[:, : self.n_terms] = log(np.maximum(amplitude, floor))
        return theta
