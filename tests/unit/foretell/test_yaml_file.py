"""Reading YAML entry by entry gives what reading it whole gives, also where it cannot be cut into entries."""

from __future__ import annotations

from pathlib import Path

import pytest
from registered import save_predictor
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foretell.answering.yaml_file import read_yaml
from models.task import Task

CASES = (
    "a: 1\nb:\n- x\n- y: 2\nc:\n  d: {e: 1e-3}\n",
    "a: &one {x: 1}\nb: *one\n",
    "# words\na: 1\n",
    "---\na: 1\nb: 2\n",
    '{"a": 1, "b": [1, 2]}\n',
    "- a\n- b\n",
    "a: |\n  text: 1\n  b: 2\nb: 'two\n  lines'\n",
    "words\n",
    "",
    "a: 1\n\n# words\nb: 1e3\n",
)


@pytest.mark.parametrize("text", CASES)
def test_it_reads_what_ruamel_reads(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert read_yaml(tmp_path / "x.yaml") == YAML(typ="safe").load(text)


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [\nb: 1\n", "a: b: c\n", "a: *none\n"])
def test_it_refuses_what_ruamel_refuses(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(YAMLError):
        read_yaml(tmp_path / "x.yaml")


def test_a_card_is_read_and_one_reader_does_not_change_anothers(small_task: Task, tmp_path: Path) -> None:
    save_predictor(tmp_path / "predictor", small_task)
    path = tmp_path / "predictor" / "predictor.yaml"
    whole = YAML(typ="safe").load(path.read_text())
    first = read_yaml(path)
    assert first == whole
    first["encoding"]["features"].clear()
    assert read_yaml(path) == whole
