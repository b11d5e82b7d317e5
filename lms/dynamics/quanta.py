"""Many small skills, used with power-law frequencies (after Michaud et al. 2023, arXiv:2303.13506): skill i shows a few
bits, of which a fixed subset, its own, has a parity to be said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from foretell.arrays import Floats, Indices
from foretell.errors import DataError
from lms.dynamics.task import TaskFacts, as_batch, last_token_scores, share, test_generator, training_generator
from lms.pretrain.loop import Batch


@dataclass(frozen=True)
class Quanta:
    """`n_skills` parities of `n_chosen` of `n_bits` bits. Skill i = 1, 2, ... has frequency proportional to
    i^-`exponent`. `seed` chooses the subsets (all different) and `n_test` inputs per skill."""

    n_skills: int
    n_bits: int
    n_chosen: int
    exponent: float
    batch_size: int
    n_test: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """The two bits and a token for each skill."""
        return 2 + self.n_skills

    @property
    def context(self) -> int:
        """Skill, bits, parity."""
        return self.n_bits + 2

    @cached_property
    def frequencies(self) -> Floats:
        """Share of the examples that each skill has, shape (n_skills,)."""
        weights = np.arange(1, self.n_skills + 1) ** -self.exponent
        return np.asarray(weights / weights.sum())

    @cached_property
    def subsets(self) -> Indices:
        """The bits of each skill, shape (n_skills, n_chosen)."""
        every = np.array(list(combinations(range(self.n_bits), self.n_chosen)), dtype=np.int64)
        if len(every) < self.n_skills:
            raise DataError(f"{self.n_chosen} of {self.n_bits} bits: {len(every)} subsets for {self.n_skills} skills")
        return every[test_generator(self.seed).choice(len(every), self.n_skills, replace=False)]

    def examples(self, skills: Indices, bits: Indices) -> tuple[Indices, Indices]:
        """Prompts (n, 1 + n_bits) and answers (n, 1) for `skills` (n,), from 0, and `bits` (n, n_bits)."""
        parity = np.take_along_axis(bits, self.subsets[skills], axis=1).sum(axis=1, keepdims=True) % 2
        return np.concatenate([2 + skills[:, None], bits], axis=1), parity

    def batch(self, step: int) -> Batch:
        """Skills by frequency, random bits."""
        rng = training_generator(self.seed, step)
        skills = rng.choice(self.n_skills, self.batch_size, p=self.frequencies)
        return as_batch(*self.examples(skills, rng.integers(0, 2, (self.batch_size, self.n_bits))))

    @cached_property
    def _test(self) -> tuple[Indices, Indices]:
        rng = test_generator(self.seed + 1)
        bits = rng.integers(0, 2, (self.n_skills * self.n_test, self.n_bits))
        return self.examples(np.repeat(np.arange(self.n_skills), self.n_test), bits)

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Loss of every skill in nats, and loss and accuracy over skills weighted by their frequencies."""
        prompts, answers = self._test
        losses, right = last_token_scores(model, prompts, answers[:, 0])
        per_skill = losses.reshape(self.n_skills, -1).mean(axis=1)
        accuracy = right.reshape(self.n_skills, -1).mean(axis=1)
        single = {f"loss_skill_{i:03d}": float(loss) for i, loss in enumerate(per_skill, start=1)}
        means = {"mean_loss_nats": per_skill @ self.frequencies, "mean_accuracy": accuracy @ self.frequencies}
        return {**single, **means, "skills_learned": share(accuracy >= 0.9)}

    @property
    def facts(self) -> TaskFacts:
        """The accuracy over all skills is the skill; guessing a parity is right half the time."""
        return TaskFacts("mean_accuracy", 0.5, self.n_skills * self.n_test, self.context, 1, 1.0)
