"""docs/trajectories.md and docs/mixtures.md are run: each page's Python blocks in one session, against the output that
stands beside them."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("page", ["trajectories.md", "mixtures.md"])
def test_python_blocks_print_what_the_page_says(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 3
    session: dict[str, object] = {}
    for block in blocks:
        expected = [line.partition("# -> ")[2] for line in block.splitlines() if "# -> " in line]
        assert expected, block
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, page, "exec"), session)
        assert [" ".join(line.split()) for line in printed.getvalue().splitlines()] == expected
