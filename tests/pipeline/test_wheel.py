"""The wheel: built from the checkout, installed into an empty environment with its own requirements, used there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from registered import DESIGN, ROOT, save_predictor

import foretell
from models.task import Task

pytestmark = pytest.mark.slow
USE = """
import sys
from importlib.metadata import version
from pathlib import Path
import foretell
assert Path(foretell.__file__).is_relative_to(sys.prefix), foretell.__file__
assert version("foretell") == foretell.__version__
predictor = foretell.load_predictor(sys.argv[1])
print(predictor.predict({design!r}).score)
for name in ("models", "features", "pipelines", "lms", "expectations", "benchmarks"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"the wheel brought {{name}}")
from foretell import laws, mixtures, trajectories
for part in (laws, mixtures, trajectories):
    for name in part.__all__:
        getattr(part, name)
"""


def run(*command: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=580, check=False
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout's committed and uncommitted library, built in a copy so that nothing is left here."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    source.mkdir()
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    for name in files:
        if name.startswith("foretell/") or name in ("pyproject.toml", "README.md", "LICENSE"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(base / "dist"))
    built = run(sys.executable, "-m", "pip", "wheel", *options, str(source), cwd=base)
    assert built.returncode == 0, built.stderr
    return next((base / "dist").glob("*.whl"))


def test_it_brings_foretell_and_nothing_else(wheel: Path) -> None:
    assert wheel.name.startswith(f"foretell-{foretell.__version__}-py3-none-any")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"foretell", f"foretell-{foretell.__version__}.dist-info"}
    assert "foretell/py.typed" in names
    packed = {name for name in names if name.startswith("foretell/") and name.endswith(".py")}
    assert packed == {path.relative_to(ROOT).as_posix() for path in (ROOT / "foretell").rglob("*.py")}


def test_it_is_used_in_an_empty_environment(wheel: Path, small_task: Task, tmp_path: Path) -> None:
    save_predictor(tmp_path / "predictor", small_task)
    environment = tmp_path / "environment"
    assert run(sys.executable, "-m", "venv", str(environment), cwd=tmp_path).returncode == 0
    python = str(environment / "bin" / "python")
    constraints = ("--constraint", str(ROOT / "requirements.lock"))
    installed = run(
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *constraints, str(wheel), cwd=tmp_path
    )
    if "No matching distribution" in installed.stderr or "Connection" in installed.stderr:
        pytest.skip(f"no package index to install the requirements from: {installed.stderr[-200:]}")
    assert installed.returncode == 0, installed.stderr
    used = run(python, "-c", USE.format(design=DESIGN), str(tmp_path / "predictor"), cwd=tmp_path)
    assert used.returncode == 0, used.stderr
    expected = foretell.load_predictor(tmp_path / "predictor").predict(DESIGN).score
    assert float(used.stdout) == pytest.approx(expected, abs=1e-9)
    command = str(environment / "bin" / "foretell")
    assert run(command, "--version", cwd=tmp_path).stdout == f"foretell {foretell.__version__}\n"
    elsewhere = run(command, "predict", cwd=tmp_path)
    assert elsewhere.returncode == 4
    assert "not inside a checkout" in elsewhere.stderr
