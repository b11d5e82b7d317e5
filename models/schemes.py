"""How models are held out: each scheme's name in files, its words and how it splits, in one place. A new scheme is a
new member, with the function that splits by it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from models.protocol import Protocol
from models.splits import Splits, family_splits, random_splits

if TYPE_CHECKING:
    from models.task import Task

Split = Callable[["Task", int, Protocol], Splits]


def _at_random(task: Task, seed: int, protocol: Protocol) -> Splits:
    return random_splits(len(task.scores), seed, protocol)


def _by_family(task: Task, seed: int, protocol: Protocol) -> Splits:
    return family_splits(task.families, seed, protocol)


class Scheme(StrEnum):
    """A scheme equals its value, the word in the column `scheme` of files; `label` names it in sentences, `held_out`
    says what its test parts hold, `metric_prefix` begins the names of its metrics."""

    label: str
    held_out: str
    metric_prefix: str
    _split: Split

    RANDOM = "random", "random folds", "held-out models", "", _at_random
    FAMILY = "family", "held-out families", "held-out families", "family_", _by_family

    def __new__(cls, value: str, label: str, held_out: str, metric_prefix: str, split: Split) -> Scheme:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label, member.held_out, member.metric_prefix, member._split = label, held_out, metric_prefix, split
        return member

    def splits(self, task: Task, n_seeds: int, protocol: Protocol) -> tuple[Splits, ...]:
        """The nested folds of seeds 0 to `n_seeds` - 1. Raises DataError where the task has too few models or families
        for the protocol's folds."""
        return tuple(self._split(task, seed, protocol) for seed in range(n_seeds))
