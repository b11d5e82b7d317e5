"""Addition of two numbers of three digits, the same problems in three formats (after Lee et al. 2023,
arXiv:2307.03381): the answer as it is written (plain), with its last digit first (reversed), or after the sums of the
columns (scratchpad)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from foretell.arrays import Indices
from lms.dynamics.task import TaskFacts, as_batch, decode_greedily, share, test_generator, training_generator
from lms.pretrain.loop import Batch

Format = Literal["plain", "reversed", "scratchpad"]
FORMATS: tuple[Format, ...] = ("plain", "reversed", "scratchpad")
N_DIGITS = 3
SYMBOLS = "0123456789+=;"
PLUS, EQUALS, END = (SYMBOLS.index(symbol) for symbol in "+=;")
N_PROMPT = 2 * N_DIGITS + 2
N_SUM = N_DIGITS + 1


def digits(numbers: Indices, n_digits: int) -> Indices:
    """Decimal digits of `numbers` (n,), most significant first, shape (n, n_digits)."""
    return np.asarray(numbers[:, None] // 10 ** np.arange(n_digits - 1, -1, -1) % 10, dtype=np.int64)


def encode(problems: Indices, form: Format) -> tuple[Indices, Indices]:
    """Prompts "345+678=" (n, 8) and answers of `problems` (n, 2), numbers from 0 to 999, as positions in SYMBOLS.

    Answers of 345+678: plain "1023"; reversed "3201"; scratchpad "5+8+0=13;4+7+1=12;3+6+1=10;1023", the columns from
    the last on, each with the carry that comes in.
    """
    first, second = (digits(problems[:, i], N_DIGITS) for i in (0, 1))
    plus, equals, end = (np.full((len(problems), 1), symbol, dtype=np.int64) for symbol in (PLUS, EQUALS, END))
    prompts = np.concatenate([first, plus, second, equals], axis=1)
    total = digits(problems.sum(axis=1), N_SUM)
    if form == "plain":
        return prompts, total
    if form == "reversed":
        return prompts, total[:, ::-1].copy()
    carry = np.zeros((len(problems), 1), dtype=np.int64)
    written = []
    for column in range(N_DIGITS - 1, -1, -1):
        a, b = first[:, [column]], second[:, [column]]
        column_sum = digits((a + b + carry)[:, 0], 2)
        written += [a, plus, b, plus, carry, equals, column_sum, end]
        carry = column_sum[:, :1]
    return prompts, np.concatenate([*written, total], axis=1)


def text(tokens: Indices) -> str:
    """Tokens (n,) of one example as text."""
    return "".join(SYMBOLS[token] for token in tokens)


@dataclass(frozen=True)
class Addition:
    """Three-digit addition in a format. `seed` chooses `n_test` problems that are never trained on, and the problems of
    every step, the same in every format."""

    form: Format
    batch_size: int
    n_test: int
    seed: int

    @property
    def vocabulary(self) -> int:
        """Digits and signs."""
        return len(SYMBOLS)

    @property
    def context(self) -> int:
        """Tokens of an example, the same for all."""
        return sum(part.shape[1] for part in encode(np.zeros((1, 2), dtype=np.int64), self.form))

    @cached_property
    def _order(self) -> Indices:
        return np.asarray(test_generator(self.seed).permutation(100**N_DIGITS), dtype=np.int64)

    @property
    def test_problems(self) -> Indices:
        """The problems tested on, shape (n_test, 2)."""
        return np.stack(np.divmod(self._order[: self.n_test], 10**N_DIGITS), axis=1)

    def problems(self, step: int) -> Indices:
        """The problems of a training step, shape (batch_size, 2)."""
        chosen = training_generator(self.seed, step).integers(self.n_test, len(self._order), self.batch_size)
        return np.stack(np.divmod(self._order[chosen], 10**N_DIGITS), axis=1)

    def batch(self, step: int) -> Batch:
        """The step's problems in this format."""
        return as_batch(*encode(self.problems(step), self.form))

    def measure(self, model: Any, step: int) -> dict[str, float]:
        """Share of the test problems whose sum is decoded exactly (a scratchpad must be decoded too, but only the sum
        at its end counts), and the share of right digits of the sum."""
        prompts, answers = encode(self.test_problems, self.form)
        right = decode_greedily(model, prompts, answers.shape[1])[:, -N_SUM:] == answers[:, -N_SUM:]
        return {"exact_accuracy": share(right.all(axis=1)), "digit_accuracy": share(right)}

    @property
    def facts(self) -> TaskFacts:
        """The exact answer is the skill; guessing it is right once in 2000 (sums from 0 to 1998)."""
        n_tokens = self.context
        return TaskFacts(
            "exact_accuracy", 1 / 1999, self.n_test, n_tokens, n_tokens - N_PROMPT, float(np.log2(len(SYMBOLS)))
        )
