"""A machine on which LightGBM cannot be loaded: one line says why, and all that does not need it goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from foretell.lightgbm_library import lightgbm_problem, load_lightgbm

MISSING = "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')\n"
LINE = "foretell: LightGBM cannot be loaded (libgomp.so.1: cannot open shared object file"


@pytest.fixture
def broken_lightgbm(tmp_path: Path) -> Path:
    """A folder whose package lightgbm fails as the real one does where OpenMP's runtime is missing."""
    (tmp_path / "broken" / "lightgbm").mkdir(parents=True)
    (tmp_path / "broken" / "lightgbm" / "__init__.py").write_text(MISSING)
    return tmp_path / "broken"


def test_it_is_usable_or_says_why_not() -> None:
    if lightgbm_problem():
        pytest.skip(lightgbm_problem())
    assert load_lightgbm().__name__ == "lightgbm"


def test_the_reason_names_the_library_and_the_package(broken_lightgbm: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(broken_lightgbm)!r}); from foretell.lightgbm_library import *; "
    code += "print(lightgbm_problem()); load_lightgbm()"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert finished.stdout.count("\n") == 1
    assert "libgomp.so.1" in finished.stdout and "package libgomp1" in finished.stdout
    assert "foretell.errors.ConfigError: LightGBM cannot be loaded" in finished.stderr


@pytest.mark.slow
def test_stages_leave_it_out_with_one_line_and_go_on(
    workspace: Path, raw_root: Path, environment: dict[str, str], broken_lightgbm: Path
) -> None:
    shutil.copy(raw_root / "data/raw/mixture_losses.csv", workspace / "data/raw")  # the slice holds one of its splits
    yaml = YAML()
    params = yaml.load(workspace / "params.yaml")
    params["evaluate"]["lightgbm"] = True
    params["mix"] |= {"refits": 5, "tree_refits": 5, "candidates": 200, "n_bootstrap": 100}
    yaml.dump(params, workspace / "params.yaml")
    broken = environment | {"PYTHONPATH": f"{broken_lightgbm}{os.pathsep}{environment['PYTHONPATH']}"}

    def run(stage: str, *arguments: str) -> str:
        command = [sys.executable, "-m", f"pipelines.stages.{stage}", *arguments]
        finished = subprocess.run(
            command, cwd=workspace, env=broken, capture_output=True, text=True, timeout=300, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stderr

    run("validate")
    run("tabulate")
    run("select", "lambada_0shot")
    assert run("evaluate", "lambada_0shot").count(LINE) == 1
    predictors = set(pd.read_csv(workspace / "data/errors/lambada_0shot/errors.csv")["predictor"])
    assert "scale_only" in predictors
    assert not {name for name in predictors if "lightgbm" in name}
    assert run("mix").count(LINE) == 1
    assert set(pd.read_csv(workspace / "reports/mixtures/held_out.csv")["predictor"]) == {"exponential", "linear"}
