"""The code that each stage depends on, computed from what its script imports. `make deps` (`python -m
pipelines.dependencies`) writes it into dvc.yaml and into the laboratory's; a test compares. Dependencies on data are
written by hand, and another test compares them with the files that a stage opens."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from foretell.files import atomic
from foretell.sources import only_a_docstring, source_files
from lms import fingerprint

LAB_FILE = Path("pipelines/lab/dvc.yaml")
DVC_FILES = (Path("dvc.yaml"), LAB_FILE)  # paths in both are from the root of the repository
WIDTH = 120
DATA = ("data/", "reports/")

# Left out of every stage's dependencies, with the reason: none of them decides a byte of what a stage writes.
PLUMBING = {
    "foretell/__init__.py": "the public door, which imports a part when it is asked for it; nothing is computed there",
    "foretell/errors.py": "the kinds of errors: a stage that fails writes nothing",
    "foretell/files.py": "how a file is written whole, not what it holds",
    "foretell/parallel.py": "where work runs: results come back in the order of the items, wherever that is",
    "pipelines/params.py": "reads params.yaml, whose values are dependencies themselves (params)",
    "pipelines/paths.py": "where files lie: the other dependencies and the outputs say it",
    "pipelines/progress.py": "what is printed meanwhile; finished steps, kept for exactly the inputs they came from",
    "pipelines/stage.py": "the stage's lock, its argument, and the form of an error",
}

# The stages that need a GPU depend on what decides a language model's numbers alone: the same list that makes the
# fingerprints of their unfinished work (lms/fingerprint.py).
GPU_STAGES = ("score", "sample", "tag")
LAB_STAGES = ("gather", "tokenise", "pretrain", "measure", "learn", "probe")
GPU_SCRIPTS = (
    *(f"pipelines/stages/{stage}.py" for stage in GPU_STAGES),
    "pipelines/__init__.py",
    "pipelines/files.py",
)


def stage_names(path: Path) -> list[str]:
    """The stages of a dvc.yaml, in its order."""
    return list(YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"])


def stage_script(command: str) -> str:
    """The module that a stage's command runs: `python3 -m pipelines.stages.fit ${item.benchmark}`."""
    match = re.search(r"-m (pipelines\.stages\.\w+)", command)
    if match is None:
        raise ValueError(f"dvc.yaml: cmd: {command!r} runs no module of pipelines.stages")
    return match[1]


def code_dependencies(root: Path, stage: str, command: str) -> list[str]:
    """The stage's code as dvc.yaml lists it, sorted: files, and folders all of whose files are needed."""
    leave_out, script = set(PLUMBING), stage_script(command)
    if stage in GPU_STAGES:
        leave_out |= {*fingerprint.PLUMBING, *GPU_SCRIPTS}
    if stage in LAB_STAGES:
        leave_out |= {*fingerprint.PLUMBING}
    return _folders_where_whole(root, source_files(root, [script], leave_out))


def _folders_where_whole(root: Path, files: set[str]) -> list[str]:
    """`files`, with a folder in place of its files where it holds no other source."""
    whole = set(files)
    folders = sorted({parent for file in files for parent in Path(file).parents if parent != Path()}, reverse=True)
    for folder in sorted(folders, key=lambda item: -len(item.parts)):
        inside = {file for file in whole if file.startswith(f"{folder.as_posix()}/")}
        there = {
            path.relative_to(root).as_posix() for path in (root / folder).rglob("*.py") if not only_a_docstring(path)
        }
        covered = {file for file in there if any(file == item or file.startswith(f"{item}/") for item in inside)}
        if len(there) > 1 and covered == there:
            whole = (whole - inside) | {folder.as_posix()}
    return sorted(file for file in whole if not any(folder.as_posix() in whole for folder in Path(file).parents))


def computed(root: Path, document: dict[str, Any]) -> dict[str, list[str]]:
    """Stage -> the code it depends on, for every stage of dvc.yaml."""
    return {name: code_dependencies(root, name, body(stage)["cmd"]) for name, stage in document["stages"].items()}


def listed(document: dict[str, Any]) -> dict[str, list[str]]:
    """Stage -> the code that dvc.yaml lists: every dependency outside data/ and reports/."""
    return {
        name: [dep for dep in body(stage)["deps"] if not is_data(dep)] for name, stage in document["stages"].items()
    }


def is_data(dependency: str) -> bool:
    """Is a dependency of dvc.yaml data, written by hand, rather than code?"""
    return dependency.startswith(DATA)


def rewritten(root: Path, text: str) -> str:
    """The text of dvc.yaml with the computed code in every stage's deps, after its data; all else stays as it is."""
    document = YAML(typ="safe").load(text)
    for stage, code in computed(root, document).items():
        data = [dep for dep in body(document["stages"][stage])["deps"] if is_data(dep)]
        block = re.search(rf"^  {stage}:\n(?:(?:    .*)?\n)*?( +)(deps: \[[^\]]*\]\n)", text, re.MULTILINE)
        if block is None:
            raise ValueError(f"dvc.yaml: stage {stage}: expected a list `    deps: [...]`")
        text = text[: block.start(1)] + _deps(data, code, block[1]) + text[block.end(2) :]
    return text


def body(stage: dict[str, Any]) -> dict[str, Any]:
    """What a stage runs and depends on: of one made for each entry of a mapping, what is under `do`."""
    return dict(stage.get("do", stage))


def _deps(data: list[str], code: list[str], margin: str) -> str:
    """The list as dvc.yaml holds it: data, then code from a line of its own on, wrapped at the line length."""
    quoted = [[f'"{dep}"' if "$" in dep else dep for dep in part] for part in (data, code) if part]
    indent = margin + " " * len("deps: [")
    lines = [
        line
        for part in quoted
        for line in textwrap.wrap(
            ", ".join(part) + ",",
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
            break_long_words=False,
        )
    ]
    return f"{margin}deps: [" + "\n".join(lines).strip().removesuffix(",") + "]\n"


def main() -> None:
    """Rewrite the code in the deps of both files."""
    for path in DVC_FILES:
        before = path.read_text(encoding="utf-8")
        after = rewritten(Path(), before)
        if after != before:
            with atomic(path) as temporary:
                temporary.write_text(after, encoding="utf-8")
        print(f"{path}: {'rewritten' if after != before else 'up to date'}")


if __name__ == "__main__":
    main()
