"""docs/forecasts.md is run in a checkout of forty models: its commands print what stands below them but for moments,
hashes and figures, and its Python prints what follows `# ->`."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

from forecast_checkout import done, forecast_checkout, one_registered_predictor  # noqa: F401
from registered import ROOT

PAGE = (ROOT / "docs" / "forecasts.md").read_text(encoding="utf-8")


def masked(text: str) -> list[str]:
    """The lines without figures, hashes and spaces, up to where what they say depends on the figures."""
    hidden = re.sub(r"SHA-256 [^)]*", "SHA-256 ", text)
    lines = [re.split(r"\b(?:inside|edge|outside|uncertain|win|lose)\b", line)[0] for line in hidden.splitlines()]
    return [plain for line in lines if (plain := re.sub(r"[-+\d.\s─]+|\bto\b", "", line))]


def test_the_page_runs() -> None:
    [table] = re.findall(r"```csv\n(.*?)```", PAGE, flags=re.DOTALL)
    Path("results.csv").write_text(table)
    blocks = re.findall(r"```text\n\$ (foretell .*?)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 5
    for command, expected in blocks:
        program, group, *words = shlex.split(command)
        assert (program, group) == ("foretell", "forecast")
        assert masked(done(*words)) == masked(expected)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "docs/forecasts.md", "exec"), {})
    said = [line.partition("# -> ")[2] for line in code.splitlines() if "# -> " in line]
    assert printed.getvalue().splitlines() == said
