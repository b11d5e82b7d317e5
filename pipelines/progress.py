"""Progress on a terminal and in a log, and records that let an interrupted stage go on where it stopped. DVC deletes
a stage's outputs before it runs, so the records live outside them, under .progress/."""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.boundary import LOG
from pipelines.files import write_text

FOLDER = Path(".progress")


class Progress:
    """Shows how far a long step is: a bar on terminals, plain lines in logs, nothing with `-q`.

    what: names the step. total: how many pieces it has (0: it has steps of unknown number, each shown by `scored`).
    """

    def __init__(self, what: str, total: int = 0):
        self.what, self.total, self.done, self.started = what, total, 0, time.monotonic()
        self._bar: Any = None
        self._shown = sys.stderr.isatty() and LOG.isEnabledFor(logging.INFO)
        if total:
            self._draw(0, total, "")

    def advance(self, text: str = "") -> None:
        """One of `total` pieces is done."""
        self.done += 1
        seconds = time.monotonic() - self.started
        last = self.done == self.total
        ending = f"{seconds:.0f} s" if last else f"about {seconds / self.done * (self.total - self.done):.0f} s left"
        if self._shown:
            self._draw(self.done, self.total, text)
        if last:
            self.close()
        if last or not self._shown:
            LOG.info("%s: %d/%d %s (%s)", self.what, self.done, self.total, text, ending)

    def scored(self, step: int, done: int, total: int) -> None:
        """`done` of `total` candidates of a step are scored; shown on a terminal only."""
        self._draw(done, total, f"step {step}")

    def step_done(self, text: str) -> None:
        """A step has ended; `text` says with what."""
        self.close()
        LOG.info("%s: %s (%.0f s)", self.what, text, time.monotonic() - self.started)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, done: int, total: int, text: str) -> None:
        """Show the bar at `done` of `total`."""
        if not self._shown:
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.add_task(self.what, total=total, text=text)
            self._bar.start()
            atexit.register(self._bar.stop)  # a step that fails leaves the terminal as it was
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, text=text)


def _bar() -> Any:
    """A bar on stderr that goes away when it is stopped: name, bar, pieces, time left, what was done last."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Bar(*columns, TextColumn("{task.fields[text]}"), console=Console(stderr=True), transient=True)


class Recorder:
    """Keeps the finished steps of a long computation on disk, valid for exactly the inputs that `key` stands for, and
    reports each one. `done` are the steps an interrupted run left behind."""

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
        self.progress.step_done(text)

    def clear(self) -> None:
        """Forget the steps: the stage's output holds them now."""
        self.path.unlink(missing_ok=True)


def inputs_key(*parts: object) -> str:
    """A hash of arrays and plain values."""
    content = hashlib.sha256()
    for part in parts:
        content.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return content.hexdigest()
