"""The loss of a model on each source's held-out text, per token and per byte."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lms.pretrain.mixture import Stream
from lms.pretrain.shards import Documents, open_documents

Measure = Callable[[Any, int], dict[str, float]]


def measure_sources(tokens: Path, names: Sequence[str], context: int, sequences: int, rows_at_once: int) -> Measure:
    """A `measure` for the training loop: for each source `<name>/nats_per_token` and `<name>/bits_per_byte`, on the
    first `sequences` sequences of its held-out documents in an order fixed here, or all of them if there are fewer."""
    held_out = {name: open_documents(tokens, name, "held_out") for name in names}
    chosen = {name: _sequences(documents, context, sequences) for name, documents in held_out.items()}

    def measure(model: Any, step: int) -> dict[str, float]:
        result = {}
        for name, documents in held_out.items():
            nats = loss_of_sequences(model, chosen[name], rows_at_once)
            result[f"{name}/nats_per_token"] = nats
            result[f"{name}/bits_per_byte"] = bits_per_byte(nats, documents.n_tokens, documents.n_bytes)
        return result

    return measure


def bits_per_byte(nats_per_token: float, n_tokens: int, n_bytes: int) -> float:
    """Loss per byte of text in bits, nats_per_token n_tokens / (n_bytes ln 2): it does not depend on how a tokenizer
    cuts the text."""
    return nats_per_token * n_tokens / (n_bytes * math.log(2))


def loss_of_sequences(model: Any, sequences: Any, rows_at_once: int) -> float:
    """Mean -log p in nats over all tokens of `sequences` (n, length) but the first of each."""
    import torch
    from torch.nn.functional import cross_entropy

    total = 0.0
    for start in range(0, len(sequences), rows_at_once):
        rows = torch.from_numpy(sequences[start : start + rows_at_once]).to(model.device)
        logits = model(input_ids=rows, use_cache=False).logits[:, :-1].float().flatten(0, 1)
        total += float(cross_entropy(logits, rows[:, 1:].flatten(), reduction="sum"))
    return total / (len(sequences) * (sequences.shape[1] - 1))


def _sequences(documents: Documents, context: int, at_most: int) -> Any:
    """Shape (sequences, context): documents joined in an order fixed by their number and name. One sequence at least,
    which repeats the text if it is shorter."""
    stream = Stream(documents, context, seed=0)
    return np.stack([stream.sequence(row) for row in range(max(1, min(at_most, documents.n_tokens // context)))])
