"""Progress on a terminal and in a log, and records that let an interrupted stage go on where it stopped. DVC deletes
a stage's outputs before it runs, so the records live outside them, under .progress/."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.files import write_text

FOLDER = Path(".progress")


class Progress:
    """Says where a long step is: `what`, how far, time left. One line, rewritten, on terminals; plain lines in logs."""

    def __init__(self, what: str, total: int = 0):
        self.what, self.total, self.started, self.done = what, total, time.monotonic(), 0
        self.live = sys.stderr.isatty()
        self.step_started = self.started

    def advance(self, text: str = "") -> None:
        """One of `total` pieces is done."""
        self.done += 1
        passed = time.monotonic() - self.started
        left = passed / self.done * (self.total - self.done)
        ending = f"{passed:.0f} s" if self.done == self.total else f"about {left:.0f} s left"
        self._print(f"{self.what}: {self.done}/{self.total} {text} ({ending})", self.done == self.total)

    def scored(self, step: int, done: int, total: int) -> None:
        """`done` of `total` candidates of a step are scored; shown on a terminal only."""
        left = (time.monotonic() - self.step_started) / done * (total - done)
        if self.live:
            self._print(f"{self.what}: step {step}, candidate {done}/{total} (about {left:.0f} s left in it)", False)

    def say(self, text: str) -> None:
        """A line about the current piece."""
        self._print(f"{self.what}: {text} ({time.monotonic() - self.started:.0f} s)", True)
        self.step_started = time.monotonic()

    def _print(self, line: str, last: bool) -> None:
        if self.live:
            print(f"\r\033[K{line}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


class Recorder:
    """Keeps the finished steps of a long computation on disk, valid for exactly the inputs that `key` stands for, and
    says each one aloud. `done` are the steps an interrupted run left behind."""

    def __init__(self, name: str, key: str):
        self.key, self.path = key, FOLDER / f"{name}.json"
        self.progress = Progress(name)
        self.done = self._read()

    def _read(self) -> list[Any]:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return []
        return list(stored["steps"]) if stored.get("key") == self.key else []

    def keep(self, steps: Sequence[Any], text: str) -> None:
        """Replace the stored steps, exact to the last bit of every float."""
        write_text(self.path, json.dumps({"key": self.key, "steps": steps}))
        self.progress.say(text)

    def clear(self) -> None:
        """Forget the steps: the stage's output holds them now."""
        self.path.unlink(missing_ok=True)


def inputs_key(*parts: object) -> str:
    """A hash of arrays and plain values."""
    content = hashlib.sha256()
    for part in parts:
        content.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return content.hexdigest()
