"""A stage that is started with a Python that lacks the project's libraries runs in the checkout's .venv, or says in one
line what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BARE = Path(sys.base_prefix) / "bin" / "python3"
SCRIPT = "import sys\nimport pandas\nprint('ran', sys.argv[1:])\n"


def run(folder: Path, interpreter: Path | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the stage `echo` of a copied checkout as DVC would, in an environment without a path of its own."""
    command = [str(interpreter), "-m", "pipelines.stages.echo", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def bare() -> Path:
    """An interpreter without the project's libraries."""
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('xgboost') is not None)"
    if not BARE.is_file() or subprocess.run([BARE, "-I", "-c", probe], check=False, timeout=60).returncode:
        pytest.skip(f"{BARE} is missing or has the project's libraries")
    return BARE


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one stage that needs pandas."""
    stages = tmp_path / "pipelines" / "stages"
    stages.mkdir(parents=True)
    shutil.copyfile(ROOT / "pipelines" / "__init__.py", tmp_path / "pipelines" / "__init__.py")
    (stages / "__init__.py").touch()
    (stages / "echo.py").write_text(SCRIPT)
    return tmp_path


def make_environment(checkout: Path, interpreter: Path | str) -> None:
    """Give the checkout a .venv/bin/python that starts `interpreter`."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{interpreter}" "$@"\n')
    python.chmod(0o755)


def test_without_libraries_the_stage_runs_in_the_checkouts_environment(bare: Path, checkout: Path) -> None:
    make_environment(checkout, sys.executable)
    ran = run(checkout, bare, "some_benchmark", "-x")
    assert (ran.returncode, ran.stdout) == (0, "ran ['some_benchmark', '-x']\n"), ran.stderr


def test_without_libraries_and_environment_one_line_says_what_to_do(bare: Path, checkout: Path) -> None:
    ran = run(checkout, bare)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert "lacks" in line
    assert "make env" in line


def test_an_environment_that_lacks_the_libraries_too_does_not_start_itself_for_ever(bare: Path, checkout: Path) -> None:
    make_environment(checkout, bare)
    ran = run(checkout, bare)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert "make env" in line


def test_an_interpreter_that_has_the_libraries_is_kept(checkout: Path) -> None:
    make_environment(checkout, "/bin/false")
    assert run(checkout, sys.executable).stdout == "ran []\n"
