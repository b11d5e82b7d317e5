"""What the pages name exists: repository paths, `python -m` modules, `foretell` commands with their options, make
targets, dotted Python names, and the targets of links."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipelines.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
]
PACKAGES = ("foretell", "features", "models", "lms", "expectations", "pipelines", "benchmarks")
FOLDERS = (*PACKAGES, "data", "docs", "tests", "reports", "dvcstore", ".github")
# Written by a run, so not in a clone: only their folder is held to exist in .gitignore or dvc.yaml.
WRITTEN = re.compile(
    r"(reports|data/(tables|selected|nested|errors|explained|predictors|records|sequence|scores|score_items|tags"
    r"|generations|lineage|forecasts|lab)|tests/screenshots)(/|$)"
)
EXAMPLES = {"data/raw/mine.csv"}


def read(page: Path) -> str:
    """The text of a page."""
    return page.read_text(encoding="utf-8")


def code_spans(text: str) -> list[str]:
    """Fenced blocks and inline code of a page; a fenced block counts line by line, with continued lines joined."""
    fences = re.findall(r"^```[\w]*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line.strip() for fence in fences for line in fence.replace("\\\n", " ").splitlines()]
    return [*lines, *(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest))]


def commands(text: str, program: str) -> list[str]:
    """Calls of `program` in a page's code: the words from its name to the end of the command."""
    pattern = rf"(?:^|[\s/(])({program}(?: .*)?)$"
    found = [
        re.search(pattern, part.strip()) for span in code_spans(text) for part in re.split(r" && | # |  #|\|", span)
    ]
    return [match[1] for match in found if match]


@pytest.fixture(params=PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def page(request: pytest.FixtureRequest) -> Path:
    """Every page in turn."""
    path: Path = request.param
    return path


def test_the_pages_are_found() -> None:
    assert len(PAGES) > 20
    assert all(page.is_file() for page in PAGES)


def test_paths_exist(page: Path) -> None:
    folders = "|".join(re.escape(folder) for folder in FOLDERS)
    paths = set(re.findall(rf"(?<![\w./@:<>-])((?:{folders})/[\w./*@<>{{}},-]*)", read(page)))
    plain = {path.rstrip(".,") for path in paths} - EXAMPLES
    assert [path for path in sorted(plain) if not WRITTEN.match(path) and not is_there(path)] == []


def is_there(path: str) -> bool:
    """Does a path of the repository exist, itself or as the `.dvc` file that stands for it (`*` and `<slug>` match)?"""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    return any(list(ROOT.glob(name)) for name in (pattern, f"{pattern}.dvc"))


def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", re.sub(r"`[^`]*`", "", read(page)))
    files = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in files if not (page.parent / link).exists()] == []


def test_modules_that_are_run_exist(page: Path) -> None:
    modules = re.findall(r"python -m ([\w.]+)", read(page))
    own = [name for name in modules if name.split(".")[0] in PACKAGES]
    assert [name for name in own if not (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()] == []


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {words[1] for line in commands(read(page), "make") if len(words := line.split()) > 1}
    assert {name for name in named if name.isalpha() or "-" in name} <= targets


def test_foretell_commands_exist_with_their_options(page: Path) -> None:
    problems = [problem for line in commands(read(page), "foretell") if (problem := command_problem(line))]
    assert problems == []


def command_problem(line: str) -> str:
    """What is wrong with a `foretell` command line ("" = nothing): an unknown command or an unknown option."""
    words = shlex.split(line.replace("...", ""), comments=True)[1:]
    if words == ["--version"]:  # of the installed command, outside a checkout too
        return ""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return f"{line}: no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options]
    return f"{line}: no option {', '.join(unknown)}" if unknown else ""


def test_a_wrong_command_and_a_wrong_option_are_noticed() -> None:
    assert "no command 'guess'" in command_problem("foretell guess --params 7e9")
    assert "no option --size" in command_problem("foretell predict --size 7e9")
    assert command_problem("foretell law predict --study chinchilla --params 7e9 --tokens 1e12") == ""


def test_dotted_names_exist(page: Path) -> None:
    packages = "|".join(PACKAGES)
    names = {
        match[1]
        for span in code_spans(read(page))
        for match in re.finditer(rf"(?<![\w./-])((?:{packages})(?:\.[A-Za-z_]\w*)+)(?![\w/])", span)
        if not match[1].endswith((".py", ".md", ".csv", ".yaml", ".json", ".png"))
    }
    assert [name for name in sorted(names) if not is_defined(name)] == []


def is_defined(name: str) -> bool:
    """Is a dotted name a module of this repository, or a name at the top level of one (or of a class of it)?"""
    parts = name.split(".")
    for n_module in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:n_module])
        file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if file.is_file():
            rest = parts[n_module:]
            return not rest or rest[0] in names_of(file)
        if base.is_dir():
            return n_module == len(parts)
    return False


def names_of(file: Path) -> set[str]:
    """Every name that a module defines, imports or lists as a string (a lazy `__init__.py` lists its names)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(read(file))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and file.name == "__init__.py":
            names.add(node.value)
    return names
