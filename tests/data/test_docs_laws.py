"""docs/laws.md is run: its Python blocks in one session, its commands against the output printed on the page (words
exactly, numbers within 5 %, because the last digits of a bootstrap differ between processors)."""

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from pipelines.boundary import run_command
from pipelines.cli import law as cli_law

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "laws.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
COMMANDS = [
    (command, expected)
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for command, expected in re.findall(r"^\$ foretell law (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE)
]
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def agree(expected: str, actual: str) -> bool:
    """Equal words, and numbers within 5 % of each other."""
    words = [" ".join(NUMBER.sub("#", text).split()) for text in (expected, actual)]
    numbers = [[float(found) for found in NUMBER.findall(text)] for text in (expected, actual)]
    return words[0] == words[1] and numbers[1] == pytest.approx(numbers[0], rel=0.05)


def test_the_page_has_examples() -> None:
    assert len(COMMANDS) >= 4 and len(BLOCKS) >= 4


@pytest.mark.parametrize(("command", "expected"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_commands_print_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, expected: str
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["law", *shlex.split(command)])
    with pytest.raises(SystemExit):
        run_command(cli_law.app)
    printed = capsys.readouterr()
    assert agree(expected, printed.out + printed.err), printed.out + printed.err


def test_python_blocks_run_in_one_session_and_print_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    session: dict[str, object] = {}
    for block in BLOCKS:
        expected = "\n".join(line.partition("# -> ")[2] for line in block.splitlines() if "# -> " in line)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "docs/laws.md", "exec"), session)
        assert agree(expected, printed.getvalue()), printed.getvalue()


def test_agreement_notices_a_changed_word_and_a_changed_number() -> None:
    assert agree("loss 2.07 nats", "loss 2.08 nats")
    assert not agree("loss 2.07 nats", "loss 2.27 nats")
    assert not agree("loss 2.07 nats", "lose 2.07 nats")
