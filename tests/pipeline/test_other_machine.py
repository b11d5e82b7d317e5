"""Stages write the same bytes on another processor: under two BLAS kernels, and with fewer of numpy's vector
instructions. What `make repro` writes elsewhere leaves `dvc.lock` unchanged."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow
BENCHMARK = "lambada_0shot"
KERNELS = ("Haswell", "Nehalem")
SETTINGS = {
    "fit_laws": {"bootstrap": 100, "benchmark_bootstrap": 20},
    "mix": {"refits": 5, "tree_refits": 5, "candidates": 200, "n_bootstrap": 100},
    "evaluate": {"seeds": 2, "family_seeds": 1},
}
STAGES = (
    ("validate",),
    ("tabulate",),
    ("select", BENCHMARK),
    ("evaluate", BENCHMARK),
    ("backtest", BENCHMARK),
    ("explain", BENCHMARK),
    ("fit", BENCHMARK),
    ("fit_laws",),
    ("mix",),
)
WHICH_KERNEL = """
import numpy, threadpoolctl
print(*{library["architecture"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"})
"""


def environment_of(base: dict[str, str], kernel: str, weaker: bool) -> dict[str, str]:
    """The environment in which OpenBLAS takes `kernel`, and numpy no AVX-512 (nor AVX2, FMA) where it is `weaker`."""
    changed = {key: value for key, value in base.items() if not key.startswith("OPENBLAS_")}
    changed |= {"OPENBLAS_CORETYPE": kernel, "PYTHONPATH": str(REPOSITORY)}
    if weaker:
        changed["NPY_DISABLE_CPU_FEATURES"] = "X86_V4 X86_V3"
    return changed


def written(root: Path) -> dict[str, str]:
    """SHA-256 of every file that the stages wrote."""
    files = [path for name in ("data", "reports") for path in (root / name).rglob("*") if path.is_file()]
    made = [path for path in files if "raw" not in path.parts and "data_docs" not in path.parts]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def test_two_kernels_write_equal_bytes(
    small_root: Path, raw_root: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    results, kernels = [], []
    for kernel, weaker in zip(KERNELS, (False, True), strict=True):
        environment_here = environment_of(environment, kernel, weaker)

        def run(*command: str, cwd: Path, environment_here: dict[str, str] = environment_here) -> str:
            finished = subprocess.run(
                [sys.executable, *command],
                cwd=cwd, env=environment_here, capture_output=True, text=True, timeout=590, check=False,
            )  # fmt: skip
            assert finished.returncode == 0, f"{command}: {finished.stderr}"
            return finished.stdout

        kernels.append(run("-W", "ignore", "-c", WHICH_KERNEL, cwd=tmp_path).strip())
        root = Path(shutil.copytree(small_root, tmp_path / kernel))
        shutil.copy(raw_root / "data/raw/mixture_losses.csv", root / "data/raw")  # the slice holds one of its splits
        yaml = YAML()
        params = yaml.load(root / "params.yaml")
        for section, values in SETTINGS.items():
            params[section] |= values
        yaml.dump(params, root / "params.yaml")
        for stage, *arguments in STAGES:
            run("-m", f"pipelines.stages.{stage}", *arguments, cwd=root)
        results.append(written(root))
    if kernels[0] == kernels[1]:
        pytest.skip(f"OpenBLAS takes {kernels[0]} whatever is asked for: this processor has no second kernel")
    first, second = results
    assert len(first) >= 50
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] != second[name]} == set()
