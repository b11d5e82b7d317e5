"""Many small skills, used with power-law frequencies (after Michaud et al. 2023, arXiv:2303.13506). A skill here is the
smallest there is, one fact: its token is followed by an answer of its own. No two facts share an answer, so that none
is known by knowing another."""

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
    """`n_skills` facts. Fact i = 1, 2, ... has frequency proportional to i^-`exponent`; `seed` chooses which answer
    belongs to which."""

    n_skills: int
    exponent: float
    batch_size: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """A token for each skill and for each answer."""
        return 2 * self.n_skills

    @property
    def context(self) -> int:
        """Skill, answer."""
        return 2

    @cached_property
    def frequencies(self) -> Floats:
        """Share of the examples that each skill has, shape (n_skills,)."""
        weights = np.arange(1, self.n_skills + 1) ** -self.exponent
        return np.asarray(weights / weights.sum())

    @cached_property
    def answers(self) -> Indices:
        """The answer of each skill, shape (n_skills,)."""
        return np.asarray(self.n_skills + test_generator(self.seed).permutation(self.n_skills), dtype=np.int64)

    def examples(self, skills: Indices) -> tuple[Indices, Indices]:
        """Prompts and answers, both (n, 1), of `skills` (n,), from 0."""
        return skills[:, None], self.answers[skills][:, None]

    def batch(self, step: int) -> Batch:
        """Skills by frequency."""
        chosen = training_generator(self.seed, step).choice(self.n_skills, self.batch_size, p=self.frequencies)
        return as_batch(*self.examples(chosen))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Loss of every skill in nats, and loss and accuracy over skills weighted by their frequencies: what fresh
        examples would show on average."""
        prompts, answers = self.examples(np.arange(self.n_skills))
        losses, right = last_token_scores(model, prompts, answers[:, 0])
        single = {f"loss_skill_{i:03d}": float(loss) for i, loss in enumerate(losses, start=1)}
        means = {"mean_loss_nats": losses @ self.frequencies, "mean_accuracy": right @ self.frequencies}
        return {**single, **{name: float(value) for name, value in means.items()}}

    @property
    def facts(self) -> TaskFacts:
        """The accuracy over all skills is the skill."""
        bits = float(np.log2(self.n_skills))
        return TaskFacts("mean_accuracy", 1 / self.n_skills, self.n_skills, self.context, 1, bits)
