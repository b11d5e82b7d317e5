"""How a served predictor holds up: predictions per second, latency and memory under load on loopback. Run by hand:

python tests/load_serving.py models:/foretell-lambada_0shot@champion --seconds 60 --clients 4 --rows 1
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from servers import free_port
from team import program, wait_for

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


def client(address: str, rows: int, until: float, latencies: list[float]) -> None:
    """Ask over one connection until the clock says `until`; every answer must be 200."""
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
    port, log = free_port(), Path("/tmp") / f"load-serving-{os.getpid()}.log"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", given.uri, "--env-manager", "local"]
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    with program([*command, "--host", "127.0.0.1", "--port", str(port)], environment, log) as process:
        wait_for(f"http://127.0.0.1:{port}/ping", process, log)
        address = f"http://127.0.0.1:{port}/invocations"
        client(address, given.rows, time.monotonic() + 3, [])
        memory = [resident_mib(process.pid)]
        latencies: list[list[float]] = [[] for _ in range(given.clients)]
        started = time.monotonic()
        until = started + given.seconds
        threads = [threading.Thread(target=client, args=(address, given.rows, until, one)) for one in latencies]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            time.sleep(max(0.0, min(10.0, until - time.monotonic())))
            memory.append(resident_mib(process.pid))
        for thread in threads:
            thread.join()
        passed = time.monotonic() - started
    every = np.array([value for one in latencies for value in one])
    p50, p99 = np.quantile(every, [0.5, 0.99]) * 1000
    print(f"{given.clients} clients, {given.rows} rows a request, {passed:.0f} s: {len(every)} requests, no failure")
    print(f"{len(every) * given.rows / passed:.0f} predictions/s; latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"resident memory over time, MiB: {', '.join(f'{one:.0f}' for one in memory)}")


if __name__ == "__main__":
    main()
