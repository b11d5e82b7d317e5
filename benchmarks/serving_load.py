"""A served predictor under load on this machine: predictions per second, latency and memory.

python -m benchmarks.serving_load models:/foretell-lambada_0shot@champion --seconds 60 --clients 4 --rows 1
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

QUERY = {"total_params": 7000000000, "tokens_billions": 2000, "pct_code": 20.5, "activation": "swiglu"}


def resident_mib(root: int) -> float:
    """Resident memory of a process and its children, MiB."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(status.parent.name)] = int(fields[1])
    tree = {root}
    while True:
        more = {child for child, parent in parents.items() if parent in tree} - tree
        if not more:
            break
        tree |= more
    pages = 0
    for process in tree:
        try:
            pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def served(uri: str, seconds: float = 90) -> Iterator[tuple[str, int]]:
    """Serve the registered model `uri`: (address, process id). Ends the program where the server does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + seconds
            while not _is_up(f"http://127.0.0.1:{port}/ping"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"the server did not start:\n{log.read().decode(errors='replace')[-3000:]}")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/invocations", process.pid
        finally:
            process.terminate()
            process.wait(timeout=30)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def send_until(address: str, rows: int, until: float, latencies: list[float]) -> None:
    """Send requests over one connection until `time.monotonic()` is `until`; every answer must be 200."""
    parts = urlsplit(address)
    body = json.dumps({"dataframe_records": [QUERY] * rows})
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    while time.monotonic() < until:
        started = time.perf_counter()
        connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"HTTP {response.status}")
        latencies.append(time.perf_counter() - started)


def main() -> None:
    """Serve, load, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rows", type=int, default=1)
    given = parser.parse_args()
    with served(given.uri) as (address, server):
        send_until(address, given.rows, time.monotonic() + 3, [])
        memory = [resident_mib(server)]
        latencies: list[list[float]] = [[] for _ in range(given.clients)]
        started = time.monotonic()
        until = started + given.seconds
        threads = [threading.Thread(target=send_until, args=(address, given.rows, until, own)) for own in latencies]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            time.sleep(max(0.0, min(10.0, until - time.monotonic())))
            memory.append(resident_mib(server))
        for thread in threads:
            thread.join()
        passed = time.monotonic() - started
    every = np.array([value for own in latencies for value in own])
    p50, p99 = np.quantile(every, [0.5, 0.99]) * 1000
    print(f"{given.clients} clients, {given.rows} rows a request, {passed:.0f} s: {len(every)} requests, no failure")
    print(f"{len(every) * given.rows / passed:.0f} predictions/s; latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"resident memory over time, MiB: {', '.join(f'{mib:.0f}' for mib in memory)}")


if __name__ == "__main__":
    main()
