"""Contrastive sampling: the formula exactly, the closed forms, and texts that depend on nothing but their number."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretell.errors import ConfigError
from lms.checkpoints import Checkpoint, find_checkpoint, read_checkpoints
from lms.contrast import ContrastSampler, ContrastSettings, ContrastText, contrast_log_probabilities, contrast_models
from lms.record import Record
from lms.weights import LoadedModel, load_model

SETTINGS = ContrastSettings(n_texts=12, max_tokens=24, batch_size=5)
KEYS = ("small", "large")


def _softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("exponent", "plausibility"), [(1.0, 0.0), (0.5, 0.0), (2.0, 0.1), (1.0, 0.3), (1.0, 1.0)])
def test_the_next_tokens_distribution_is_the_formula(exponent: float, plausibility: float) -> None:
    import torch

    small, large = np.random.default_rng(0).normal(size=(2, 4, 7)) * 2
    found = contrast_log_probabilities(torch.tensor(small), torch.tensor(large), exponent, plausibility).exp().numpy()
    p_small, p_large = _softmax(small), _softmax(large)
    ratio = p_small**exponent / p_large
    ratio[p_small < plausibility * p_small.max(axis=1, keepdims=True)] = 0.0
    np.testing.assert_allclose(found, ratio / ratio.sum(axis=1, keepdims=True), rtol=1e-12)
    if plausibility == 1.0:
        np.testing.assert_array_equal(found.argmax(axis=1), small.argmax(axis=1))


@pytest.mark.usefixtures("libraries")
def test_by_hand_and_at_the_edges() -> None:
    import torch

    small, large = torch.log(torch.tensor([[0.5, 0.3, 0.2]])), torch.log(torch.tensor([[0.25, 0.25, 0.5]]))
    # 2, 1.2, 0.4 over their sum 3.6; the reverse 0.5, 0.8333, 2.5 over 3.8333.
    expected = [[2 / 3.6, 1.2 / 3.6, 0.4 / 3.6]]
    np.testing.assert_allclose(contrast_log_probabilities(small, large, 1.0).exp(), expected, rtol=1e-6)
    reverse = [[3 / 23, 5 / 23, 15 / 23]]
    np.testing.assert_allclose(contrast_log_probabilities(large, small, 1.0).exp(), reverse, rtol=1e-6)
    # Equal models at lambda 1 leave nothing to prefer.
    np.testing.assert_allclose(contrast_log_probabilities(small, small, 1.0).exp(), [[1 / 3] * 3], rtol=1e-6)
    # Against a uniform model, lambda 1 is the preferred model itself.
    np.testing.assert_allclose(contrast_log_probabilities(small, torch.zeros(1, 3), 1.0).exp(), small.exp(), rtol=1e-6)
    never = torch.tensor([[0.0, -math.inf, 0.0]])
    ruled_out = contrast_log_probabilities(never, never, 1.0).exp()
    np.testing.assert_allclose(ruled_out, [[0.5, 0.0, 0.5]], rtol=1e-6)
    with pytest.raises(ConfigError, match="shapes"):
        contrast_log_probabilities(small, torch.zeros(1, 4), 1.0)


@pytest.mark.parametrize(
    "wrong",
    [{"exponent": 0.0}, {"exponent": math.inf}, {"plausibility": 1.1}, {"top_p": 0.0}, {"n_texts": 0}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} out of range"):
        ContrastSettings(**wrong)


@pytest.fixture(scope="module")
def checkpoints(trained: Path) -> list[Checkpoint]:
    return read_checkpoints(trained)


@pytest.fixture(scope="module")
def pair(checkpoints: list[Checkpoint]) -> tuple[LoadedModel, LoadedModel]:
    """A model early and late in training: the nearest to a small and a large one here."""
    first, last = (find_checkpoint(checkpoints, name) for name in ("tiny@8", "tiny@48"))
    return load_model(first.record, "cpu"), load_model(last.record, "cpu")


@pytest.fixture
def uniform(checkpoints: list[Checkpoint]) -> LoadedModel:
    import torch

    loaded = load_model(checkpoints[0].record, "cpu")
    with torch.no_grad():
        loaded.model.lm_head.weight.zero_()
    return loaded


@pytest.mark.slow
def test_against_a_uniform_model_it_is_sampling_from_the_small_one(
    pair: tuple[LoadedModel, LoadedModel],
    uniform: LoadedModel,
    checkpoints: list[Checkpoint],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import lms.drawing
    from lms.generate import GeneratedText, HuggingFaceGenerator
    from lms.settings import SampleSettings

    draws = lms.drawing.text_uniforms
    monkeypatch.setattr(lms.drawing, "text_uniforms", lambda key, *rest: draws("the same for both", *rest))
    plain = SampleSettings(n_texts=12, temperature=1.0, top_p=1.0, max_tokens=24, batch_size=12)
    expected = HuggingFaceGenerator(pair[0], checkpoints[1].record, plain).texts(range(12))
    found = ContrastSampler(pair[0], uniform, KEYS, SETTINGS).texts(range(12))
    assert [GeneratedText(text.index, text.text, text.n_tokens, text.ended) for text in found] == expected
    vocabulary = pair[0].model.config.vocab_size
    assert all(text.perplexity_other == pytest.approx(vocabulary, rel=1e-5) for text in found)


@pytest.mark.slow
def test_first_tokens_are_drawn_by_the_formula(
    pair: tuple[LoadedModel, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    import lms.drawing

    n = 4000
    spaced = (np.arange(n) + 0.5)[:, None] / n
    monkeypatch.setattr(lms.drawing, "text_uniforms", lambda *_: spaced)
    settings = replace(SETTINGS, exponent=1.5, plausibility=0.01, max_tokens=1)
    rows = ContrastSampler(*pair, KEYS, settings)._draw(range(n))
    begin = torch.tensor([[pair[0].tokenizer.bos_token_id]])
    with torch.no_grad():
        p_small, p_large = (_softmax(item.model(begin).logits[0, -1].double().numpy()) for item in pair)
    ratio = np.where(p_small >= 0.01 * p_small.max(), p_small**1.5 / p_large, 0.0)
    frequency = np.bincount(np.ravel(rows), minlength=len(ratio)) / n
    # Equally spaced draws give each token its probability to within one spacing.
    np.testing.assert_allclose(frequency, ratio / ratio.sum(), atol=1.5 / n)


@pytest.mark.slow
def test_texts_do_not_depend_on_the_batch_and_state_their_perplexities(
    pair: tuple[LoadedModel, LoadedModel],
) -> None:
    import torch

    def sampled(batch: int, **changes: Any) -> list[ContrastText]:
        sampler = ContrastSampler(*pair, KEYS, replace(SETTINGS, **changes))
        return [text for at in range(0, 12, batch) for text in sampler.texts(range(at, min(at + batch, 12)))]

    texts = sampled(12)
    for batch in (1, 5):
        assert sampled(batch) == texts
    assert len({text.text for text in texts}) == 12
    assert [text.text for text in sampled(12, seed=1)] != [text.text for text in texts]
    for text in texts:
        assert len(text.tokens) == text.n_tokens + (text.ended == "eos")
        tokens = torch.tensor([[pair[0].tokenizer.bos_token_id, *text.tokens]])
        for role, loaded in zip(("preferred", "other"), pair, strict=True):
            with torch.no_grad():
                loss = loaded.model(tokens, labels=tokens).loss.item()
            assert getattr(text, f"loss_{role}_nats") == pytest.approx(loss, rel=1e-5)
            assert getattr(text, f"perplexity_{role}") == pytest.approx(math.exp(loss), rel=1e-5)
    # What the early model is asked to prefer, it finds likelier than the late one does, and the reverse.
    assert np.mean([text.loss_preferred_nats - text.loss_other_nats for text in texts]) < 0
    back = ContrastSampler(pair[1], pair[0], KEYS, replace(SETTINGS, plausibility=0.1)).texts(range(12))
    assert np.mean([text.loss_preferred_nats - text.loss_other_nats for text in back]) < 0
    greedy = sampled(12, top_p=1e-9)
    assert len({text.text for text in greedy}) == 1


@pytest.mark.slow
def test_models_that_cannot_be_compared_are_refused(
    pair: tuple[LoadedModel, LoadedModel], tiny_records: list[Record], tmp_path: Path
) -> None:
    from tiny_models import build_tiny_model

    build_tiny_model(tmp_path, "llama", ["Ganz andere Worte, und andere Tokens: über, für, Straße." * 20])
    from transformers import AutoModelForCausalLM, AutoTokenizer

    other = LoadedModel(
        AutoModelForCausalLM.from_pretrained(tmp_path),
        AutoTokenizer.from_pretrained(tmp_path),
        "cpu",
    )
    with pytest.raises(ConfigError, match=r"small and large do not share a tokenizer: \d+ and \d+ tokens, \d+ differ"):
        ContrastSampler(pair[0], other, KEYS, SETTINGS)
    with pytest.raises(ConfigError, match="longer than the model's own, 64"):
        ContrastSampler(*pair, KEYS, replace(SETTINGS, max_tokens=65))
    rows = other.model.get_output_embeddings().weight.shape[0]
    mixed = LoadedModel(other.model, pair[0].tokenizer, "cpu")
    if rows >= len(pair[0].tokenizer):
        other.model.resize_token_embeddings(len(pair[0].tokenizer) - 1)
    with pytest.raises(ConfigError, match=r"large has \d+ rows of logits for \d+ tokens"):
        ContrastSampler(pair[0], mixed, KEYS, SETTINGS)
    neox = load_model(tiny_records[0], "cpu")
    assert ContrastSampler(pair[0], neox, KEYS, SETTINGS).texts([3])[0].index == 3, "architectures may differ"


@pytest.mark.slow
def test_an_interrupted_run_resumes_with_the_same_bytes(
    checkpoints: list[Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = checkpoints[1], checkpoints[-1]
    whole = contrast_models(small, large, SETTINGS, tmp_path / "work", tmp_path / "whole.jsonl")
    assert [text.index for text in whole] == list(range(12))
    asked: list[int] = []
    texts = ContrastSampler.texts

    def dies_at_the_second(self: ContrastSampler, indices: range) -> list[dict[str, Any]]:
        asked.append(indices[0])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return texts(self, indices)

    monkeypatch.setattr(ContrastSampler, "texts", dies_at_the_second)
    out = tmp_path / "resumed.jsonl"
    with pytest.raises(KeyboardInterrupt):
        contrast_models(small, large, SETTINGS, tmp_path / "again", out)
    assert not out.exists()
    contrast_models(small, large, SETTINGS, tmp_path / "again", out)
    assert asked == [0, 5, 5, 10]
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    summary = json.loads((tmp_path / "resumed.jsonl.json").read_text())
    assert summary["n_texts"] == 12
    median = np.median([text.perplexity_preferred for text in whole])
    assert summary["median_perplexity_preferred"] == pytest.approx(median, rel=1e-6)


def test_the_beginning_of_text_can_be_ruled_out(pair: tuple[LoadedModel, LoadedModel]) -> None:
    """With an exponent near 0 every token is drawn about as often, the beginning of text too unless it is ruled out."""
    begin = pair[0].tokenizer.bos_token_id
    drawn = {}
    for ruled_out in (False, True):
        settings = replace(SETTINGS, exponent=1e-6, plausibility=0.0, max_tokens=40, rule_out_begin=ruled_out)
        rows = ContrastSampler(*pair, KEYS, settings)._draw(range(200))
        drawn[ruled_out] = sum(row.count(begin) for row in rows)
    assert drawn[False] > 0 and drawn[True] == 0
