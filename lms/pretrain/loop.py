"""The training loop: batches in, a curve, metrics and checkpoints out. It knows nothing of text or tasks, only of
batches, so that language models and synthetic tasks are trained by the same code. A run that was killed goes on from
its newest state (state.py) and writes the bytes of an undisturbed run on a CPU. Under torchrun or `accelerate launch`
every process computes its share of each batch."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foretell.errors import DataError
from lms.files import write_whole
from lms.pretrain.cost import flops_per_token
from lms.pretrain.devices import Devices, deterministic, open_devices
from lms.pretrain.model import NOT_SCORED, make_optimiser, save_checkpoint, settings_of, token_loss
from lms.pretrain.model import build_model as build_model  # offered with `train`
from lms.pretrain.progress import Progress
from lms.pretrain.schedule import learning_rate
from lms.pretrain.settings import LoopSettings
from lms.pretrain.state import Rows, load_state, save_state, step_name

WINDOW = 20  # steps whose mean loss tells whether a run has diverged


@dataclass(frozen=True)
class Batch:
    """One optimiser step's data: `tokens` and `labels`, int64, shape (sequences, length), aligned. The loss is that of
    label t given the tokens before t, mean over all labels but NOT_SCORED (-100); a sequence's first label is never
    scored."""

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]


class TrainingData(Protocol):
    """Where batches come from."""

    def batch(self, step: int) -> Batch:
        """The batch of the step that follows `step` finished ones: a function of `step` alone, so that neither a
        resumed run nor the number of processes changes it."""
        ...


@dataclass(frozen=True)
class Schedule:
    """When a run measures and saves, in steps done (0: before the first). `state_every` steps the state to resume from
    is saved; every `say_every_seconds` a line of progress is printed (0: none)."""

    measure_at: tuple[int, ...]
    checkpoint_at: tuple[int, ...]
    state_every: int
    say_every_seconds: float = 30.0


Measure = Callable[[Any, int], Mapping[str, float]]


def train(
    model: Any,
    data: TrainingData,
    settings: LoopSettings,
    schedule: Schedule,
    measure: Measure,
    folder: Path,
    stop_when: Callable[[Mapping[str, float]], bool] | None = None,
) -> None:
    """Train `model` in place for `settings.steps` steps, or go on where an earlier call with `folder` was killed.

    `measure(model, step)` gives metrics (name -> value) after each number of steps in `schedule.measure_at`, the model
    in evaluation mode and without gradients; if `stop_when(metrics)` is true, the run ends there. Writes into
    `folder`: `curve.csv` (step, tokens so far, learning_rate, loss_nats of the batch before the step, gradient_norm
    before clipping), `metrics.csv` (step, tokens, metric, value), `checkpoints/step-000250/` (for `from_pretrained`)
    and, last, `finished.json`. None of them holds a time. If `finished.json` is there, nothing is done; `model` is
    then not trained: read a checkpoint.

    Raises DataError when `folder` holds a run of other settings, or when the run diverges: the loss or the gradient is
    not finite, or the mean loss of the last 20 steps is above 3 times its smallest value so far and above 1.5 ln(V),
    the loss of guessing among V tokens times 1.5 (a nearly perfect model may have a spike and recover).
    """
    devices = open_devices(settings.dtype)
    with deterministic(settings.threads, devices.on_cpu):
        _Run(model, data, settings, schedule, folder, devices).finish(measure, stop_when)


class _Run:
    """One run: what stays the same between steps."""

    def __init__(
        self,
        model: Any,
        data: TrainingData,
        settings: LoopSettings,
        schedule: Schedule,
        folder: Path,
        devices: Devices,
    ) -> None:
        self.plain, self.data, self.settings, self.schedule = model, data, settings, schedule
        self.folder, self.devices = folder, devices
        self.vocabulary = int(model.config.vocab_size)

    def finish(self, measure: Measure, stop_when: Callable[[Mapping[str, float]], bool] | None) -> None:
        finished = self.folder / "finished.json"
        states = self.folder / "state"
        if self.devices.first:
            self._open()
        self.devices.wait()
        if finished.is_file():
            return
        model = self.devices.distribute(self.plain)
        optimiser = make_optimiser(self.plain, self.settings)
        rows = load_state(states, self.plain, optimiser)
        progress = Progress(
            self.folder.name, self.settings.steps, self.schedule.say_every_seconds if self.devices.first else 0
        )
        self.plain.train()
        stopped = False
        if rows.step == 0:
            stopped = self._look(rows, measure, stop_when)
        while rows.step < self.settings.steps and not stopped:
            with progress.step() as n_tokens:
                n_tokens[0] = self._step(model, optimiser, rows)
            progress.tell(rows.step, rows.curve[-1][3])
            stopped = self._look(rows, measure, stop_when)
            if rows.step % self.schedule.state_every == 0 and rows.step < self.settings.steps and self.devices.first:
                save_state(states, self.plain, optimiser, rows)
        progress.conclude(self.devices.device, flops_per_token(settings_of(self.plain)), self.devices.processes)
        self.devices.wait()
        if self.devices.first:
            self._close(rows, stopped)
        self.devices.wait()

    def _open(self) -> None:
        """Clear what a kill left half done, and refuse a folder of another run."""
        for leftover in [*self.folder.glob(".*.tmp"), *self.folder.glob("*/.*.tmp")]:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        described = {"model": self.plain.config.to_diff_dict(), "loop": asdict(self.settings)}
        described["schedule"] = {"measure_at": self.schedule.measure_at, "checkpoint_at": self.schedule.checkpoint_at}
        content = (json.dumps(described, indent=2, sort_keys=True, default=str) + "\n").encode()
        stated = self.folder / "run.json"
        if stated.is_file() and stated.read_bytes() != content:
            raise DataError(f"{self.folder}: holds a run of another model or other settings; choose another folder")
        write_whole(stated, content)
        if (self.folder / "finished.json").is_file():
            shutil.rmtree(self.folder / "state", ignore_errors=True)

    def _close(self, rows: Rows, stopped: bool) -> None:
        rows.write(self.folder)
        parameters = sum(parameter.numel() for parameter in self.plain.parameters())
        summary = {"steps": rows.step, "tokens": rows.tokens, "parameters": parameters, "stopped_early": stopped}
        write_whole(self.folder / "finished.json", (json.dumps(summary, indent=2) + "\n").encode())
        shutil.rmtree(self.folder / "state", ignore_errors=True)

    def _look(self, rows: Rows, measure: Measure, stop_when: Callable[[Mapping[str, float]], bool] | None) -> bool:
        """Measure and save a checkpoint where the schedule says so; whether the run is to stop."""
        stopped = False
        if rows.step in self.schedule.measure_at:
            self.plain.eval()
            with self.devices.evaluation():
                metrics = self.devices.of_first(dict(measure(self.plain, rows.step)))
            rows.metrics += [(rows.step, rows.tokens, name, float(value)) for name, value in metrics.items()]
            self.plain.train()
            stopped = stop_when is not None and stop_when(metrics)
        if rows.step in self.schedule.checkpoint_at and self.devices.first:
            save_checkpoint(self.plain, self.folder / "checkpoints" / step_name(rows.step))
        return stopped

    def _step(self, model: Any, optimiser: Any, rows: Rows) -> int:
        """One optimiser step, its row added to `rows`; the number of tokens in its batch."""
        import torch

        batch = self.data.batch(rows.step)
        n_scored = int((batch.labels[:, 1:] != NOT_SCORED).sum())
        if batch.tokens.shape != batch.labels.shape or n_scored == 0:
            raise DataError(f"batch {rows.step}: expected tokens and labels of one shape, and a label to be scored")
        rate = learning_rate(rows.step, self.settings.optimiser)
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = self.devices.share(len(batch.tokens), self.settings.micro_batches)
        loss = torch.zeros((), device=self.devices.device)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else self.devices.no_sync(model):
                tokens, labels = (self.devices.tensor(array[part]) for array in (batch.tokens, batch.labels))
                part_loss = token_loss(model, tokens, labels, self.devices) / n_scored
                # Gradients of processes are averaged, but each holds its own part of the sum.
                (part_loss * self.devices.processes).backward()
            loss += part_loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.plain.parameters(), self.settings.optimiser.clip or math.inf)
        loss_nats, gradient_norm = self.devices.total(loss), float(norm)
        tokens_so_far = rows.tokens + batch.tokens.size
        rows.curve.append((rows.step + 1, tokens_so_far, rate, loss_nats, gradient_norm))
        self._refuse_divergence(rows)
        optimiser.step()
        optimiser.zero_grad()
        return int(batch.tokens.size)

    def _refuse_divergence(self, rows: Rows) -> None:
        step, _, rate, loss, norm = rows.curve[-1]
        recent = np.mean([row[3] for row in rows.curve[-WINDOW:]])
        whole = rows.step // WINDOW * WINDOW
        limit = 1.5 * math.log(self.vocabulary)
        if math.isfinite(loss) and math.isfinite(norm):
            if rows.step <= WINDOW or recent <= limit:
                return
            means = np.reshape([row[3] for row in rows.curve[:whole]], (-1, WINDOW)).mean(axis=1)
            if recent <= 3 * means.min():
                return
        raise DataError(
            f"{self.folder.name}: diverged at step {step} (loss {loss:.4g} nats, gradient norm {norm:.4g}, learning "
            f"rate {rate:.4g}): lower optimiser.learning_rate, lengthen warm_up_steps or set clip, and run again"
        )
