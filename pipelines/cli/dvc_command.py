"""DVC called as a command, as the person's own would be."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from foretell.errors import ConfigError
from pipelines.boundary import LOG


def run_dvc(*arguments: str) -> None:
    """Run `dvc` with these arguments, quietly unless messages are asked for; ConfigError when it fails."""
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    quiet = [] if LOG.isEnabledFor(logging.INFO) else ["--quiet"]
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments, *quiet], env=environment, check=False)
    if done.returncode:
        raise ConfigError(f"`dvc {' '.join(arguments)}` failed (exit {done.returncode}); the lines above say why")
