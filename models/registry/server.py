"""Starting MLflow's own server: the local pages for one person, and a team's server (PostgreSQL, S3-compatible files,
passwords, allowed hosts) with nothing left at an unsafe default. What it holds is the business of `models/registry`."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from foretell.errors import ConfigError, TrackingError
from models.registry.store import Store

PASSWORD, SECRET = "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"
SHORTEST = 12  # characters of a password or secret
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def serve_pages(port: int, root: Path = Path()) -> None:
    """Serve the local store's pages on 127.0.0.1 until interrupted; one worker and no background jobs, so that it is up
    in seconds. Raises TrackingError when the store is on a server, which has its own pages."""
    root = root.resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"
    if uri.startswith("http"):
        raise TrackingError(f"MLFLOW_TRACKING_URI is {uri}: open that address in a browser")
    options = ["--backend-store-uri", uri, "--default-artifact-root", (root / "mlartifacts").as_uri()]
    print(f"MLflow on http://127.0.0.1:{port}/{Store(root).page} (Ctrl-C ends it)", flush=True)
    _run([*options, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"], QUIET)


@dataclass(frozen=True)
class TeamServer:
    """A team's server: `database` is a PostgreSQL URL, `artifacts` an s3:// folder, `allowed_hosts` the Host headers
    that are answered (a browser on another site cannot reach it through a name of its own)."""

    database: str
    artifacts: str
    host: str = "127.0.0.1"
    port: int = 5000
    allowed_hosts: tuple[str, ...] = ()
    workers: int = 2
    admin: str = "admin"

    def check(self, environment: Mapping[str, str]) -> None:
        """Raise ConfigError unless the server would start safely: each message says what to set."""
        if not self.database.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ConfigError("--database: expected postgresql://USER:PASSWORD@HOST/NAME (or set FORETELL_DATABASE)")
        if not self.artifacts.startswith("s3://"):
            raise ConfigError(f"--artifacts: expected s3://BUCKET/FOLDER, got {self.artifacts!r}")
        for name in (PASSWORD, SECRET):
            if len(environment.get(name, "")) < SHORTEST:
                raise ConfigError(
                    f"{name} is not set to {SHORTEST} or more characters; there is no default. Make one with "
                    "`python -c 'import secrets; print(secrets.token_urlsafe(24))'` and keep it out of the repository"
                )
        if not _is_local(self.host) and not self.allowed_hosts:
            raise ConfigError(f"--host {self.host} is open to the network: name the --allowed-hosts it answers to")
        if any(host.strip() in ("", "*") for host in self.allowed_hosts):
            raise ConfigError("--allowed-hosts: expected names such as mlflow.example.org:5000, not * or nothing")

    def hosts(self) -> tuple[str, ...]:
        """Every Host header that is answered."""
        own = (f"localhost:{self.port}", f"127.0.0.1:{self.port}")
        return tuple(dict.fromkeys((*own, *self.allowed_hosts)))

    def serve(self) -> None:
        """Serve until interrupted. Passwords and URLs go through the environment and a private file, never through the
        command line, which every user of the machine can read."""
        self.check(os.environ)
        driver = self.database.replace("postgresql://", "postgresql+psycopg://", 1)
        with _auth_file(self.admin, driver) as config:
            settings = {
                **QUIET,
                "MLFLOW_BACKEND_STORE_URI": driver,
                "MLFLOW_AUTH_CONFIG_PATH": str(config),
                "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            }
            options = ["--app-name", "basic-auth", "--artifacts-destination", self.artifacts, "--serve-artifacts"]
            options += ["--host", self.host, "--port", str(self.port), "--workers", str(self.workers)]
            options += ["--allowed-hosts", ",".join(self.hosts())]
            print(f"team server on http://{self.host}:{self.port}, answering to {', '.join(self.hosts())}", flush=True)
            _run(options, settings)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _auth_file(admin: str, database: str) -> Iterator[Path]:
    """MLflow's basic-auth settings in a file that only this user can read; the password stays in the environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auth.ini"
        path.touch(mode=0o600)
        path.write_text(
            "[mlflow]\n"
            "default_permission = READ\n"
            f"database_uri = {database.replace('%', '%%')}\n"
            f"admin_username = {admin}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 30\n",
            encoding="utf-8",
        )
        yield path


def _run(options: list[str], settings: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "mlflow", "server", *options]
    with contextlib.suppress(KeyboardInterrupt):
        done = subprocess.run(command, env={**os.environ, **settings}, check=False)
        if done.returncode not in (0, -2, -15):
            raise TrackingError(f"mlflow server ended with exit code {done.returncode}; the lines above say why")
