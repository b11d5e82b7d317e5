"""dvc.yaml and the laboratory's list exactly the code that each stage's script imports."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipelines.dependencies import (
    DVC_FILES,
    LAB_FILE,
    PLUMBING,
    body,
    code_dependencies,
    computed,
    listed,
    rewritten,
    stage_names,
    stage_script,
)

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
STAGES = YAML(typ="safe").load(TEXT)["stages"]
LAB_STAGES = YAML(typ="safe").load(ROOT / LAB_FILE)["stages"]


@pytest.mark.parametrize("stages", [STAGES, LAB_STAGES], ids=[str(path) for path in DVC_FILES])
def test_dvc_yaml_lists_what_the_stages_import(stages: dict[str, Any]) -> None:
    document = {"stages": stages}
    wanted, there = computed(ROOT, document), listed(document)
    wrong = {
        name: {
            "missing": sorted({*wanted[name]} - {*there[name]}),
            "too much": sorted({*there[name]} - {*wanted[name]}),
        }
        for name in wanted
        if sorted(wanted[name]) != sorted(there[name])
    }
    assert wrong == {}, "`make deps` (python -m pipelines.dependencies) mends dvc.yaml"


def test_every_stage_has_a_script_and_every_script_a_stage() -> None:
    scripts = {f"pipelines.stages.{path.stem}" for path in (ROOT / "pipelines" / "stages").glob("[a-z]*.py")}
    stages = [*STAGES.values(), *LAB_STAGES.values()]
    assert {stage_script(body(stage)["cmd"]) for stage in stages} == scripts


def test_the_laboratorys_stages_stand_in_the_root_of_the_repository() -> None:
    assert stage_names(ROOT / LAB_FILE) == list(LAB_STAGES)
    assert {body(stage)["wdir"] for stage in LAB_STAGES.values()} == {"../.."}
    assert not {*STAGES} & {*LAB_STAGES}


def test_what_is_left_out_exists_and_says_why() -> None:
    assert [file for file in PLUMBING if not (ROOT / file).is_file()] == []
    assert all(PLUMBING.values())


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (
            "fit",
            {
                "features/schema",
                "foretell/answering/blended.py",
                "models/forecast",
                "models/problem.py",
                "models/learners.py",
            },
        ),
        ("explain", {"models/splits.py", "models/catalogue.py", "features/schema"}),
        ("tabulate", {"features/text_table.py", "foretell/answering/encoding.py"}),
        ("score", {"lms/tasks", "lms/weights.py"}),
        ("tag", {"lms/prompts", "features/text_table.py"}),
    ],
)
def test_code_that_decides_an_output_is_found(stage: str, code: set[str]) -> None:
    assert code <= set(code_dependencies(ROOT, stage, STAGES[stage]["cmd"]))


def test_a_new_import_reaches_dvc_yaml_and_nothing_else_changes(tmp_path: Path) -> None:
    for room in ("foretell", "features", "models", "lms", "expectations", "pipelines"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    before = rewritten(tmp_path, TEXT)
    assert rewritten(tmp_path, before) == before
    (tmp_path / "foretell" / "brand_new.py").touch()
    script = tmp_path / "pipelines" / "stages" / "mix.py"
    script.write_text(script.read_text() + "\n\ndef late() -> None:\n    from foretell import brand_new  # noqa\n")
    after = rewritten(tmp_path, before)
    stages = YAML(typ="safe").load(after)["stages"]
    assert [name for name, stage in stages.items() if "foretell/brand_new.py" in stage["deps"]] == ["mix"]
    assert after.count("#") == before.count("#")
    assert max(len(line) for line in after.splitlines()) <= 120
