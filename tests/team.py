"""A team's set-up for tests: `foretell server` on a real PostgreSQL and an S3 server, with passwords; and one served
predictor over HTTP, in an environment that holds only what serving needs."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import REPOSITORY, free_port, postgres_server

PASSWORD = "correct-horse-battery"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Team:
    """Where the server is, and the environment of a client that may do everything."""

    url: str
    environment: dict[str, str]


@contextmanager
def program(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=15)


def answers(url: str) -> bool:
    """Does anything answer HTTP at `url`?"""
    try:
        urllib.request.urlopen(url, timeout=3).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Return when `url` answers; fail the test with the log when it does not."""
    deadline = time.monotonic() + seconds
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{url} is not up:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.2)


@contextmanager
def team_server() -> Iterator[Team]:
    """`foretell server` with PostgreSQL, moto's S3 server and basic authentication."""
    pytest.importorskip("flask_wtf", reason="flask-wtf is not installed (requirements-dev.lock has it)")
    pytest.importorskip("moto.server", reason="moto is not installed (requirements-dev.lock has it)")
    import boto3

    folder = Path(tempfile.mkdtemp(prefix="foretell-team-"))
    s3_port, port = free_port(), free_port()
    s3, url = f"http://127.0.0.1:{s3_port}", f"http://127.0.0.1:{port}"
    base = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "FORETELL_"))}
    base |= {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
    moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(s3_port)]
    with postgres_server() as postgres, program(moto, base, folder / "s3.log") as s3_process:
        wait_for(s3, s3_process, folder / "s3.log")
        names = {"aws_access_key_id": "test", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=s3, **names).create_bucket(Bucket="team")
        database = postgres.url("team").replace("postgresql+psycopg://", "postgresql://")
        secrets = {"MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD, "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 24}
        server = {**base, **KEYS, **secrets, "MLFLOW_S3_ENDPOINT_URL": s3, "FORETELL_DATABASE": database}
        command = [sys.executable, "-m", "pipelines.cli", "server", "--artifacts", "s3://team/foretell"]
        command += ["--port", str(port), "--workers", "2"]
        with program(command, server, folder / "server.log") as process:
            wait_for(f"{url}/health", process, folder / "server.log")
            client = {**base, "MLFLOW_TRACKING_URI": url, "MLFLOW_TRACKING_USERNAME": "admin"}
            yield Team(url, client | {"MLFLOW_TRACKING_PASSWORD": PASSWORD, "MLFLOW_DISABLE_TELEMETRY": "true"})


def add_user(team: Team, name: str, password: str) -> None:
    """Have the administrator create a user, who has the server's default permission."""
    body = json.dumps({"username": name, "password": password}).encode()
    credentials = ":".join(team.environment[f"MLFLOW_TRACKING_{part}"] for part in ("USERNAME", "PASSWORD"))
    headers = {"Content-Type": "application/json"}
    headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    request = urllib.request.Request(f"{team.url}/api/2.0/mlflow/users/create", body, headers)
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def serving_environment() -> Iterator[Path]:
    """The python of a fresh environment with the serving requirements only; skips where they cannot be installed."""
    given = os.environ.get("FORETELL_SERVING_PYTHON")
    if given:
        yield Path(given)
        return
    from models.registry.package import SERVING_REQUIREMENTS

    folder = Path(tempfile.mkdtemp(prefix="foretell-serving-"))
    locks = [str(REPOSITORY / "requirements.lock")]
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += [*SERVING_REQUIREMENTS, *(f"--constraint={lock}" for lock in locks)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        pytest.skip(f"no package index to install the serving requirements from: {done.stderr[-200:]}")
    yield python


@contextmanager
def served(python: Path, uri: str, environment: dict[str, str]) -> Iterator[str]:
    """`mlflow models serve` of `uri` by that python; yields the address that takes queries."""
    log = Path(tempfile.mkdtemp(prefix="foretell-served-")) / "log"
    port = free_port()
    clean = {key: value for key, value in environment.items() if key != "PYTHONPATH"}
    clean |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    clean |= {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local"]
    with program([*command, "--host", "127.0.0.1", "--port", str(port)], clean, log) as process:
        wait_for(f"http://127.0.0.1:{port}/ping", process, log)
        yield f"http://127.0.0.1:{port}/invocations"


def ask(address: str, body: Any) -> tuple[int, Any]:
    """(HTTP status, JSON answer) of a query."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
