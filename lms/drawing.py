"""Drawing tokens so that a text depends on its own random numbers only. `generate` with its usual sampling takes one
stream of random numbers for the whole batch, so that a text changes with its neighbours; here each text owns a stream
and a step takes one number of it, whatever else is in the batch, and a run can stop and go on at any text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor


def text_uniforms(model_key: str, seed: int, indices: Sequence[int], max_tokens: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), shape (texts, max_tokens): row i is the stream of text `indices[i]` of this
    model."""
    rows = []
    for index in indices:
        digest = hashlib.sha256(f"{model_key}\0{seed}\0{index}".encode()).digest()
        rows.append(np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little"))).random(max_tokens))
    return np.array(rows)


def draw_tokens(logits: torch.Tensor, uniforms: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """One token per row of `logits` (rows, vocabulary) by inverting the distribution at `uniforms` (rows,), each in
    [0, 1).

    The distribution is softmax(logits / temperature) cut to its nucleus, the fewest likeliest tokens whose
    probability reaches `top_p` (Holtzman et al. 2020, arXiv:1904.09751), and scaled to 1. Ties are ordered by token
    number."""
    probability = torch.softmax(logits.double() / temperature, dim=-1)
    ordered, tokens = torch.sort(probability, dim=-1, descending=True, stable=True)
    reached = torch.cumsum(ordered, dim=-1)
    # A token is in the nucleus if those before it have not reached top_p; the first always is.
    size = ((reached - ordered) < top_p).sum(dim=-1).clamp(min=1)
    mass = reached.gather(-1, (size - 1).unsqueeze(-1))
    position = torch.searchsorted(reached, uniforms.to(reached).unsqueeze(-1) * mass, right=True).squeeze(-1)
    return tokens.gather(-1, torch.minimum(position, size - 1).unsqueeze(-1)).squeeze(-1)


class OwnDraws(LogitsProcessor):
    """Lets greedy decoding emit drawn tokens: all logits but the drawn token's become -inf. `uniforms` (texts,
    steps)."""

    def __init__(self, uniforms: NDArray[np.float64], temperature: float, top_p: float) -> None:
        self._uniforms = torch.from_numpy(uniforms)
        self._temperature = temperature
        self._top_p = top_p
        self._step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        tokens = draw_tokens(scores, self._uniforms[:, self._step].to(scores.device), self._temperature, self._top_p)
        self._step += 1
        return torch.full_like(scores, float("-inf")).scatter(-1, tokens.unsqueeze(-1), 0.0)
