"""How models are held out: each scheme's name in files, its words and how it splits, in one place. A new scheme is a
new member, with the function that splits by it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from foretell.answering.verdicts import month_numbers, month_text
from models.protocol import Protocol
from models.splits import Splits, family_splits, random_splits, rolling_splits

if TYPE_CHECKING:
    from models.task import Task

Split = Callable[["Task", int, Protocol], Splits | None]
OWN_RUNS = "reference Llama-2-mini"
"""The family of the study's own small runs, which nobody released: no time is theirs."""


def _at_random(task: Task, seed: int, protocol: Protocol) -> Splits:
    return random_splits(len(task.scores), seed, protocol)


def _by_family(task: Task, seed: int, protocol: Protocol) -> Splits:
    return family_splits(task.families, seed, protocol)


def _by_time(task: Task, seed: int, protocol: Protocol) -> Splits | None:
    months = task.release_months
    first = month_numbers([protocol.first_cutoff])[0]
    last = np.nanmax(months, initial=first - 1)  # without a later model there is no cut-off
    cutoffs = np.arange(first, last + 1, protocol.months_between_cutoffs)
    unknown = np.isnan(months) | (np.array(task.families) == OWN_RUNS)
    period = np.searchsorted(cutoffs, np.where(unknown, -np.inf, months), side="right")
    names = [month_text(month) for month in cutoffs]
    return rolling_splits(np.where(unknown, -np.inf, months), period, names, unknown, protocol)


def _by_size(task: Task, seed: int, protocol: Protocol) -> Splits | None:
    params = task.design["total_params"].to_numpy(dtype=np.float64)
    period = np.searchsorted(np.array(protocol.size_limits), params, side="left")
    names = [f"{limit:g}" for limit in protocol.size_limits]
    return rolling_splits(params, period, names, np.zeros(params.size, dtype=bool), protocol)


class Scheme(StrEnum):
    """A scheme equals its value, the word in the column `scheme` of files; `label` names it in sentences, `held_out`
    says what its test parts hold, `metric_prefix` begins the names of its metrics; `drawn` is True where folds are
    drawn at random, so that seeds make others."""

    label: str
    held_out: str
    metric_prefix: str
    drawn: bool
    _split: Split

    RANDOM = "random", "random folds", "held-out models", "", True, _at_random
    FAMILY = "family", "held-out families", "held-out families", "family_", True, _by_family
    TIME = "time", "later models", "models released later", "time_", False, _by_time
    SIZE = "size", "larger models", "larger models", "size_", False, _by_size

    def __new__(cls, value: str, label: str, held_out: str, metric_prefix: str, drawn: bool, split: Split) -> Scheme:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label, member.held_out, member.metric_prefix = label, held_out, metric_prefix
        member.drawn, member._split = drawn, split
        return member

    def splits(self, task: Task, n_seeds: int, protocol: Protocol) -> tuple[Splits, ...]:
        """The nested folds of seeds 0 to `n_seeds` - 1; of a scheme whose folds are not drawn there is only the first
        seed's, and none where no cut-off leaves enough models on both sides. Raises DataError where the task has too
        few models or families for the protocol's folds."""
        seeds = range(n_seeds if self.drawn else min(n_seeds, 1))
        made = (self._split(task, seed, protocol) for seed in seeds)
        return tuple(split for split in made if split is not None)


DRAWN = tuple(scheme for scheme in Scheme if scheme.drawn)
"""The schemes whose folds are drawn at random: those of the study's comparison."""
AHEAD = tuple(scheme for scheme in Scheme if not scheme.drawn)
"""The schemes that forecast what came later or is larger."""
