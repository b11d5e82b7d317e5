"""Token losses: every token once, by the stated rule, equal to a loss computed one token at a time; and a table that
trend tests take."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lms.token_losses as module
from foretell.errors import ConfigError, DataError
from foretell.trajectories.trends import DOWNWARD, classify_trends
from lms.checkpoints import Checkpoint, find_checkpoint, read_checkpoints
from lms.token_losses import LossSettings, loss_matrix, losses_of_tokens, read_texts, token_losses, windows
from lms.weights import context_length

TEXTS = ["The cat sat on the mat and looked at the moon.\n" * 6, "def f(x):\n    return x + 1\n"]


@pytest.mark.parametrize(
    ("n_tokens", "context", "stride"), [(1, 8, 4), (8, 8, 8), (9, 8, 8), (9, 8, 4), (100, 8, 3), (31, 5, 1)]
)
def test_windows_score_every_token_once_with_enough_before_it(n_tokens: int, context: int, stride: int) -> None:
    found = windows(n_tokens, context, stride)
    assert [token for window in found for token in range(window.first_scored, window.end)] == list(range(n_tokens))
    assert all(0 < window.end - window.start <= context for window in found)
    assert found[0].start == 0
    # Token t is predicted from inputs start..t, and input 0 is the beginning of the text.
    seen = [token + 1 - window.start for window in found[1:] for token in range(window.first_scored, window.end)]
    assert all(context - stride + 1 <= number <= context for number in seen)


def test_windows_by_hand_and_refusals() -> None:
    assert [(w.start, w.end, w.first_scored) for w in windows(11, 6, 3)] == [(0, 6, 0), (3, 9, 6), (5, 11, 9)]
    assert windows(0, 6, 3) == []
    for stride in (0, 7):
        with pytest.raises(ConfigError, match="1 <= stride <= context"):
            windows(11, 6, stride)
    with pytest.raises(ConfigError, match="batch size"):
        LossSettings(batch_size=0)


def test_texts_are_lines_of_json_or_one_plain_text(tmp_path: Path) -> None:
    lines, plain = tmp_path / "a.jsonl", tmp_path / "a.txt"
    lines.write_text('{"text": "one\\u2028more", "n": 1}\n"two"\n', encoding="utf-8")
    plain.write_text("one\n\ntwo\n", encoding="utf-8")
    assert read_texts(lines) == ["one\u2028more", "two"]
    assert read_texts(plain) == ["one\n\ntwo\n"]
    lines.write_text('"two"\n{"txt": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        read_texts(lines)
    lines.write_text('"two"\n""\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"texts \[1\] are empty"):
        read_texts(lines)
    assert read_texts(lines, allow_empty=True) == ["two", ""]
    lines.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="no texts"):
        read_texts(lines)
    with pytest.raises(DataError, match="not readable"):
        read_texts(tmp_path / "missing.txt")
    plain.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        read_texts(plain)


def _list(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_the_list_of_checkpoints_is_checked(tmp_path: Path) -> None:
    path, hub = tmp_path / "models.yaml", {"model_id": "Org/Model", "revision": "a" * 40}
    known = read_checkpoints(_list(path, {"model": "b", **hub}, *({"model": "a", "step": s, **hub} for s in (20, 3))))
    assert [item.name for item in known] == ["a@3", "a@20", "b"]
    assert known[0].record.slug == "org--model"
    assert known[0].record.location == "Org/Model"
    assert find_checkpoint(known, "a@20") is known[1]
    assert find_checkpoint(known, "b") is known[2]
    with pytest.raises(ConfigError, match="2 checkpoints; known: a@3, a@20, b"):
        find_checkpoint(known, "a")
    for entries, message in (
        (({"model": "a", **hub, "revision": "main"},), "does not pin"),
        (({"model": "a", **hub, "unsafe_weights": True},), "only safetensors"),
        (({"model": "a b", **hub},), "expected names"),
        (({"model": "a", **hub},) * 2, "more than once"),
        (({"model": "a", "step": 0, **hub},), "0.step"),
        (({"model": "a", "stp": 1, **hub},), "0.stp"),
        ((), "at least 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_checkpoints(_list(path, *entries))
    path.write_text("[", encoding="utf-8")
    with pytest.raises(ConfigError, match="not YAML"):
        read_checkpoints(path)
    with pytest.raises(ConfigError, match="not readable"):
        read_checkpoints(tmp_path / "none.yaml")


class _Config:
    max_position_embeddings = 64


def test_context_is_the_models_own_or_shorter() -> None:
    assert context_length(_Config(), 0) == 64
    assert context_length(_Config(), 10) == 10
    assert context_length(object(), 10) == 10
    with pytest.raises(ConfigError, match="longer than the model's own, 64"):
        context_length(_Config(), 65)
    with pytest.raises(ConfigError, match="names no context"):
        context_length(object(), 0)


def _table(steps: list[int], n_tokens: int = 2) -> pd.DataFrame:
    rows = [("m", s, 0, p, 7, "t", float(10 * s + p)) for s in steps for p in range(n_tokens)]
    return pd.DataFrame(rows, columns=module.COLUMNS)


def test_matrix_orders_steps_and_tokens_and_refuses_gaps() -> None:
    matrix = loss_matrix(_table([30, 1, 2]), "m")
    assert matrix.steps.tolist() == [1, 2, 30]
    assert matrix.losses_nats.tolist() == [[10, 11], [20, 21], [300, 301]]
    assert matrix.tokens.position.tolist() == [0, 1]
    with pytest.raises(DataError, match="not in the table"):
        loss_matrix(_table([1]), "other")
    with pytest.raises(DataError, match="twice"):
        loss_matrix(pd.concat([_table([1]), _table([1])]), "m")
    with pytest.raises(DataError, match="do not share their tokens"):
        loss_matrix(pd.concat([_table([1]), _table([2], 3)]), "m")


@pytest.fixture(scope="module")
def checkpoints(trained: Path) -> list[Checkpoint]:
    return read_checkpoints(trained)


@pytest.mark.slow
def test_losses_are_those_of_one_token_at_a_time(checkpoints: list[Checkpoint]) -> None:
    import torch

    from lms.weights import load_model

    loaded = load_model(checkpoints[-1].record, "cpu")
    texts = [module.encode(loaded, text) for text in TEXTS]
    assert len(texts[0]) > 60
    settings = LossSettings(context=24, stride=7, batch_size=3)
    found = losses_of_tokens(loaded, texts, settings)
    for tokens, losses in zip(texts, found, strict=True):
        sequence = [loaded.tokenizer.bos_token_id, *tokens]
        for window in windows(len(tokens), 24, 7):
            for target in range(window.first_scored, window.end):
                with torch.no_grad():
                    logits = loaded.model(torch.tensor([sequence[window.start : target + 1]])).logits[0, -1]
                expected = -torch.log_softmax(logits.double(), dim=-1)[tokens[target]].item()
                assert losses[target] == pytest.approx(expected, abs=2e-5)
    for batch_size in (1, 50):
        again = losses_of_tokens(loaded, texts, LossSettings(24, 7, batch_size))
        np.testing.assert_allclose(np.concatenate(again), np.concatenate(found), atol=1e-5)
    # The library's own mean loss over a text that fits.
    tokens = torch.tensor([[loaded.tokenizer.bos_token_id, *texts[1]]])
    (short,) = losses_of_tokens(loaded, [texts[1]], LossSettings())
    assert short.mean() == pytest.approx(loaded.model(tokens, labels=tokens).loss.item(), abs=1e-5)


@pytest.mark.slow
def test_a_model_that_knows_nothing_loses_log_vocabulary(checkpoints: list[Checkpoint]) -> None:
    import torch

    from lms.weights import load_model

    loaded = load_model(checkpoints[0].record, "cpu")
    with torch.no_grad():
        loaded.model.lm_head.weight.zero_()
    (losses,) = losses_of_tokens(loaded, [module.encode(loaded, TEXTS[0])], LossSettings())
    np.testing.assert_allclose(losses, math.log(loaded.model.config.vocab_size), rtol=1e-6)
    with torch.no_grad():
        loaded.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(DataError, match="losses are not finite, the first at"):
        module.checkpoint_losses(loaded, checkpoints[0], TEXTS, LossSettings())


@pytest.mark.slow
def test_out_of_memory_halves_the_batch(checkpoints: list[Checkpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from lms.weights import load_model

    loaded = load_model(checkpoints[0].record, "cpu")
    texts = [module.encode(loaded, text) for text in TEXTS]
    expected = losses_of_tokens(loaded, texts, LossSettings(16, 8, 2))
    whole, fits = module._batch_losses, 2

    def limited(*given: Any) -> Any:
        if len(given[1]) > fits:
            raise torch.OutOfMemoryError("injected")
        return whole(*given)

    monkeypatch.setattr(module, "_batch_losses", limited)
    halved = losses_of_tokens(loaded, texts, LossSettings(16, 8, 8))
    np.testing.assert_array_equal(np.concatenate(halved), np.concatenate(expected))
    fits = 0
    with pytest.raises(torch.OutOfMemoryError):
        losses_of_tokens(loaded, texts, LossSettings(16, 8, 8))


@pytest.mark.slow
def test_an_interrupted_run_resumes_with_the_same_bytes(
    checkpoints: list[Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LossSettings(context=32)
    whole = token_losses(checkpoints, TEXTS, settings, tmp_path / "work", tmp_path / "whole.parquet")
    assert len(whole) == 7 * len(whole[whole.step == 4])
    loaded: list[str] = []
    load = module.load_model

    def dies_at_the_third(record: dict[str, Any], device: str) -> Any:
        loaded.append(record.revision)
        if len(loaded) == 3:
            raise KeyboardInterrupt
        return load(record, device)

    monkeypatch.setattr(module, "load_model", dies_at_the_third)
    out = tmp_path / "resumed.parquet"
    with pytest.raises(KeyboardInterrupt):
        token_losses(checkpoints, TEXTS, settings, tmp_path / "again", out)
    assert not out.exists()
    token_losses(checkpoints, TEXTS, settings, tmp_path / "again", out)
    assert loaded[3:] == [item.record.revision for item in checkpoints[2:]], "finished checkpoints ran again"
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    stated = [json.loads(Path(f"{path}.json").read_text()) for path in (out, tmp_path / "whole.parquet")]
    assert stated[0] == stated[1]
    token_losses(checkpoints[:1], TEXTS[:1], settings, tmp_path / "again", tmp_path / "other.parquet")
    before = len(loaded)
    token_losses(checkpoints, TEXTS, settings, tmp_path / "again", out)
    assert len(loaded) == before, "another text's run removed this one's work"
    nameless = Checkpoint("x", None, checkpoints[0].record)
    with pytest.raises(ConfigError, match=r"without a step: \['x'\]"):
        token_losses([nameless], TEXTS, settings, tmp_path / "again", out)


@pytest.mark.slow
def test_trends_of_single_tokens_while_a_model_learns(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    texts = [(Path(__file__).parents[2] / "fixtures" / "tiny_text.txt").read_text(encoding="utf-8")]
    table = token_losses(checkpoints, texts, LossSettings(), tmp_path / "work", tmp_path / "losses.parquet")
    matrix = loss_matrix(table, "tiny")
    assert matrix.losses_nats.shape == (7, len(matrix.tokens))
    means = matrix.losses_nats.mean(axis=1)
    assert means[-1] < 0.7 * means[0], "the model did not learn its text"
    trends = classify_trends(matrix.steps, matrix.losses_nats, skip_fraction=0.1)
    assert trends.n_checkpoints == 6
    assert trends.shares()[DOWNWARD] > 0.5
    downward = trends.is_trend(DOWNWARD)
    fallen = matrix.losses_nats[0] - matrix.losses_nats[-1]
    assert fallen[downward].mean() > fallen[~downward].mean()
