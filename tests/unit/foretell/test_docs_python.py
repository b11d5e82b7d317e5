"""docs/python.md is run, with a small predictor in the folder that the page loads; what follows `# ->` is compared."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from registered import ROOT, save_predictor

from models.task import Task

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_page_runs(small_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_predictor(tmp_path / "data" / "predictors" / "lambada_0shot", small_task)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 7
    session: dict[str, object] = {}
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "docs/python.md", "exec"), session)
        expected = [line.partition("# -> ")[2] for line in block.splitlines() if "# -> " in line]
        assert not expected or printed.getvalue().splitlines() == expected
