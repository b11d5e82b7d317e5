"""Chains of single steps: a start value and k numbers to be added one after the other modulo p, every value in between
to be said. A chain is right when all k values are, so k independent steps of accuracy p give p^k."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from foretell.arrays import Indices
from lms.dynamics.task import TaskFacts, decode_greedily, share, test_generator, training_generator
from lms.pretrain.loop import NOT_SCORED, Batch

Layout = Literal["one_by_one", "all_first"]
LAYOUTS: tuple[Layout, ...] = ("one_by_one", "all_first")


@dataclass(frozen=True)
class Chains:
    """Chains of 1 to `max_steps` additions modulo `modulus`, v0 + o1 = v1, v1 + o2 = v2, and so on.

    `layout` "one_by_one" shows each number when it is to be added, "= v0 o1 v1 o2 v2": every step is the same skill.
    "all_first" shows all numbers before the first value, "v0 o1 o2 = v1 v2": each step must also find its number.
    Every batch has `examples_per_length` of each length, padded to one length with "=". `seed` chooses `n_test` test
    chains of each length; single steps are so few that all are met in training.
    """

    layout: Layout
    modulus: int
    max_steps: int
    examples_per_length: int
    n_test: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """The residues and "="."""
        return self.modulus + 1

    @property
    def context(self) -> int:
        """Tokens of the longest chain."""
        return 2 * self.max_steps + 2

    def answer_positions(self, k: int) -> tuple[int, ...]:
        """Where the k values stand in a chain of k steps."""
        return tuple(range(3, 2 * k + 2, 2)) if self.layout == "one_by_one" else tuple(range(k + 2, 2 * k + 2))

    def examples(self, problems: Indices) -> Indices:
        """Tokens (n, 2 k + 2) of `problems` (n, k + 1): start values, and the k numbers added."""
        n, k = len(problems), problems.shape[1] - 1
        tokens = np.full((n, 2 * k + 2), self.modulus, dtype=np.int64)
        answers = self.answer_positions(k)
        given = [i for i in range(2 * k + 2) if i not in answers]
        given.remove(0 if self.layout == "one_by_one" else k + 1)  # the place of "="
        tokens[:, given] = problems
        tokens[:, answers] = np.cumsum(problems, axis=1)[:, 1:] % self.modulus
        return tokens

    def batch(self, step: int) -> Batch:
        """As many chains of each length; only their values are scored."""
        rng = training_generator(self.seed, step)
        shape = (self.max_steps, self.examples_per_length, self.context)
        tokens, labels = np.full(shape, self.modulus, dtype=np.int64), np.full(shape, NOT_SCORED, dtype=np.int64)
        for k in range(1, self.max_steps + 1):
            chains = self.examples(rng.integers(0, self.modulus, (self.examples_per_length, k + 1)))
            answers = self.answer_positions(k)
            tokens[k - 1, :, : chains.shape[1]] = chains
            labels[k - 1][:, answers] = chains[:, answers]
        return Batch(tokens=tokens.reshape(-1, self.context), labels=labels.reshape(-1, self.context))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """For every length k the share of chains whose k values are all decoded rightly, each value given the model's
        own earlier ones; `accuracy_k1` is the single step. Each length has problems of its own."""
        rng = test_generator(self.seed)
        metrics = {}
        for k in range(1, self.max_steps + 1):
            right = self.examples(rng.integers(0, self.modulus, (self.n_test, k + 1)))
            decoded = right.copy()
            for position in self.answer_positions(k):
                decoded[:, position] = decode_greedily(model, decoded[:, :position], 1)[:, 0]
            metrics[f"accuracy_k{k}"] = share((decoded == right).all(axis=1))
        return metrics

    @property
    def facts(self) -> TaskFacts:
        """The longest chain is the skill."""
        labels = (self.max_steps + 1) / 2
        chance = float(self.modulus) ** -self.max_steps
        skill = f"accuracy_k{self.max_steps}"
        return TaskFacts(skill, chance, self.n_test, self.context, labels, float(np.log2(self.modulus)))
