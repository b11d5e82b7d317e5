"""Jobs on a real dask scheduler and worker processes that offer a GPU, one of them killed in the middle."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from foretell.errors import ConfigError
from lms.record import Record
from lms.sample import sample_missing_shards
from lms.score import score_missing_units
from lms.settings import SampleSettings, ScoreSettings
from lms.spread import (
    Outcome,
    Task,
    gpu_client,
    regeneration_tasks,
    slurm_cluster,
    spread,
    spread_on_this_machine,
)

ROOT = Path(__file__).parents[3]


def _start(*command: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
        "OMP_NUM_THREADS": "1",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Any, dict[str, subprocess.Popen[bytes]]]]:
    """A dask client and its two workers by name; each worker has one thread and one GPU to claim."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("needs the cluster extra; not installed: distributed")
    from distributed import Client

    address = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        scheduler = _start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)
        )
        stack.callback(_end, scheduler)
        workers = {}
        for name in ("one", "two"):
            workers[name] = _start(
                "worker", "--scheduler-file", str(address), "--name", name, "--nthreads", "1", "--no-nanny",
                "--no-dashboard", "--resources", "GPU=1", "--local-directory", str(tmp_path / "dask"),
            )  # fmt: skip
            stack.callback(_end, workers[name])
        deadline = time.monotonic() + 60
        while not address.is_file():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        client = stack.enter_context(Client(scheduler_file=str(address)))
        client.wait_for_workers(2, timeout=60)
        yield client, workers


def _fail_on_llama(task: Task, work_root: Path) -> str:
    if task.record.slug == "tiny--llama":
        raise ValueError("no such weights\nsecond line")
    return task.key


def _overlap(task: Task, work_root: Path) -> None:
    started = time.time()
    time.sleep(0.3)
    (work_root / f"{task.key}.txt").write_text(f"{started} {time.time()} {os.getpid()}")


RECORDS = [
    Record(f"tiny--{name}", f"tiny/{name}", "hub", f"tiny/{name}", "0" * 40, "float32", False, "")
    for name in ("gpt_neox", "llama")
]
SCORE, SAMPLE = ScoreSettings(benchmarks=["anli_0shot"]), SampleSettings()


def test_a_task_per_model_and_job() -> None:
    tasks = regeneration_tasks(list(reversed(RECORDS)), SCORE, SAMPLE)
    keys = ["score@tiny--gpt_neox", "sample@tiny--gpt_neox", "score@tiny--llama", "sample@tiny--llama"]
    assert [task.key for task in tasks] == keys


def test_failures_on_this_machine_do_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.spread.run_task", _fail_on_llama)
    tasks = [Task("score", record, SCORE) for record in RECORDS]
    assert spread_on_this_machine(tasks, tmp_path) == [
        Outcome("score@tiny--gpt_neox", ""),
        Outcome("score@tiny--llama", "no such weights"),
    ]


def test_schedulers_that_are_not_there() -> None:
    pytest.importorskip("distributed", reason="needs the cluster extra")
    with pytest.raises(ConfigError, match="name a running scheduler"), gpu_client("", 0):
        pass
    with pytest.raises(ConfigError, match="does not answer"), gpu_client("nonsense://x", 0):
        pass


def test_slurm_jobs_ask_for_a_gpu_and_offer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue", reason="needs the cluster extra")
    import dask

    site = {"jobqueue.slurm.memory": "16GB", "jobqueue.slurm.walltime": "08:00:00", "jobqueue.slurm.queue": "gpu"}
    with dask.config.set(site), slurm_cluster() as cluster:
        script = cluster.job_script()
    assert "#SBATCH --gres=gpu:1" in script
    assert "#SBATCH -p gpu" in script
    assert "--resources GPU=1" in script
    assert "--nthreads 1" in script


@pytest.mark.slow
def test_gpus_are_claimed_and_failures_reported(cluster: Any, tmp_path: Path) -> None:
    client, _ = cluster
    tasks = regeneration_tasks(RECORDS, SCORE, SAMPLE)
    outcomes = spread(tasks, tmp_path, client, run=_fail_on_llama, restarts=1)
    assert [outcome.error for outcome in outcomes] == ["", "", "no such weights", "no such weights"]
    assert [outcome.error for outcome in spread(tasks, tmp_path, client, run=_overlap)] == [""] * 4
    spans: dict[str, list[tuple[float, float]]] = {}
    for path in tmp_path.glob("*.txt"):
        started, ended, process = path.read_text().split()
        spans.setdefault(process, []).append((float(started), float(ended)))
    assert len(spans) == 2, "both workers work"
    for taken in spans.values():
        ordered = sorted(taken)
        assert all(first[1] <= second[0] for first, second in pairwise(ordered)), "one task a GPU"
    with pytest.raises(ConfigError, match="none of the 2 dask workers offers 2 GPU"):
        spread(tasks, tmp_path, client, gpus_per_task=2)
    with pytest.raises(ConfigError, match="more than once"):
        spread([*tasks, tasks[0]], tmp_path, client)


@pytest.mark.slow
def test_a_killed_workers_task_resumes_on_another(
    cluster: Any, tiny_records: list[Record], benchmark_data: Path, tmp_path: Path
) -> None:
    client, workers = cluster
    score = ScoreSettings(benchmarks=["anli_0shot", "lambada_0shot"], data_folder=str(benchmark_data), max_batch_size=8)
    sample = SampleSettings(n_texts=160, shard_size=4, batch_size=4, max_tokens=96)
    tasks = regeneration_tasks(tiny_records, score, sample)
    work = tmp_path / "work"

    killed: dict[str, int] = {}

    def kill_the_worker_that_samples() -> None:
        while not killed:
            for shard in work.glob("sample@*/shard-00001.jsonl"):
                slug = shard.parent.name.split("@")[1]
                running = client.processing()
                busy = next(address for address, keys in running.items() if f"foretell-sample@{slug}" in map(str, keys))
                name = client.scheduler_info(n_workers=-1)["workers"][busy]["name"]
                os.kill(workers[str(name)].pid, signal.SIGKILL)
                done = sorted(shard.parent.glob("shard-*"))
                killed.update({str(path): path.stat().st_mtime_ns for path in done})
                return
            time.sleep(0.02)

    from threading import Thread

    killer = Thread(target=kill_the_worker_that_samples, daemon=True)
    killer.start()
    outcomes = spread(tasks, work, client)
    killer.join(timeout=5)
    assert [outcome.error for outcome in outcomes] == [""] * 4
    assert 2 <= len(killed) < 40, "the worker was killed in the middle of a sampling"
    assert len(client.scheduler_info(n_workers=-1)["workers"]) == 1
    for path, changed in killed.items():
        assert Path(path).stat().st_mtime_ns == changed, "a shard was written twice"
    alone = tmp_path / "alone"
    for record in tiny_records:
        score_missing_units(record, score, alone, "cpu")
        sample_missing_shards(record, sample, alone, "cpu")
    made = {path.relative_to(work): path.read_bytes() for path in work.glob("*@*/*")}
    undisturbed = {path.relative_to(alone): path.read_bytes() for path in alone.glob("*@*/*")}
    assert len(made) == 2 * (40 + 2 + 2)
    assert made == undisturbed
