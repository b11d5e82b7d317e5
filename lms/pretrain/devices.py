"""Where a training run computes: one CPU, one GPU, or several processes that torchrun or `accelerate launch` started.
Every process reads the whole batch and computes its own rows of it, so that the order of the data cannot depend on the
number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import DataError


class Devices:
    """The processes of a run, seen from one of them, through accelerate."""

    def __init__(self, dtype: str) -> None:
        import torch
        from accelerate import Accelerator

        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
        self._half = dtype == "bfloat16"
        self.device = self._accelerator.device
        self.processes: int = self._accelerator.num_processes
        self.first: bool = self._accelerator.is_main_process
        self.on_cpu: bool = self.device.type == "cpu"

    def distribute(self, model: Any) -> Any:
        """`model` moved to this process's device, wrapped so that gradients are averaged over processes."""
        model.to(self.device)
        return self._accelerator.prepare(model) if self.processes > 1 else model

    def share(self, n_sequences: int, micro_batches: int) -> list[NDArray[np.int64]]:
        """The rows of a batch that this process computes, in at most `micro_batches` parts. Raises DataError when
        there are fewer sequences than processes."""
        if n_sequences < self.processes:
            raise DataError(f"{n_sequences} sequences per batch, {self.processes} processes: expected one for each")
        rows = np.array_split(np.arange(n_sequences), self.processes)[self._accelerator.process_index]
        return np.array_split(rows, min(micro_batches, len(rows)))

    def tensor(self, array: NDArray[np.int64]) -> Any:
        """`array` on this process's device."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def no_sync(self, model: Any) -> AbstractContextManager[Any]:
        """Inside, gradients are added up without averaging them over processes."""
        return self._accelerator.no_sync(model)

    def autocast(self) -> AbstractContextManager[Any]:
        """Inside, multiplications run in bfloat16 if the run's dtype says so."""
        import torch

        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._half)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Inside, nothing is kept for gradients, and the dtype is that of training."""
        import torch

        with torch.no_grad(), self.autocast():
            yield

    def total(self, value: Any) -> float:
        """Sum of a scalar tensor over all processes."""
        return float(self._accelerator.reduce(value, "sum")) if self.processes > 1 else float(value)

    def of_first(self, metrics: dict[str, float]) -> dict[str, float]:
        """The first process's metrics, in every process: all must decide alike whether to stop."""
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([metrics])[0] if self.processes > 1 else metrics

    def wait(self) -> None:
        """Until every process is here."""
        self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Part from the other processes, before this one ends."""
        if self.processes > 1:
            self._accelerator.end_training()
            self._accelerator.state.destroy_process_group()


def open_devices(dtype: str) -> Devices:
    """The devices of this process: a GPU if there is one, else the CPU."""
    return Devices(dtype)


@contextmanager
def deterministic(threads: int, on_cpu: bool) -> Iterator[None]:
    """Inside, torch uses `threads` threads and, on a CPU, algorithms that give the same bits every time; afterwards it
    is as before."""
    import torch

    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    torch.set_num_threads(threads)
    if on_cpu:
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False  # it costs time and finds faults, not bits
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)
        memory.fill_uninitialized_memory = fill
