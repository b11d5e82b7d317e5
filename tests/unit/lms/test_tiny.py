"""Tiny models: small, safe, and the same every time."""

from pathlib import Path

import pytest

from foretell.errors import DataError
from lms.machine import n_parameters
from lms.record import Record, weights_sha256
from lms.weights import load_model


@pytest.mark.usefixtures("libraries")
def test_tiny_models_are_reproducible_and_small(tiny_records: list[Record], tmp_path: Path) -> None:
    from conftest import TEXT
    from tiny_models import build_tiny_model, train_tokenizer

    texts = TEXT.read_text(encoding="utf-8").splitlines()
    for record in tiny_records:
        architecture = record.slug.removeprefix("tiny--")
        again = build_tiny_model(tmp_path / architecture, architecture, texts)
        assert weights_sha256(again) == record.revision
        assert 10_000 < n_parameters(again) < 1_000_000
        other = build_tiny_model(tmp_path / f"{architecture}-1", architecture, texts, seed=1)
        assert weights_sha256(other) != record.revision
        loaded = load_model(record, "cpu")
        assert n_parameters(again) == sum(p.numel() for p in loaded.model.parameters())
    tokenizer = train_tokenizer(texts)
    for text in ("def f(x):\n    return x", "Größe, 火车, सही"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    with pytest.raises(DataError, match="needs text"):
        train_tokenizer(["", " "])
