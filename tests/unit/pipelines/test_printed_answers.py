"""What `foretell predict` prints at many benchmarks: it fits a terminal of 80 columns, and says each thing once."""

import pytest
from known_targets import TARGETS
from rich.console import Console

from foretell.answering.answer import Answer
from pipelines.cli.answers import RegisteredAnswer, print_answers


def answer(slug: str, **changes: object) -> RegisteredAnswer:
    target = TARGETS[slug]
    plain = {
        "benchmark": slug,
        "title": target.title,
        "score": 0.5,
        "low": 0.4,
        "high": 0.6,
        "level": 0.9,
        "lower_is_better": target.lower_is_better,
        "support": "edge",
        "support_reason": "d_model is unknown, and every training model has one",
        "nearest": ("some-organisation/some-language-model-7b-v0.1",),
        "predictable": True,
        "contributions": {},
    }
    return RegisteredAnswer(Answer(**{**plain, **changes}), target.group, "12", "candidate")


def test_all_targets_fit_eighty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.cli.answers.console", lambda: Console(width=80))
    print_answers([answer(slug) for slug in TARGETS])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    rows = [line for line in printed.splitlines() if "0.400 to 0.600" in line]
    assert len(rows) == len(TARGETS)
    for group in {target.group for target in TARGETS.values()}:
        assert sum(line.strip() == group for line in printed.splitlines()) == 1
    assert "".join(printed.split()).count("d_modelisunknown") == 1


def test_what_needs_care_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    print_answers([answer("mmlu_5shot", predictable=False), answer("xnli_0shot", support="outside")])
    printed = capsys.readouterr().out
    assert "(*)" in printed
    assert "Lower is better: XNLI (0-shot, Brier)" in printed
    assert "Outside what the models show on 1 of 2 benchmarks" in printed
