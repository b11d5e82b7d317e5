"""Programs of language models: passing and failing ones, and the limits that end the others."""

from pathlib import Path

import pytest

from lms.programs import humaneval_program, pass_at_1, passes


def test_passing_and_failing_programs() -> None:
    assert passes("assert 1 + 1 == 2") == (True, "")
    assert not passes("assert 1 + 1 == 3")[0]
    assert not passes("def f(:")[0]
    assert not passes("import sys; sys.exit(0)")[0], "leaving before the tests is not passing them"
    assert not passes("import os; os._exit(0)")[0]


def test_a_program_that_does_not_end_is_ended() -> None:
    passed, why = passes("while True: pass", seconds=0.5)
    assert not passed
    assert "longer than 0.5 s" in why


def test_a_program_that_takes_too_much_memory_fails() -> None:
    assert not passes("x = bytearray(1 << 33)", memory_bytes=1 << 29)[0]


def test_a_program_sees_neither_this_environment_nor_this_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.chdir(tmp_path)
    assert passes("import os; assert 'SECRET_TOKEN' not in os.environ")[0]
    assert passes("open('written', 'w').write('x')")[0]
    assert not (tmp_path / "written").exists()


def test_pass_at_1_of_logged_samples() -> None:
    doc = {
        "prompt": "def add(a, b):\n",
        "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
        "entry_point": "add",
    }
    samples = [
        {"doc": doc, "filtered_resps": [body]}
        for body in ("    return a + b\n", "    return a - b\n", "    return a +")
    ]
    assert [passed for passed, _ in pass_at_1(samples)] == [True, False, False]
    assert humaneval_program(doc, "    return 3").endswith("check(add)\n")
