"""What is packed with a predictor is all that serving imports, and nothing of the heavy stack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from models.registry.package import ROOT, SERVING_CODE, _serving_code

HEAVY = ("numba", "optuna", "great_expectations", "lightgbm", "shap", "dvc", "torch")
LOOK = f"""
import sys, foretell.answering.predictor
files = [sys.modules[name].__file__ for name in sys.modules if name.split('.')[0] in ('features', 'models')]
print(sorted(set(str(file) for file in files)))
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_the_packed_code_is_enough_and_pulls_in_nothing_heavy(tmp_path: Path) -> None:
    folders = _serving_code(tmp_path)
    assert sorted(Path(folder).name for folder in folders) == ["features", "models"]
    command = [sys.executable, "-P", "-c", LOOK]
    done = subprocess.run(
        command, cwd="/", env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True, timeout=60
    )
    files, heavy = done.stdout.splitlines()
    assert str(ROOT) not in files.replace(str(tmp_path), "")
    assert heavy == "[]"


def test_the_package_is_small() -> None:
    sources = [ROOT / name for name in SERVING_CODE]
    files = [file for source in sources for file in ([source] if source.is_file() else source.rglob("*.py"))]
    assert sum(file.stat().st_size for file in files) < 100_000
