"""Studies that several processes fill, and processes that die in the middle: kill -9, SQLite and PostgreSQL."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from grid_worker import CELLS, expected, matrix_of
from optuna.trial import TrialState
from servers import Postgres, postgres_server, wait_until

from models.search import search_grid

pytestmark = pytest.mark.slow
WORKER = Path(__file__).with_name("grid_worker.py")


class Workers:
    """Worker processes on one study, each with a log of the cells it began."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.folder, self.environment = folder, environment
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, url: str, seconds: float = 0.3) -> int:
        which = len(self.processes)
        command = [sys.executable, str(WORKER), url, str(self.log(which)), str(seconds)]
        self.log(which).touch()
        self.processes.append(subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE))
        return which

    def log(self, which: int) -> Path:
        return self.folder / f"worker-{which}.log"

    def begun(self, which: int) -> list[str]:
        return self.log(which).read_text().split()

    def kill(self, which: int, after: int) -> None:
        """kill -9 once the worker is inside its `after`-th cell."""
        wait_until(lambda: len(self.begun(which)) >= after, 60, f"worker {which} begins {after} cells")
        os.kill(self.processes[which].pid, signal.SIGKILL)
        self.processes[which].wait(timeout=30)

    def succeed(self, which: int, seconds: float = 120) -> None:
        _, said = self.processes[which].communicate(timeout=seconds)
        assert self.processes[which].returncode == 0, said.decode()


@pytest.fixture
def workers(tmp_path: Path, environment: dict[str, str]) -> Iterator[Workers]:
    started = Workers(tmp_path, environment)
    yield started
    for process in started.processes:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


def assert_complete_once(url: str) -> None:
    trials = optuna.load_study(study_name="shared", storage=url).get_trials()
    complete = sorted((t.params["depth"], t.params["rate"]) for t in trials if t.state == TrialState.COMPLETE)
    assert complete == sorted((cell["depth"], cell["rate"]) for cell in CELLS)


def test_a_killed_search_resumes_without_repeating_complete_cells(tmp_path: Path, workers: Workers) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    workers.kill(workers.start(url), after=5)
    again: list[object] = []

    def errors_of(cell: dict[str, float | int]) -> np.ndarray:
        again.append(cell)
        return matrix_of(cell)

    np.testing.assert_array_equal(search_grid("shared", CELLS, errors_of, url), expected())
    assert len(again) == len(CELLS) - 4  # four cells were complete, the fifth was lost with its worker
    assert_complete_once(url)


def test_two_processes_share_a_sqlite_study_and_one_dies(tmp_path: Path, workers: Workers) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    first, second = workers.start(url), workers.start(url)
    workers.kill(first, after=2)
    workers.succeed(second)
    assert workers.begun(second)
    assert_complete_once(url)


def test_two_processes_share_a_postgresql_study(postgres: Postgres, workers: Workers) -> None:
    url = postgres.url("both_live")
    both = [workers.start(url), workers.start(url)]
    for worker in both:
        workers.succeed(worker)
        assert workers.begun(worker), "a worker had nothing to do: the study was not shared"
    begun = [*workers.begun(0), *workers.begun(1)]
    assert sorted(begun) == sorted(f"{cell['depth']}-{cell['rate']}" for cell in CELLS)
    assert_complete_once(url)


def test_two_processes_share_a_postgresql_study_and_one_dies(postgres: Postgres, workers: Workers) -> None:
    url = postgres.url("one_dies")
    first, second = workers.start(url), workers.start(url)
    workers.kill(first, after=2)
    workers.succeed(second)
    lost = workers.begun(first)[-1]
    assert lost in workers.begun(second)
    assert_complete_once(url)
