"""Modular addition: every pair (a, b) of residues modulo p, with (a + b) mod p to be said after "a b =". The model sees
a part of the pairs and is tested on all others (Power et al. 2022, arXiv:2201.02177)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from foretell.arrays import Indices
from lms.dynamics.task import TaskFacts, as_batch, last_token_scores, share, test_generator, training_generator
from lms.pretrain.loop import Batch


@dataclass(frozen=True)
class ModularAddition:
    """Addition modulo `modulus`; `train_share` of all pairs, chosen by `seed`, are trained on, `batch_size` different
    ones in each step."""

    modulus: int
    train_share: float
    batch_size: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """The residues and "="."""
        return self.modulus + 1

    @property
    def context(self) -> int:
        """a b = c."""
        return 4

    @cached_property
    def _order(self) -> Indices:
        return np.asarray(test_generator(self.seed).permutation(self.modulus**2), dtype=np.int64)

    @property
    def _n_train(self) -> int:
        return round(self.train_share * self.modulus**2)

    @property
    def train_pairs(self) -> Indices:
        """Pairs (a, b) trained on, shape (n, 2)."""
        return self._pairs(self._order[: self._n_train])

    @property
    def test_pairs(self) -> Indices:
        """All other pairs, shape (n, 2)."""
        return self._pairs(self._order[self._n_train :])

    def _pairs(self, numbers: Indices) -> Indices:
        return np.stack(np.divmod(numbers, self.modulus), axis=1)

    def examples(self, pairs: Indices) -> tuple[Indices, Indices]:
        """Prompts (n, 3) and answers (n, 1) of `pairs` (n, 2)."""
        equals = np.full((len(pairs), 1), self.modulus, dtype=np.int64)
        return np.concatenate([pairs, equals], axis=1), pairs.sum(axis=1, keepdims=True) % self.modulus

    def batch(self, step: int) -> Batch:
        """`batch_size` different training pairs."""
        rng = training_generator(self.seed, step)
        chosen = rng.choice(self._n_train, min(self.batch_size, self._n_train), replace=False)
        return as_batch(*self.examples(self.train_pairs[chosen]))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Accuracy and loss (nats) over all training pairs and over all test pairs."""
        metrics: dict[str, float] = {}
        for part, pairs in (("train", self.train_pairs), ("test", self.test_pairs)):
            prompts, answers = self.examples(pairs)
            losses, right = last_token_scores(model, prompts, answers[:, 0])
            metrics |= {f"{part}_accuracy": share(right), f"{part}_loss_nats": float(losses.mean())}
        return metrics

    @property
    def facts(self) -> TaskFacts:
        """Test accuracy is the skill; guessing is right once in `modulus`."""
        n_test = self.modulus**2 - self._n_train
        return TaskFacts("test_accuracy", 1 / self.modulus, n_test, 4, 1, float(np.log2(self.modulus)))
