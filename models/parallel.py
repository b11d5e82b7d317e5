"""Spreading independent pieces of work: threads on one machine (the engine releases the GIL), processes (loky), or a
cluster (dask). Results come back in the order of the items, so they do not depend on where or how many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import joblib

from features.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Spread:
    """Where work runs. `workers` 0 = one per core; `scheduler` is a dask address (`tcp://host:port`), `slurm` for
    workers that dask-jobqueue starts with the site's own configuration, or empty for local dask workers."""

    backend: Literal["threads", "loky", "dask"] = "threads"
    workers: int = 0
    scheduler: str = ""

    @property
    def n_workers(self) -> int:
        """Workers on this machine: the number asked for, or the cores this process may use."""
        return self.workers or len(os.sched_getaffinity(0))

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """[function(item) for item in items], spread over the workers; a worker's exception is raised here."""
        if self.backend == "dask":  # its own map: a task whose worker died is computed again elsewhere
            with _dask_client(self) as client:
                return list(client.gather(client.map(function, list(items), pure=False)))
        work = [joblib.delayed(function)(item) for item in items]
        if self.backend == "loky":
            return list(joblib.Parallel(self.n_workers, backend="loky", inner_max_num_threads=1)(work))
        return list(joblib.Parallel(self.n_workers, backend="threading")(work))


@contextmanager
def _dask_client(spread: Spread) -> Iterator[Any]:
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise ConfigError("parallel.backend: dask needs the extra: pip install 'foretell[cluster]'") from None
    if spread.scheduler == "slurm":
        from dask_jobqueue import SLURMCluster

        with SLURMCluster() as cluster:
            cluster.scale(jobs=spread.workers or 1)
            with Client(cluster) as client:
                yield client
    elif spread.scheduler:
        try:
            with Client(spread.scheduler, timeout="20s") as client:
                yield client
        except OSError as error:
            raise ConfigError(f"parallel.scheduler: {spread.scheduler} does not answer ({error})") from None
    else:
        with (
            LocalCluster(n_workers=spread.n_workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            yield client
