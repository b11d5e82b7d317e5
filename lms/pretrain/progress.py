"""What a person sees of a running training run. Nothing here decides a number or is written to a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lms.cost import PEAK_FLOPS


class Progress:
    """Says step, loss, tokens per second and the time left on stderr, at most every `seconds` (0: nothing). Tokens per
    second are those of training alone, from the second step on: the first may compile."""

    def __init__(self, name: str, steps: int, seconds: float) -> None:
        self._name, self._steps, self._seconds = name, steps, seconds
        self._started = self._told = time.perf_counter()
        self._done, self._tokens, self._busy = 0, 0, 0.0

    @contextmanager
    def step(self) -> Iterator[list[int]]:
        """Around one step; put the number of tokens of its batch into the list."""
        began, tokens = time.perf_counter(), [0]
        yield tokens
        self._done += 1
        if self._done > 1:
            self._tokens += tokens[0]
            self._busy += time.perf_counter() - began

    @property
    def tokens_per_second(self) -> float:
        """0 until the second step."""
        return self._tokens / self._busy if self._busy else 0.0

    def tell(self, step: int, loss: float) -> None:
        """Print a line if it is time: `step` steps are done, the last one's loss was `loss` nats."""
        now = time.perf_counter()
        if not self._seconds or (now - self._told < self._seconds and step < self._steps):
            return
        self._told = now
        left = int((now - self._started) / max(self._done, 1) * (self._steps - step))
        clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
        _say(
            f"{self._name}: step {step}/{self._steps}, loss {loss:.4f}, {self.tokens_per_second:,.0f} tokens/s, "
            f"{clock} left"
        )

    def conclude(self, device: Any, flops_per_token: float, processes: int) -> None:
        """On a GPU, print tokens per second, the most memory used, and the part of an H100's peak that the model's own
        FLOPs reach."""
        if not self._seconds or device.type != "cuda":
            return
        import torch

        reached = self.tokens_per_second * flops_per_token / (PEAK_FLOPS * processes)
        _say(
            f"{self._name}: {self.tokens_per_second:,.0f} tokens/s on {processes} x {torch.cuda.get_device_name()}, "
            f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB, model FLOPs utilisation {reached:.1%} of an H100's "
            "peak in bfloat16"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
