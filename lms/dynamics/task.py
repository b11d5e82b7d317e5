"""What the synthetic tasks share: how problems become batches, how answers are decoded, and what an analysis has to
know about a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foretell.arrays import Floats, Indices
from lms.pretrain.loop import NOT_SCORED, Batch, TrainingData

TEST_SEED, TRAINING_SEED = 0, 1  # the two streams of random numbers of a seed


@dataclass(frozen=True)
class TaskFacts:
    """What the analysis of a run needs beside its curves: the metric that is the `skill` (an accuracy, 0-1), the
    accuracy of guessing (`chance`), the problems it is measured on (`n_test`), tokens and scored labels (answer
    tokens) per example, and the bits of a label under a uniform code over its possible values."""

    skill: str
    chance: float
    n_test: int
    tokens_per_example: float
    labels_per_example: float
    raw_bits_per_label: float


class Task(TrainingData, Protocol):
    """Training data with the measurement that belongs to it."""

    @property
    def vocabulary(self) -> int:
        """Number of different tokens."""
        ...

    @property
    def context(self) -> int:
        """Tokens of the longest example."""
        ...

    @property
    def facts(self) -> TaskFacts:
        """What the analysis has to know."""
        ...

    def measure(self, model: Any, step: int) -> Mapping[str, float]:
        """Metrics of `model` (in evaluation mode) on problems that are fixed for the run."""
        ...


def training_generator(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one training step: a function of seed and step, so that a resumed run draws the same."""
    return np.random.default_rng([seed, TRAINING_SEED, step])


def test_generator(seed: int) -> np.random.Generator:
    """The random numbers that split problems into training and test and choose the test problems."""
    return np.random.default_rng([seed, TEST_SEED])


def as_batch(prompts: Indices, answers: Indices) -> Batch:
    """Examples: `prompts` (n, p) followed by `answers` (n, q), only the answers scored."""
    labels = np.concatenate([np.full_like(prompts, NOT_SCORED), answers], axis=1)
    return Batch(tokens=np.concatenate([prompts, answers], axis=1), labels=labels)


def decode_greedily(model: Any, prompts: Indices, n_tokens: int) -> Indices:
    """The `n_tokens` most likely tokens after each of `prompts` (n, p), each given those before it: shape
    (n, n_tokens). The right answer is not seen."""
    import torch

    # The library's generate stops at, or forbids, tokens that a configuration calls special; here none is.
    tokens, cache, written = torch.from_numpy(prompts), None, []
    with torch.no_grad():
        for _ in range(n_tokens):
            output = model(input_ids=tokens, past_key_values=cache, use_cache=True)
            tokens, cache = output.logits[:, -1:].argmax(dim=-1), output.past_key_values
            written.append(tokens)
    return np.asarray(torch.cat(written, dim=1).numpy(), dtype=np.int64)


def last_token_scores(model: Any, prompts: Indices, answers: Indices) -> tuple[Floats, NDArray[np.bool_]]:
    """Of a one-token answer (n,) after each of `prompts` (n, p): its loss in nats and whether it is the most likely
    token, both (n,)."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(prompts), use_cache=False).logits[:, -1].double()
    target = torch.from_numpy(answers)
    losses = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    return losses.numpy(), (logits.argmax(dim=-1) == target).numpy()


def share(right: NDArray[np.bool_]) -> float:
    """Share of True."""
    return float(right.mean())
