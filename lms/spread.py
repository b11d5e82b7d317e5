"""Regenerating many language models on more GPUs than one. Each pair of model and job is one task that claims a
worker's GPU; a task whose worker dies is given to another worker and resumes where the first one stopped. Workers
write into the folder of unfinished work on a disk they share, each file once; `dvc repro` afterwards finds the work
done, on any machine, and only puts it together. (DVC itself runs one stage at a time per workspace.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foretell.errors import ConfigError, ForetellError
from lms.machine import require_runnable
from lms.record import Record
from lms.sample import sample_missing_shards
from lms.score import score_missing_units
from lms.settings import SampleSettings, ScoreSettings

GPU = "GPU"


@dataclass(frozen=True)
class Task:
    """One job of one language model. `settings` are the job's; `key` is unique among the tasks of a run."""

    job: Literal["score", "sample"]
    record: Record
    settings: ScoreSettings | SampleSettings

    @property
    def key(self) -> str:
        """`score@<slug>`, the name of the stage that this is the work of."""
        return f"{self.job}@{self.record.slug}"


def regeneration_tasks(records: Sequence[Record], score: ScoreSettings, sample: SampleSettings) -> list[Task]:
    """Both jobs of every record, the records in slug order."""
    ordered = sorted(records, key=lambda record: record.slug)
    return [task for record in ordered for task in (Task("score", record, score), Task("sample", record, sample))]


def run_task(task: Task, work_root: Path) -> Path:
    """Do what is missing of a task on this machine and return its work folder. Finished units and shards are kept."""
    device = require_runnable(task.job, task.record, task.settings.cpu_max_parameters)
    if isinstance(task.settings, ScoreSettings):
        return score_missing_units(task.record, task.settings, work_root, device)
    return sample_missing_shards(task.record, task.settings, work_root, device)


@dataclass(frozen=True)
class Outcome:
    """How a task ended: `error` is "" or the first line of what stopped it."""

    key: str
    error: str


def spread(
    tasks: Sequence[Task],
    work_root: Path,
    client: Any,
    run: Callable[[Task, Path], Any] = run_task,
    gpus_per_task: int = 1,
    restarts: int = 2,
) -> list[Outcome]:
    """Run `tasks` on the workers of a dask `client`, each claiming `gpus_per_task` of a worker's `GPU` resource.

    A task whose worker dies is run again on another, up to the scheduler's `allowed-failures` deaths; one that raises
    is tried `restarts` more times. A task that fails for good does not stop the others. Outcomes are in the tasks'
    order.

    Raises ConfigError if two tasks have one key, or if no worker has the resource (the tasks would wait forever).
    """
    keys = [task.key for task in tasks]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ConfigError(f"tasks {repeated} are asked for more than once.")
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if gpus_per_task and not any(worker["resources"].get(GPU, 0) >= gpus_per_task for worker in workers.values()):
        raise ConfigError(
            f"none of the {len(workers)} dask workers offers {gpus_per_task} {GPU}; start them with "
            f"`dask worker <scheduler> --nthreads 1 --resources '{GPU}=1'`."
        )
    futures = [
        client.submit(
            run,
            task,
            work_root.resolve(),
            key=f"foretell-{task.key}",
            resources={GPU: gpus_per_task} if gpus_per_task else None,
            retries=restarts,
            pure=False,
        )
        for task in tasks
    ]
    client.gather(futures, errors="skip")
    return [Outcome(task.key, _error(future)) for task, future in zip(tasks, futures, strict=True)]


def _error(future: Any) -> str:
    if future.status == "finished":
        return ""
    return str(future.exception()).strip().split("\n")[0] or future.status


def slurm_cluster() -> Any:
    """A dask cluster of Slurm jobs, each with one GPU that it offers to one task at a time. Partition, account,
    walltime and memory come from the site's own dask-jobqueue configuration (see docs/gpu.md)."""
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise ConfigError("parallel.scheduler: slurm needs the extra: pip install 'foretell[cluster]'") from None
    return SLURMCluster(
        cores=1,
        processes=1,
        job_extra_directives=["--gres=gpu:1"],
        worker_extra_args=["--resources", f"{GPU}=1"],
    )


@contextmanager
def gpu_client(scheduler: str, workers: int) -> Iterator[Any]:
    """A dask client whose workers offer GPUs. `scheduler`: an address (`tcp://host:port`), or `slurm` to start
    `workers` jobs. Raises ConfigError if it is empty, does not answer, or dask is not installed."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError("parallel.backend: dask needs the extra: pip install 'foretell[cluster]'") from None
    if not scheduler:
        raise ConfigError(
            "parallel.scheduler: name a running scheduler (tcp://host:port) or slurm; GPUs are not started here."
        )
    if scheduler == "slurm":
        with slurm_cluster() as cluster, Client(cluster) as client:
            cluster.scale(jobs=workers or 1)
            client.wait_for_workers(1)
            yield client
        return
    try:
        client = Client(scheduler, timeout="20s")
    except (OSError, ValueError) as error:
        raise ConfigError(f"parallel.scheduler: {scheduler} does not answer ({error}).") from None
    with client:
        yield client


def spread_on_this_machine(tasks: Sequence[Task], work_root: Path, workers: int = 1) -> list[Outcome]:
    """Run `tasks` without dask, `workers` at a time (joblib); on a machine with one GPU leave `workers` at 1."""
    from joblib import Parallel, delayed

    errors = Parallel(n_jobs=workers)(delayed(_caught)(task, work_root) for task in tasks)
    return [Outcome(task.key, error) for task, error in zip(tasks, errors, strict=True)]


def _caught(task: Task, work_root: Path) -> str:
    try:
        run_task(task, work_root)
    except (ForetellError, RuntimeError, OSError, ValueError) as error:
        return str(error).strip().split("\n")[0]
    return ""
