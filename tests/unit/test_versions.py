"""One version everywhere: what `.github/check_versions.py`, which also guards a release, says of this checkout."""

from __future__ import annotations

import importlib.util
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import foretell

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("check_versions", ROOT / ".github" / "check_versions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_versions_and_dates_agree(checker: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert checker.main() == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip()


def test_the_package_takes_its_version_from_the_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "foretell.version.__version__"}


def test_a_tag_must_be_the_version(checker: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    version = foretell.__version__
    assert checker.main(f"v{version}") == 0
    assert checker.main("v99.0.0") == 1
    assert "the tag: 99.0.0" in capsys.readouterr().err


def test_a_file_that_was_forgotten_is_noticed(checker: ModuleType, tmp_path: Path) -> None:
    for name in checker.PLACES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CITATION.cff").write_text("version: 0.0.1\n", encoding="utf-8")
    assert len(set(checker.first_matches(checker.PLACES, tmp_path).values())) == 2
