"""MAUVE: our features are the model's hidden states, and the library's score says near and far."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from foretell.errors import ConfigError, DataError
from lms.checkpoints import find_checkpoint, read_checkpoints
from lms.mauve import mauve_score, text_features


@pytest.fixture
def library() -> None:
    """Skip where the sequence extra is not installed."""
    missing = [name for name in ("mauve", "faiss") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs the sequence extra; not installed: {', '.join(missing)}")


def _sample(mean: float, seed: int, n: int = 200) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, 8)) + mean).astype(np.float32)


@pytest.mark.slow
@pytest.mark.usefixtures("library")
def test_near_is_one_and_far_is_nought() -> None:
    human = _sample(0.0, 0)
    same, near, far = (mauve_score(human, other) for other in (human, _sample(0.0, 1), _sample(-3.0, 2)))
    assert same.mauve == pytest.approx(1.0, abs=1e-6)
    assert near.mauve > 0.8
    assert far.mauve < 0.05
    assert (near.n_p, near.n_q, near.n_buckets, near.n_seeds, near.reason) == (200, 200, 20, 5, "")
    assert 0 <= near.mauve_sd < 0.1
    assert far.mauve_star < near.mauve_star
    assert mauve_score(human, _sample(0.0, 1)) == near
    assert np.isnan(mauve_score(human, human, n_seeds=1).mauve_sd)


@pytest.mark.usefixtures("library")
def test_features_that_cannot_be_compared_are_refused() -> None:
    human = _sample(0.0, 0)
    with pytest.raises(DataError, match="widths 8 and 7"):
        mauve_score(human, human[:, :7])
    with pytest.raises(DataError, match="200 and 3 texts in 2 buckets"):
        mauve_score(human, human[:3])
    with pytest.raises(DataError, match="q_features: expected finite"):
        mauve_score(human, np.where(human > 2, np.nan, human))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"foretell\[sequence\]"):
        mauve_score(_sample(0.0, 0), _sample(0.0, 1))


@pytest.mark.slow
def test_a_feature_is_the_hidden_state_at_the_last_token(trained: Path) -> None:
    import torch

    from lms.weights import load_model

    loaded = load_model(find_checkpoint(read_checkpoints(trained), "tiny@48").record, "cpu")
    texts = ["The moon.", "A cat sat on the mat and looked at the moon, and the moon looked back at the cat.", "x"]
    found = text_features(loaded, texts, batch_size=3)
    assert found.shape == (3, 64)
    assert found.dtype == np.float32
    for text, feature in zip(texts, found, strict=True):
        tokens = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        sequence = torch.tensor([[loaded.tokenizer.bos_token_id, *tokens][:64]])
        with torch.no_grad():
            states = loaded.model(sequence, output_hidden_states=True).hidden_states
        np.testing.assert_allclose(feature, states[-1][0, -1].numpy(), atol=2e-5)
    np.testing.assert_allclose(text_features(loaded, texts, batch_size=1), found, atol=2e-5)
    cut = text_features(loaded, texts, max_tokens=2)
    assert not np.allclose(cut[1], found[1], atol=1e-3)
    with pytest.raises(DataError, match=r"texts \[1\] have no tokens"):
        text_features(loaded, ["a", ""])
    with pytest.raises(DataError, match="no texts"):
        text_features(loaded, [])
    with torch.no_grad():
        loaded.model.model.embed_tokens.weight.fill_(float("nan"))
    with pytest.raises(DataError, match="not finite"):
        text_features(loaded, texts)
