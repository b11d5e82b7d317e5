"""A clone of this repository in which the whole pipeline has run on two benchmarks with few seeds. Tests that change it
copy it first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ["humaneval_0shot", "lambada_0shot"]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def small_params(path: Path) -> None:
    """Cut the parameters in `path` down to two benchmarks and few seeds."""
    yaml = YAML()
    params = yaml.load(path.read_text())
    params["benchmarks"] = BENCHMARKS
    params["protocol"] |= {"max_depth": [2, 3], "learning_rate": [0.1, 0.3], "n_estimators": [20, 50]}
    params["select"] |= {"seeds": 1, "threshold": 0.003}
    params["evaluate"] |= {"seeds": 3, "family_seeds": 2, "lightgbm": False}
    params["explain"]["seeds"] = 2
    params["fit"] |= {"seeds": 2}
    params["fit_laws"] |= {"bootstrap": 100, "benchmark_bootstrap": 20}
    params["trace"]["n_bootstrap"] = 100
    params["mix"] |= {"refits": 5, "tree_refits": 5, "candidates": 200, "n_bootstrap": 100}
    yaml.dump(params, path)


def shell(folder: Path, *command: str, timeout: int = 900) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` with this environment's programs first on the path and a local store."""
    left_out = ("MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE")  # as a person has it: modules are compiled and kept
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    environment |= {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t"}
    environment |= {"GIT_COMMITTER_EMAIL": "t@t", "COLUMNS": "200"}
    return subprocess.run(
        list(command), cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def checked(folder: Path, *command: str) -> str:
    """The command's output; fails the test with all of it when the command fails."""
    done = shell(folder, *command)
    assert done.returncode == 0, f"{' '.join(command)} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session", name="reproduced")
def reproduced_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone, made once per test run (shared between test processes)."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    clone, ready = shared / "reproduced", shared / "reproduced.ready"
    with FileLock(shared / "reproduced.lock"):
        if not ready.exists():
            checked(shared, "git", "clone", "--quiet", str(ROOT), str(clone))
            small_params(clone / "params.yaml")
            checked(clone, "git", "commit", "--quiet", "--all", "--message", "fewer seeds")
            ready.write_text(checked(clone, sys.executable, "-m", "pipelines.cli", "repro"))
    return clone
