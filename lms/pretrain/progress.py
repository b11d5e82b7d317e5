"""What a person sees of a running training run. Nothing here decides a number or is written to a file."""

from __future__ import annotations

import sys
import time


class Progress:
    """Says step, loss, tokens per second and the time left on stderr, at most every `seconds` (0: never)."""

    def __init__(self, name: str, steps: int, seconds: float) -> None:
        self._name, self._steps, self._seconds = name, steps, seconds
        self._started = self._told = time.perf_counter()
        self._first: int | None = None
        self._tokens = 0

    def after(self, step: int, tokens: int, loss: float) -> None:
        """Note that step number `step` is finished, its batch had `tokens` tokens and its loss was `loss` nats."""
        self._first = step - 1 if self._first is None else self._first
        self._tokens += tokens
        now = time.perf_counter()
        if not self._seconds or (now - self._told < self._seconds and step < self._steps):
            return
        self._told = now
        elapsed = max(now - self._started, 1e-9)
        left = elapsed / (step - self._first) * (self._steps - step)
        print(
            f"{self._name}: step {step}/{self._steps}, loss {loss:.4f}, {self._tokens / elapsed:,.0f} tokens/s, "
            f"{int(left) // 3600}:{int(left) // 60 % 60:02d}:{int(left) % 60:02d} left",
            file=sys.stderr,
            flush=True,
        )
