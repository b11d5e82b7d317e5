"""Many small skills, used with power-law frequencies (after Michaud et al. 2023, arXiv:2303.13506): each skill adds a
number of its own, which the model is not told, to a residue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from foretell.arrays import Floats, Indices
from lms.dynamics.task import TaskFacts, as_batch, last_token_scores, test_generator, training_generator
from lms.pretrain.loop import Batch


@dataclass(frozen=True)
class Quanta:
    """`n_skills` additions of a fixed number modulo `modulus`: "skill x" is followed by x + number of the skill. Skill
    i = 1, 2, ... has frequency proportional to i^-`exponent`. `seed` chooses the numbers."""

    n_skills: int
    modulus: int
    exponent: float
    batch_size: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """The residues and a token for each skill."""
        return self.modulus + self.n_skills

    @property
    def context(self) -> int:
        """Skill, residue, sum."""
        return 3

    @cached_property
    def frequencies(self) -> Floats:
        """Share of the examples that each skill has, shape (n_skills,)."""
        weights = np.arange(1, self.n_skills + 1) ** -self.exponent
        return np.asarray(weights / weights.sum())

    @cached_property
    def numbers(self) -> Indices:
        """What each skill adds, not 0, shape (n_skills,)."""
        return np.asarray(test_generator(self.seed).integers(1, self.modulus, self.n_skills), dtype=np.int64)

    def examples(self, skills: Indices, residues: Indices) -> tuple[Indices, Indices]:
        """Prompts (n, 2) and answers (n, 1) for `skills` (n,), from 0, and `residues` (n,)."""
        answers = (residues + self.numbers[skills]) % self.modulus
        return np.stack([self.modulus + skills, residues], axis=1), answers[:, None]

    def batch(self, step: int) -> Batch:
        """Skills by frequency, random residues."""
        rng = training_generator(self.seed, step)
        skills = rng.choice(self.n_skills, self.batch_size, p=self.frequencies)
        return as_batch(*self.examples(skills, rng.integers(0, self.modulus, self.batch_size)))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Loss in nats of every skill over all residues, and loss and accuracy over skills weighted by their
        frequencies."""
        every = np.tile(np.arange(self.modulus), self.n_skills)
        prompts, answers = self.examples(np.repeat(np.arange(self.n_skills), self.modulus), every)
        losses, right = last_token_scores(model, prompts, answers[:, 0])
        per_skill = losses.reshape(self.n_skills, -1).mean(axis=1)
        accuracy = right.reshape(self.n_skills, -1).mean(axis=1)
        single = {f"loss_skill_{i:03d}": float(loss) for i, loss in enumerate(per_skill, start=1)}
        means = {"mean_loss_nats": per_skill @ self.frequencies, "mean_accuracy": accuracy @ self.frequencies}
        return {**single, **{name: float(value) for name, value in means.items()}}

    @property
    def facts(self) -> TaskFacts:
        """The accuracy over all skills is the skill."""
        n_test, bits = self.n_skills * self.modulus, float(np.log2(self.modulus))
        return TaskFacts("mean_accuracy", 1 / self.modulus, n_test, self.context, 1, bits)
