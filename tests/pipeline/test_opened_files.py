"""What a stage reads and writes is what dvc.yaml says: every stage runs on 40 real models while a hook of the
interpreter notes each file that it opens and each parameter that it reads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, SMALL_BENCHMARKS
from ruamel.yaml import YAML

from features.schema import RAW_TABLES
from foretell.sources import source_files
from pipelines.dependencies import is_data, stage_script
from pipelines.params import Params

pytestmark = pytest.mark.slow

HOOK = """
import atexit, json, os, sys
from pathlib import Path
from pydantic import BaseModel

root, notes = os.environ["NOTED_ROOT"], {"read": set(), "written": set(), "params": set()}

def note(event, details):
    if event == "open" and isinstance(details[0], str):
        path, mode, flags = details
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) if mode is None else any(letter in mode for letter in "wax+")
        notes["written" if writes else "read"].add(os.path.abspath(path))
    elif event == "os.rename":
        notes["written"].add(os.path.abspath(details[1]))

def read(self, name, plain=BaseModel.__getattribute__):
    fields = type(self).__dict__.get("__pydantic_fields__", {})
    caller = sys._getframe(1).f_code.co_filename
    if caller.startswith(root) and not caller.endswith("pipelines/params.py"):
        if name in fields:
            notes["params"].add(f"{type(self).__name__}.{name}")
        elif name == "model_dump":
            notes["params"] |= {f"{type(self).__name__}.{field}" for field in fields}
    return plain(self, name)

def save():
    listed = {name: sorted(values) for name, values in notes.items()}
    Path(os.environ["NOTED_FILES"], f"{os.getpid()}.json").write_text(json.dumps(listed))

BaseModel.__getattribute__ = read
sys.addaudithook(note)
atexit.register(save)
"""

# Read or written by a stage and no dependency or output of it, with the reason.
NO_DEPENDENCY = {
    ".git": "the commit that MLflow notes beside a run",
    "params.yaml": "its values are dependencies themselves",
    ".locks/": "one run at a time",
    ".progress/": "finished steps of an interrupted run",
    "dvc.lock": "the lineage of what is tracked, written by DVC itself",
    "mlflow.db": "the store that `track` fills",
    "mlartifacts/": "the store that `track` fills",
    "mlruns/": "the store that `track` fills",
    "reports/data_docs/": "the same result as pages for a person",
    "reports/validation_problems.csv": "only when the stage fails",
}
NOT_DECISIVE = {
    "parallel": "where work runs",
    "evaluate.storage": "where finished trials are kept",
}
ALL_PARAMS = ("track",)  # writes every parameter into its runs' lineage
GPU_STAGES = ("score", "sample", "tag")
STAGES = YAML(typ="safe").load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
ORDER = ("record", "validate", "confront", "audit", "tabulate", "select", "nest", "evaluate", "backtest", "summarise",
         "replay", "explain", "fit", "fit_laws", "trace", "mix", "check_generations", "compare", "track")  # fmt: skip


@dataclass
class Notes:
    """What one stage did: project files read and written, and parameters read."""

    read: set[str]
    written: set[str]
    params: set[str]


@pytest.fixture(scope="module")
def notes(
    small_root: Path, raw_root: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Notes]:
    """Run every stage that needs no GPU once per benchmark; stage -> what it did."""
    base = tmp_path_factory.mktemp("opened")
    root, hook = base / "root", base / "hook"
    shutil.copytree(small_root, root)
    for table in RAW_TABLES.values():
        if table.name != "models" and not table.references:
            shutil.copyfile(raw_root / table.path, root / table.path)
    shutil.copyfile(REPOSITORY / "dvc.lock", root / "dvc.lock")
    small_studies(root / "params.yaml")
    for folder in ("scores", "tags", "lineage", "forecasts"):
        (root / "data" / folder).mkdir(parents=True, exist_ok=True)
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    done = {}
    for stage in ORDER:
        files = base / stage
        files.mkdir()
        extra = {"NOTED_FILES": str(files), "NOTED_ROOT": str(REPOSITORY)}
        extra["PYTHONPATH"] = os.pathsep.join([str(hook), environment["PYTHONPATH"]])
        module = stage_script(STAGES[stage]["cmd"])
        for arguments in [[name] for name in SMALL_BENCHMARKS] if "matrix" in STAGES[stage] else [[]]:
            command = [sys.executable, "-m", module, *arguments]
            ran = subprocess.run(
                command,
                cwd=root,
                env={**environment, **extra},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert ran.returncode == 0, f"{stage}: {ran.stderr}"
        done[stage] = gathered(root, files)
    return done


def small_studies(path: Path) -> None:
    """Few resamples in the studies."""
    yaml = YAML()
    params = yaml.load(path)
    params["fit_laws"] |= {"bootstrap": 100, "benchmark_bootstrap": 20}
    params["trace"]["n_bootstrap"] = 100
    params["mix"] |= {"refits": 5, "tree_refits": 5, "candidates": 200, "n_bootstrap": 100}
    params["select"]["nested"] = False
    yaml.dump(params, path)


def gathered(root: Path, files: Path) -> Notes:
    """The notes of all processes of a stage, as paths below the checkout or the folder it ran in."""
    noted: dict[str, set[str]] = {"read": set(), "written": set(), "params": set()}
    for path in files.glob("*.json"):
        for name, values in json.loads(path.read_text()).items():
            noted[name] |= set(values)
    read, written = (
        {name for path in noted[kind] for name in [project_path(Path(path), root)] if name}
        for kind in ("read", "written")
    )
    return Notes(read, written, noted["params"])


def project_path(path: Path, root: Path) -> str:
    """The path below the checkout or `root`, a compiled module's as its source; "" for what is no project file."""
    for base in (root, REPOSITORY):
        if path.is_relative_to(base):
            inside = path.relative_to(base)
            temporary = inside.name.startswith(".") and inside.suffix == ".tmp"
            installed = {".venv", ".cache"} & set(inside.parts) or inside.name.startswith(
                "__editable__"
            )  # not the code
            # A name without a file was opened in vain, or relative to a folder that was being removed.
            if temporary or installed or not path.is_file():
                return ""
            if inside.suffix == ".pyc" or "__pycache__" in inside.parts:
                return (inside.parent.parent / f"{inside.name.split('.')[0]}.py").as_posix()
            return inside.as_posix()
    return ""


