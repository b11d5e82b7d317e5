"""What a score would be from training compute, or from parameters and tokens, alone: the offsets that a blend's trees
correct. All answer in log odds of the score (`logits`), in which a sum of parts never leaves what is possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SMALLEST_SHARE = 0.01
"""Log odds are taken of shares from 1 % to 99 %: a score at the end of its scale has no finite ones."""


def logits(scores: Array, bounds: tuple[float, float], log: Callable[[Array], Any] = np.log) -> Array:
    """Log odds of scores [n] as shares of the way from bounds[0] to bounds[1]. `log` takes natural logarithms; numpy's
    own differ in the last bit between processors."""
    share = np.clip((scores - bounds[0]) / (bounds[1] - bounds[0]), SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    return np.asarray(log(share / (1 - share)))


def scores_of(log_odds: Array, bounds: tuple[float, float]) -> Array:
    """Scores of log odds: the inverse of `logits`."""
    return np.asarray(bounds[0] + (bounds[1] - bounds[0]) / (1 + np.exp(-log_odds)))


@dataclass(frozen=True)
class LineOffset:
    """Log odds = intercept + slope x log(training compute in FLOPs, 6 x parameters x tokens)."""

    intercept: float
    slope: float

    def __call__(self, log_params: Array, log_tokens_billions: Array, bounds: tuple[float, float]) -> Array:
        """Log odds at natural logarithms of parameters and of tokens in billions, of one shape."""
        return self.intercept + self.slope * log_compute(log_params, log_tokens_billions)


@dataclass(frozen=True)
class LawOffset:
    """The log odds of the score of a power law in parameters and tokens (Kaplan et al. 2020, eq. 1.5, of the odds of
    error; `foretell.laws.benchmark` fits it): with N' = log N - centre[0] and D' = log D - centre[1],

        log odds of error = power x log(exp(c_params - ratio N') + exp(c_tokens - D')),

    the error being the share of the way from `best` to `worst`."""

    c_params: float
    c_tokens: float
    ratio: float
    power: float
    centre: tuple[float, float]
    best: float
    worst: float

    def __call__(self, log_params: Array, log_tokens_billions: Array, bounds: tuple[float, float]) -> Array:
        """Log odds at natural logarithms of parameters and of tokens in billions, of one shape."""
        first = self.c_params - self.ratio * (log_params - self.centre[0])
        second = self.c_tokens - (log_tokens_billions - self.centre[1])
        log_odds = np.clip(self.power * np.logaddexp(first, second), -500, 500)
        return logits(self.best + (self.worst - self.best) / (1 + np.exp(-log_odds)), bounds)


Offset = LineOffset | LawOffset


def log_compute(log_params: Array, log_tokens_billions: Array) -> Array:
    """log(6 N D), the logarithm of training compute in FLOPs."""
    return log_params + log_tokens_billions + float(np.log(6e9))


def offset_to_dict(offset: Offset) -> dict[str, Any]:
    """As plain values, for YAML."""
    return {"kind": "line" if isinstance(offset, LineOffset) else "law", **asdict(offset)}


def offset_from_dict(plain: Mapping[str, Any]) -> Offset:
    """The inverse of `offset_to_dict`. Raises KeyError, TypeError or ValueError when `plain` is something else."""
    kinds: dict[str, type[LineOffset] | type[LawOffset]] = {"line": LineOffset, "law": LawOffset}
    values = {name: value for name, value in plain.items() if name != "kind"}
    if "centre" in values:
        values["centre"] = (float(values["centre"][0]), float(values["centre"][1]))
    return kinds[plain["kind"]](**values)


def shared_between_params_and_tokens(
    total: Callable[[Array, Array], Array], query: tuple[Array, Array], known: tuple[Array, Array]
) -> tuple[Array, Array, float]:
    """The exact Shapley values (Shapley 1953) of a function of parameters and tokens: what each adds [q] to the
    function's mean over the known models, and that mean; the three sum to the function's value.

    `total` maps arrays of log parameters and log tokens that broadcast to one shape to values; `query` and `known` hold
    both, [q] and [n]. A value that is left out is averaged over the known models.
    """
    params, tokens = query
    mean = float(np.mean(total(*known)))
    both = total(params, tokens)
    params_only = total(params[:, None], known[1][None, :]).mean(axis=1)
    tokens_only = total(known[0][None, :], tokens[:, None]).mean(axis=1)
    of_params = 0.5 * ((params_only - mean) + (both - tokens_only))
    of_tokens = 0.5 * ((tokens_only - mean) + (both - params_only))
    return of_params, of_tokens, mean
