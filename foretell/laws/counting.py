"""Parameters and FLOPs of a transformer from its shape, in the approximations the laws are stated in. Exact counts of
real architectures are the feature tables' business; these are for the axes of a law."""

from typing import Any

import numpy as np

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.laws.quantities import FLOPS, PARAMS, TOKENS


def _count(name: str, value: Any, unit: str) -> Floats:
    array = np.asarray(value, dtype=float)
    if not (np.isfinite(array).all() and (array >= 1).all() and (array == np.round(array)).all()):
        raise DataError(f"{name} = {value}; expected positive whole numbers of {unit}.")
    return array


def params_of_shape(layers: Any, width: Any) -> Floats:
    """N = 12 l d^2 non-embedding parameters of a transformer of `layers` layers and `width` d_model, with attention as
    wide as the model and a feed-forward four times as wide. Kaplan et al. 2020, eq. 2.1."""
    return (12 * _count("layers", layers, "layers") * _count("width", width, "dimensions") ** 2)[()]


def training_flops(params: Any, tokens: Any) -> Floats:
    """C = 6 N D FLOPs, forward and backward. Kaplan et al. 2020, section 2.1 (their eq. 2.2 and Table 1)."""
    return (6 * PARAMS.check(params) * TOKENS.check(tokens))[()]


def tokens_for_flops(flops: Any, params: Any) -> Floats:
    """D = C / (6 N): the exact inverse of `training_flops` in tokens."""
    return (FLOPS.check(flops) / (6 * PARAMS.check(params)))[()]


def step_flops(batch_sequences: Any, context_tokens: Any, layers: Any, width: Any) -> Floats:
    """72 B s l d^2 FLOPs of one optimiser step: 6 N on B s tokens with N = 12 l d^2. Kaplan et al. 2020, section
    2.1."""
    tokens = _count("batch_sequences", batch_sequences, "sequences") * _count(
        "context_tokens", context_tokens, "tokens"
    )
    return (6 * tokens * params_of_shape(layers, width))[()]


def inference_flops(params: Any, tokens: Any) -> Floats:
    """2 N FLOPs for every token read or generated: the forward third of training. Kaplan et al. 2020, eq. 2.2."""
    return (2 * PARAMS.check(params) * TOKENS.check(tokens))[()]
