"""SECURITY.md, read from the source: no pickles, no code from strings, no shell strings, no code from model
repositories; and what loading a predictor executes, watched while it happens."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from registered import DESIGN, save_predictor

from models.task import Task

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("foretell", "features", "models", "lms", "expectations", "pipelines", "benchmarks")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "jsonpickle"}
PICKLE_CALLS = {"read_pickle", "to_pickle", "joblib.load", "joblib.dump"}
CODE_CALLS = {"eval", "exec", "os.system", "os.popen", "runpy.run_path"}
# Each allowed use, with its reason.
UNSAFE_WEIGHTS = {"lms/weights.py"}  # a record with unsafe_weights: true admits pickled weights


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or an attribute; what is neither (a call, a subscript) is `?`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def calls(tree: ast.AST) -> list[ast.Call]:
    """Every call in a module."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def files_where(wrong: set[str]) -> list[str]:
    """Files that call one of `wrong`, by its last or its full name."""
    return [
        file
        for file, tree in TREES.items()
        if any(dotted(call.func) in wrong or dotted(call.func).split(".")[-1] in wrong for call in calls(tree))
    ]


def files_with_argument(name: str, value: object) -> list[str]:
    """Files with a call that gives the keyword `name` the constant `value`."""
    return [
        file
        for file, tree in TREES.items()
        for call in calls(tree)
        for keyword in call.keywords
        if keyword.arg == name and isinstance(keyword.value, ast.Constant) and keyword.value.value is value
    ]


def imports(tree: ast.AST) -> set[str]:
    """Top-level names of all imported packages."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_every_room_is_read() -> None:
    assert {file.split("/")[0] for file in TREES} == set(ROOMS)


def test_nothing_is_pickled_or_unpickled() -> None:
    assert [file for file, tree in TREES.items() if imports(tree) & PICKLES] == []
    assert files_where(PICKLE_CALLS) == []
    assert files_with_argument("allow_pickle", True) == []


def test_no_code_is_made_of_strings() -> None:
    assert [file for file, tree in TREES.items() if {dotted(call.func) for call in calls(tree)} & CODE_CALLS] == []


def test_no_command_goes_through_a_shell() -> None:
    assert files_with_argument("shell", True) == []


def test_yaml_is_read_without_making_objects() -> None:
    """ruamel.yaml's safe and round-trip loaders make plain values; PyYAML is not used at all."""
    assert [file for file, tree in TREES.items() if "yaml" in imports(tree)] == []
    assert files_with_argument("typ", "unsafe") == []


def test_no_code_of_a_model_repository_runs() -> None:
    assert files_with_argument("trust_remote_code", True) == []


def test_pickled_weights_are_admitted_in_one_place() -> None:
    assert set(files_with_argument("weights_only", False)) <= UNSAFE_WEIGHTS
    assert set(files_where({"torch.load"})) <= UNSAFE_WEIGHTS


@pytest.mark.parametrize(
    ("source", "noticed"),
    [
        ("import pickle", lambda tree: imports(tree) & PICKLES),
        ("from cloudpickle import loads", lambda tree: imports(tree) & PICKLES),
        ("os.system('ls')", lambda tree: {dotted(call.func) for call in calls(tree)} & CODE_CALLS),
        ("eval('1')", lambda tree: {dotted(call.func) for call in calls(tree)} & CODE_CALLS),
    ],
)
def test_the_rules_notice_what_they_forbid(source: str, noticed: object) -> None:
    assert callable(noticed) and noticed(ast.parse(source))


WATCHED = """
import sys
import foretell
from pathlib import Path
folder, events = Path(sys.argv[1]), []
foretell.load_predictor, foretell.Predictor  # their modules are imported before the watch begins
def watch(event, arguments):
    if event == "pickle.find_class":
        events.append(event)
    if event == "exec" and str(folder) in str(arguments[0].co_filename):
        events.append(event)
    if event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
        events.append(event)
sys.addaudithook(watch)
predictor = foretell.load_predictor(folder)
predictor.explain({design!r})
print(predictor.predict({design!r}).benchmark, events, str(folder) in sys.path)
"""


def test_loading_a_predictor_runs_none_of_the_code_beside_it(small_task: Task, tmp_path: Path) -> None:
    folder = tmp_path / "predictor"
    save_predictor(folder, small_task)
    for name in ("serving.py", "sitecustomize.py", "code/answering/predictor.py", "foretell/__init__.py", "pandas.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise SystemExit('the code in the folder was run')")
    (folder / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    command = [sys.executable, "-c", WATCHED.replace("{design!r}", repr(DESIGN)), str(folder)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "lambada_0shot [] False\n"
