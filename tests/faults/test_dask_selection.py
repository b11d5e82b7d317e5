"""Forward selection on a real dask cluster: the same bytes as on one thread, also when a worker dies in the middle."""

import json
import threading
from collections.abc import Sequence

import pytest
from servers import dask_cluster

from features.catalogue import ALL_GROUPS, SCALE, feature_names
from foretell.errors import ConfigError
from foretell.parallel import Spread
from models.protocol import Protocol
from models.selection import Rule, Step, forward_select
from models.task import Task

pytestmark = pytest.mark.slow
CANDIDATES = tuple(name for name in feature_names("verified", ALL_GROUPS) if name not in SCALE)
PROTOCOL = Protocol(max_depth=(2, 3), learning_rate=(0.1, 0.3), n_estimators=(20,))
RULE = Rule(SCALE, CANDIDATES, PROTOCOL, n_seeds=2, threshold=1e-4)


def as_bytes(path: Sequence[Step]) -> bytes:
    return json.dumps([step.to_dict() for step in path], sort_keys=True).encode()


@pytest.fixture(scope="module")
def alone(small_task: Task) -> bytes:
    return as_bytes(forward_select(small_task, RULE, Spread("threads", 1)))


def test_a_scheduler_and_two_workers_give_the_same_bytes(small_task: Task, alone: bytes) -> None:
    with dask_cluster(2) as cluster:
        path = forward_select(small_task, RULE, Spread("dask", scheduler=cluster.address))
    assert as_bytes(path) == alone


def test_a_worker_killed_in_the_middle_changes_nothing(small_task: Task, alone: bytes) -> None:
    with dask_cluster(2) as cluster:
        killed = threading.Event()

        def on_step(steps: Sequence[Step]) -> None:
            if not killed.is_set():  # the next step's work is handed out a moment later
                killed.set()
                threading.Timer(0.4, cluster.kill_worker, [0]).start()

        spread = Spread("dask", scheduler=cluster.address)
        path = forward_select(small_task, RULE, spread, on_step=on_step)
        assert killed.is_set()
        assert len(path) >= 2
        assert cluster.workers[0].poll() is not None, "the worker was not killed before the selection ended"
        assert cluster.workers[1].poll() is None
    assert as_bytes(path) == alone


def test_local_dask_workers_give_the_same_bytes(small_task: Task, alone: bytes) -> None:
    pytest.importorskip("distributed", reason="dask is not installed (the extra `cluster` has it)")
    path = forward_select(small_task, RULE, Spread("dask", workers=2))
    assert as_bytes(path) == alone


def test_a_scheduler_that_does_not_answer_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("dask.distributed", reason="dask is not installed (the extra `cluster` has it)")
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: _refuse(address))
    with pytest.raises(ConfigError, match=r"parallel\.scheduler: tcp://127\.0\.0\.1:1 does not answer"):
        Spread("dask", scheduler="tcp://127.0.0.1:1").map(abs, [1])


def _refuse(address: str) -> None:
    raise OSError(f"Timed out trying to connect to {address}")
