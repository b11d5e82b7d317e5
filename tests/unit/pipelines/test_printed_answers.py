"""What `foretell predict` prints at many benchmarks: it fits a terminal of 80 columns, and says each thing once."""

import pytest
from known_targets import TARGETS
from rich.console import Console

from foretell.answering.answer import Answer
from pipelines.cli.answers import RegisteredAnswer, _reasons, print_answers


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


def test_few_reasons_are_listed_and_many_are_counted() -> None:
    unknown = "unknown, and the score depends on it: "
    few = [f"{unknown}biases", f"{unknown}biases", f"{unknown}d_model"]
    assert _reasons("edge", few) == [f"edge on 2: {unknown}biases", f"edge on 1: {unknown}d_model"]
    many = [f"{unknown}biases, {name} and 3 more; shares are unknown" for name in ("d_model", "n_heads", "pct_web")]
    many += ["total_params is 2.5 times the largest known", "total_params is 9 times the largest known"]
    head, *parts = _reasons("outside", many)
    assert head == "outside on 5:"
    assert parts[0].startswith("  3: unknown, and the score depends on it: most often biases (3), ")
    assert parts[1:] == ["  3: shares are unknown", "  2: total_params is above the largest known"]
    assert _reasons("edge", []) == []
