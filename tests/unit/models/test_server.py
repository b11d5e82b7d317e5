"""The team's server does not start with anything left open, and says what to set."""

from __future__ import annotations

import pytest

from foretell.errors import ConfigError
from models.registry.server import PASSWORD, SECRET, TeamServer

SAFE = {PASSWORD: "x" * 16, SECRET: "y" * 24}
GOOD = {"database": "postgresql://u@h/db", "artifacts": "s3://bucket/foretell"}


def test_a_safe_set_up_passes_and_listens_here_only() -> None:
    server = TeamServer(**GOOD)
    server.check(SAFE)
    assert server.host == "127.0.0.1"
    assert server.hosts() == ("localhost:5000", "127.0.0.1:5000")


@pytest.mark.parametrize(
    ("change", "environment", "words"),
    [
        ({"database": "sqlite:///x.db"}, SAFE, "--database: expected postgresql://"),
        ({"artifacts": "/tmp"}, SAFE, "--artifacts: expected s3://"),
        ({}, {SECRET: "y" * 24}, f"{PASSWORD} is not set"),
        ({}, {**SAFE, PASSWORD: "password"}, f"{PASSWORD} is not set to 12 or more"),
        ({}, {PASSWORD: "x" * 16}, f"{SECRET} is not set"),
        ({"host": "0.0.0.0"}, SAFE, "name the --allowed-hosts"),
        ({"host": "0.0.0.0", "allowed_hosts": ("*",)}, SAFE, "not \\* or nothing"),
    ],
)
def test_an_unsafe_set_up_is_refused(change: dict[str, object], environment: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TeamServer(**{**GOOD, **change}).check(environment)  # type: ignore[arg-type]


def test_open_to_the_network_with_named_hosts_is_allowed() -> None:
    TeamServer(**GOOD, host="0.0.0.0", allowed_hosts=("mlflow.example.org",)).check(SAFE)
