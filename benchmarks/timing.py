"""Measuring how long calls take, in turns, so that a machine that slows down slows all that are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")


def timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that `run()` takes, and what it returns."""
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def timed_in_turns(runs: Sequence[Callable[[], Result]], rounds: int) -> tuple[NDArray[np.float64], list[Result]]:
    """Seconds [rounds, runs] of calling each of `runs` once per round, one after the other, and what each returned in
    the last round."""
    seconds, results = np.empty((rounds, len(runs))), []
    for r in range(rounds):
        measured = [timed(run) for run in runs]
        seconds[r], results = [each[0] for each in measured], [each[1] for each in measured]
    return seconds, results
