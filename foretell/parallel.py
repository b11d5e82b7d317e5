"""Spreading independent pieces of work: over threads of one machine (the engine releases the GIL), over processes
(loky), or over a cluster (dask). Results come back in the order of the items, so they do not depend on where the work
ran or on how many workers did it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from foretell.errors import ConfigError
from foretell.settings import settings

Item = TypeVar("Item")
Result = TypeVar("Result")


@settings
class Spread:
    """Where work runs: the section `parallel` of params.yaml. `workers` 0 means one per core; `scheduler` is a dask
    address (`tcp://host:port`), `slurm` for workers that dask-jobqueue starts with the site's own configuration, or
    empty for local dask workers."""

    backend: Literal["threads", "loky", "dask"] = "threads"
    workers: Annotated[int, Field(ge=0)] = 0
    scheduler: str = ""

    @property
    def n_workers(self) -> int:
        """Workers on this machine: the number asked for, or the cores this process may use."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def without_gil(self) -> Spread:
        """The same with processes in place of threads, for work that holds the interpreter's lock between short calls
        of compiled code, where threads would mostly wait for each other."""
        return replace(self, backend="loky") if self.backend == "threads" and self.n_workers > 1 else self

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        on_result: Callable[[Result], None] = lambda result: None,
    ) -> list[Result]:
        """[function(item) for item in items], spread over the workers; a worker's exception is raised here. `on_result`
        is called with each result in the order of the items, as soon as it and all before it are there."""
        if self.backend == "dask":  # its own map: a task whose worker died is computed again elsewhere
            futures = _dask_client(self).map(function, list(items), pure=False)
            return [_reported(future.result(), on_result) for future in futures]
        options: dict[str, Any] = {"n_jobs": self.n_workers, "return_as": "generator"}
        options |= {"backend": "threading"} if self.backend == "threads" else {"inner_max_num_threads": 1}
        import joblib  # takes a while, and most commands spread nothing

        work = (joblib.delayed(function)(item) for item in items)
        return [_reported(result, on_result) for result in joblib.Parallel(**options)(work)]


HERE = Spread(workers=1)
"""In this process, one after the other."""


def _reported(result: Result, on_result: Callable[[Result], None]) -> Result:
    on_result(result)
    return result


@lru_cache(maxsize=1)
def _dask_client(spread: Spread) -> Any:
    """A client kept for the rest of the process, because starting workers (or queueing a Slurm job) takes seconds to
    hours and a selection maps once per step. distributed closes it, and the workers it started, at exit."""
    try:
        from dask import distributed
    except ImportError:
        raise ConfigError("parallel.backend: dask needs the extra: pip install 'foretell[cluster]'") from None
    client: Any = distributed.Client  # untyped
    if spread.scheduler == "slurm":
        import dask_jobqueue

        jobqueue: Any = dask_jobqueue  # does not say what it exports
        slurm: Any = jobqueue.SLURMCluster()
        slurm.scale(jobs=spread.workers or 1)
        return client(slurm)
    if spread.scheduler:
        try:
            return client(spread.scheduler, timeout="20s")
        except OSError as error:
            raise ConfigError(f"parallel.scheduler: {spread.scheduler} does not answer ({error})") from None
    local: Any = distributed.LocalCluster
    return client(local(n_workers=spread.n_workers, threads_per_worker=1, dashboard_address=None))
