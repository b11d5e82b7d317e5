"""A curriculum of three skills: adding numbers of one, two and three digits, all written in three columns and with the
last digit of the sum first. A three-digit sum needs the digit sums that skill 1 shows and the carries that skill 2
shows. Skills are trained in order, mixed, or skill 3 alone, on the same number of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from foretell.arrays import Indices
from lms.dynamics.addition import N_PROMPT, N_SUM, SYMBOLS, Format, encode
from lms.dynamics.task import TaskFacts, as_batch, decode_greedily, share, test_generator, training_generator
from lms.pretrain.loop import Batch

Order = Literal["ordered", "mixed", "alone"]
ORDERS: tuple[Order, ...] = ("ordered", "mixed", "alone")
SKILLS = (1, 2, 3)
FORM: Format = "reversed"


def operands(skill: int) -> tuple[int, int]:
    """Smallest and largest number of `skill` digits: 0-9, 10-99, 100-999."""
    return (0 if skill == 1 else 10 ** (skill - 1)), 10**skill - 1


@dataclass(frozen=True)
class Curriculum:
    """Addition of one, two and three digits. Of all `steps`, the parts `shares` (of skills 1, 2, 3; they sum to 1) go
    to the skills, one after the other ("ordered") or within every batch ("mixed"); "alone" gives all to skill 3.
    `seed` chooses `n_test` problems of skill 3 that are never trained on."""

    order: Order
    shares: tuple[float, float, float]
    steps: int
    batch_size: int
    n_test: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """Digits and signs."""
        return len(SYMBOLS)

    @property
    def context(self) -> int:
        """345+678=3201."""
        return N_PROMPT + N_SUM

    @cached_property
    def _order_of_skill_3(self) -> Indices:
        low, high = operands(3)
        return np.asarray(test_generator(self.seed).permutation((high - low + 1) ** 2), dtype=np.int64)

    def _skill_3(self, numbers: Indices) -> Indices:
        low, high = operands(3)
        return np.stack(np.divmod(self._order_of_skill_3[numbers], high - low + 1), axis=1) + low

    @property
    def test_problems(self) -> Indices:
        """The problems of skill 3 tested on, shape (n_test, 2)."""
        return self._skill_3(np.arange(self.n_test))

    def skills(self, step: int) -> Indices:
        """The skill of every example of a step, shape (batch_size,)."""
        if self.order == "alone":
            return np.full(self.batch_size, 3, dtype=np.int64)
        position = (
            step / self.steps if self.order == "ordered" else (np.arange(self.batch_size) + 0.5) / self.batch_size
        )
        ends = np.cumsum(self.shares)[:-1]
        return np.broadcast_to(1 + np.searchsorted(ends, position, side="right"), self.batch_size).astype(np.int64)

    def problems(self, step: int) -> Indices:
        """The problems of a step, shape (batch_size, 2)."""
        rng = training_generator(self.seed, step)
        skills = self.skills(step)
        problems = np.empty((self.batch_size, 2), dtype=np.int64)
        for skill in SKILLS:
            rows = skills == skill
            low, high = operands(skill)
            if skill == 3:
                problems[rows] = self._skill_3(rng.integers(self.n_test, len(self._order_of_skill_3), rows.sum()))
            else:
                problems[rows] = rng.integers(low, high + 1, (rows.sum(), 2))
        return problems

    def batch(self, step: int) -> Batch:
        """The step's problems, the last digit of the sum first."""
        return as_batch(*encode(self.problems(step), FORM))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Exact accuracy on each skill, decoded; of skills 1 and 2 on `n_test` random problems."""
        rng = test_generator(self.seed + 1)
        metrics = {}
        for skill in SKILLS:
            low, high = operands(skill)
            problems = self.test_problems if skill == 3 else rng.integers(low, high + 1, (self.n_test, 2))
            prompts, answers = encode(problems, FORM)
            right = decode_greedily(model, prompts, N_SUM) == answers
            metrics[f"accuracy_skill_{skill}"] = share(right.all(axis=1))
        return metrics

    @property
    def facts(self) -> TaskFacts:
        """Skill 3 is the skill; its sums are 200 to 1998."""
        bits = float(np.log2(len(SYMBOLS)))
        return TaskFacts("accuracy_skill_3", 1 / 1799, self.n_test, self.context, N_SUM, bits)
