"""The house rules: who may import whom, read from the source itself, and what serving a prediction may pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("foretell", "features", "models", "lms", "expectations", "pipelines", "benchmarks")
ANSWERING = "foretell.answering.predictor"
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Dotted names of every module that `path` imports, wherever in the file, for types only or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            answering = path.parent.name == "answering"
            assert (node.level > 0) <= answering, f"{path}: a relative import outside foretell/answering"
            base = "foretell." + ("answering." if node.level == 1 else "") if node.level else ""
            found |= {f"{base}{node.module}.{name.name}" for name in node.names}
    return found


IMPORTS = {path.relative_to(ROOT).as_posix(): imported(path) for path in FILES}


def offenders(package: str, allowed: tuple[str, ...]) -> list[str]:
    """Files outside `allowed` (paths or folders) that import `package`."""
    return [
        file
        for file, names in IMPORTS.items()
        if any(name == package or name.startswith(f"{package}.") for name in names)
        and not any(file == one or file.startswith(f"{one}/") for one in allowed)
    ]


def test_the_rooms_are_read() -> None:
    assert len(FILES) > 40
    assert {file.split("/")[0] for file in IMPORTS} == set(ROOMS)
    assert "mlflow.tracking.MlflowClient" in IMPORTS["models/registry/connection.py"]


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("great_expectations", ("expectations",)),
        ("mlflow", ("models/registry", "foretell/loading.py")),
        ("optuna", ("models/search.py",)),
        ("torch", ("lms",)),
        ("transformers", ("lms",)),
        ("lm_eval", ("lms",)),
        ("stanza", ("lms",)),
        ("dvc", ("pipelines",)),
    ],
)
def test_one_room_per_dependency(package: str, allowed: tuple[str, ...]) -> None:
    assert offenders(package, allowed) == []


MAY_IMPORT = {
    "foretell": set(),
    "features": {"foretell"},
    "models": {"features", "foretell"},
    "lms": {"features", "foretell"},
    "expectations": {"features", "foretell"},
    "pipelines": {"expectations", "features", "foretell", "lms", "models"},
    "benchmarks": {"features", "foretell", "models", "pipelines"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_rooms_point_one_way(room: str) -> None:
    arrows = {
        (file, name.split(".")[0])
        for file, names in IMPORTS.items()
        if file.startswith(f"{room}/")
        for name in names
        if name.split(".")[0] in set(ROOMS) - {room}
    }
    assert {(file, other) for file, other in arrows if other not in MAY_IMPORT[room]} == set()


@pytest.mark.parametrize("stranger", ["dvc", "pipelines", "rich", "typer"])
def test_the_library_knows_neither_dvc_nor_the_command_line(stranger: str) -> None:
    assert not [file for file in offenders(stranger, ()) if file.startswith("foretell/")]


def test_code_that_ships_with_predictors_imports_itself_and_four_libraries() -> None:
    """foretell/answering and errors.py are all that a registered predictor brings along."""
    allowed = {"numpy", "pandas", "ruamel", "xgboost"} | set(sys.stdlib_module_names)
    for file, names in IMPORTS.items():
        if file.startswith("foretell/answering/") or file == "foretell/errors.py":
            own = {name for name in names if name.startswith(("foretell.answering.", "foretell.errors."))}
            assert {name.split(".")[0] for name in names - own} <= allowed, file


def test_only_the_raw_reader_opens_raw_tables() -> None:
    for file in IMPORTS:
        if file.split("/")[0] in ("features", "models") and file != "features/raw.py":
            text = (ROOT / file).read_text(encoding="utf-8")
            assert "read_csv(" not in text or "data/raw" not in text, file


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(module: str) -> set[str]:
    """Top-level packages that are loaded after importing `module`."""
    code = f"import sys, {module}; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    return set(fresh(code).split())


def test_serving_a_predictor_is_light() -> None:
    heavy = {"mlflow", "numba", "optuna", "shap", "lightgbm", "great_expectations", "matplotlib", "dvc"}
    loaded = loaded_by(ANSWERING)
    assert "xgboost" in loaded
    assert loaded & heavy == set()


def test_serving_a_predictor_needs_nothing_more() -> None:
    # xgboost takes scikit-learn along where it is installed; a server has only what SERVING_REQUIREMENTS name
    absent = ("sklearn", "numba", "optuna", "shap", "lightgbm", "great_expectations", "matplotlib", "dvc", "joblib")
    code = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import {ANSWERING}; print('done')"
    assert fresh(code) == "done\n"


def test_the_descriptions_of_runs_need_no_mlflow() -> None:
    assert "mlflow" not in loaded_by("models.registry.runs, models.registry.lineage, models.registry.workspace")


def test_help_is_light() -> None:
    heavy = {"mlflow", "numba", "optuna", "sklearn", "shap", "xgboost", "great_expectations", "torch", "scipy"}
    assert loaded_by("pipelines.cli.main") & heavy == set()
