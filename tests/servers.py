"""Real servers for tests, started in folders of their own and ended with the test: PostgreSQL from Debian's package,
and a dask scheduler with worker processes. Where a server is not installed the test is skipped with the reason."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _postgres_programs() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if folders and (folders[-1] / "initdb").is_file():
        return folders[-1]
    found = shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    return Path(found).parent


@dataclass(frozen=True)
class Postgres:
    """A running server; `url(database)` creates the database and returns its SQLAlchemy URL."""

    port: int
    programs: Path

    def url(self, database: str) -> str:
        """Create `database` and return its URL (psycopg 3)."""
        command = [self.programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", database]
        subprocess.run(command, check=True, timeout=30)
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server on a free port of this machine, trusting local connections, its data deleted at the end.

    PostgreSQL refuses to run as root: root starts it as the package's own user `postgres`.
    """
    pytest.importorskip("psycopg", reason="psycopg is not installed (requirements-dev.lock has it)")
    programs = _postgres_programs()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="foretell-postgres-"))
    if as_user:
        shutil.chown(folder, "postgres")
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-t", "60"]
    make = [*as_user, str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-N"]
    try:
        subprocess.run([*make, "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120)
        start = [*control, "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=90)
        try:
            yield Postgres(port, programs)
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, cwd=folder, timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class DaskCluster:
    """A scheduler and its worker processes; `kill_worker` ends one of them as a dying machine would."""

    address: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill_worker(self, which: int) -> None:
        """kill -9 one worker and everything it started."""
        os.killpg(self.workers[which].pid, signal.SIGKILL)
        self.workers[which].wait(timeout=30)


@contextmanager
def dask_cluster(n_workers: int) -> Iterator[DaskCluster]:
    """A dask scheduler and `n_workers` worker processes of one thread each, as separate programs on this machine."""
    pytest.importorskip("distributed", reason="dask is not installed (the extra `cluster` has it)")
    from distributed import Client, default_client

    folder = Path(tempfile.mkdtemp(prefix="foretell-dask-"))
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"]
    settings = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
    with (folder / "log").open("wb") as log:

        def start(command: list[str]) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )

        processes = [start(program)]
        try:
            cluster = DaskCluster(address)
            for _ in range(n_workers):
                worker = start([sys.executable, "-m", "distributed.cli.dask_worker", address, *settings])
                cluster.workers.append(worker)
                processes.append(worker)
            with Client(address, timeout="60s") as client:
                client.wait_for_workers(n_workers, timeout=90)
            yield cluster
        finally:
            with suppress(ValueError):  # there may be no client left
                default_client().close()
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(timeout=30)
    shutil.rmtree(folder, ignore_errors=True)


def wait_until(condition: object, seconds: float, what: str) -> None:
    """Return when `condition()` is true; fail the test when it is not within `seconds`."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