def covered(path: str, allowed: list[str]) -> bool:
    """Is a path one of the allowed files or in one of the allowed folders?"""
    return any(path == item or path.startswith(f"{item.rstrip('/')}/") for item in allowed)


def filled(names: list[str]) -> list[str]:
    """The paths of dvc.yaml with each benchmark in place of its template."""
    return [name.replace("${item.benchmark}", slug) for name in names for slug in SMALL_BENCHMARKS]


def outputs(stage: str) -> list[str]:
    """The paths of a stage's outs, metrics and plots."""
    kinds = ("outs", "metrics", "plots")
    entries: list[Any] = [entry for kind in kinds for entry in STAGES[stage].get(kind, [])]
    return filled([next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries])


@pytest.fixture(scope="module")
def each(notes: dict[str, Notes]) -> Callable[[Callable[[str, Notes], list[str]]], dict[str, list[str]]]:
    """each(check): stage -> what `check` complains of, for the stages with a complaint."""

    def run(check: Callable[[str, Notes], list[str]]) -> dict[str, list[str]]:
        return {stage: wrong for stage, noted in notes.items() if (wrong := sorted(check(stage, noted)))}

    return run


def test_every_data_file_that_is_read_is_a_dependency(each: Any) -> None:
    def undeclared(stage: str, noted: Notes) -> list[str]:
        allowed = [*filled(STAGES[stage]["deps"]), *outputs(stage), *NO_DEPENDENCY]
        return [path for path in noted.read if not path.endswith(".py") and not covered(path, allowed)]

    assert each(undeclared) == {}


def test_every_file_that_is_written_is_an_output(each: Any) -> None:
    def undeclared(stage: str, noted: Notes) -> list[str]:
        allowed = [*outputs(stage), *NO_DEPENDENCY]
        return [path for path in noted.written if not path.endswith(".py") and not covered(path, allowed)]

    assert each(undeclared) == {}


def test_every_data_dependency_is_read(each: Any) -> None:
    # A gate; folders that are empty while nothing is regenerated or forecast; folders of Parquet files.
    empty = ("data/scores", "data/tags", "data/lineage", "data/forecasts")
    backtests = ("data/backtests", *(f"data/backtests/{benchmark}" for benchmark in SMALL_BENCHMARKS))
    unread = ("reports/validation.json", *empty, "data/tables/benchmarks", *backtests)

    def needless(stage: str, noted: Notes) -> list[str]:
        if stage == "nest":  # with `select.nested: false`, as here, it writes null and reads nothing
            return []
        # Parquet is opened by compiled code, which the hook does not see.
        data = [dep for dep in filled(STAGES[stage]["deps"]) if is_data(dep) and not dep.endswith(".parquet")]
        return [dep for dep in data if dep not in unread and not any(covered(path, [dep]) for path in noted.read)]

    assert each(needless) == {}


def test_every_module_that_is_imported_is_found_in_the_source(each: Any) -> None:
    def unseen(stage: str, noted: Notes) -> list[str]:
        computed = source_files(REPOSITORY, [stage_script(STAGES[stage]["cmd"])])
        imported = {path for path in noted.read if path.endswith(".py") and (REPOSITORY / path).is_file()}
        return [path for path in imported if not covered(path, sorted(computed)) and not path.endswith("__init__.py")]

    assert each(unseen) == {}


def test_every_parameter_that_is_read_is_a_dependency(each: Any) -> None:
    sections = {field.annotation.__name__: name for name, field in Params.model_fields.items()
                if isinstance(field.annotation, type)}  # fmt: skip

    def undeclared(stage: str, noted: Notes) -> list[str]:
        allowed = [*STAGES[stage].get("params", []), *NOT_DECISIVE]
        keys = set()
        for read in noted.params - {f"Params.{name}" for name in sections.values()}:
            owner, name = read.split(".")
            keys.add(name if owner == "Params" else f"{sections.get(owner, owner)}.{name}")
        return [key for key in keys if not any(key == item or key.startswith(f"{item}.") for item in allowed)]

    wrong = each(undeclared)
    assert {stage: keys for stage, keys in wrong.items() if stage not in ALL_PARAMS} == {}


def test_the_stages_that_run_here_are_all_but_those_that_need_a_gpu() -> None:
    assert set(ORDER) | set(GPU_STAGES) == set(STAGES)
