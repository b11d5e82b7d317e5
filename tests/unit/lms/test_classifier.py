"""Educational scores and local domains with a real, tiny Hugging Face classifier that is built here."""

import json
from pathlib import Path

import numpy as np
import pytest

from foretell.errors import ConfigError
from lms.classifier import TextClassifier, load_classifier
from lms.domains import LocalDomains
from lms.education import educational_scores

TEXTS = ["the dog sleeps", "a much longer text about the dog and the cat and the river", "cat"]


def tiny_classifier(folder: Path, labels: list[str]) -> Path:
    """A random BERT of about ten thousand parameters with a word-level tokenizer, saved as safetensors."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra: text)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra: text)")
    tokenizers = pytest.importorskip("tokenizers")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    words = ["[PAD]", "[UNK]", "the", "dog", "cat", "sleeps", "a", "text", "about", "and", "river"]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=1.0, id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_educational_scores_are_the_models_one_output(tmp_path: Path) -> None:
    classifier = load_classifier(str(tiny_classifier(tmp_path, ["score"])), batch_size=2, max_tokens=64)
    scores = educational_scores(classifier, TEXTS)
    assert len(scores) == len(TEXTS)
    assert len(set(scores)) > 2
    assert educational_scores(classifier, TEXTS) == scores
    assert educational_scores(classifier, []) == []
    # padding does not change a score: alone or in a batch with a longer text
    alone = [educational_scores(classifier, [text])[0] for text in TEXTS]
    np.testing.assert_allclose(scores, alone, atol=1e-5)


@pytest.mark.slow
def test_local_domains_follow_the_label_map(tmp_path: Path) -> None:
    classifier = load_classifier(str(tiny_classifier(tmp_path, ["news", "prose", "junk"])), batch_size=3, max_tokens=64)
    local = LocalDomains(classifier, {"news": "web", "prose": "books", "junk": "incoherent"})
    texts = [f"{word} the dog and the cat and the river sleeps about a text" for word in ("dog", "cat", "river", "a")]
    best = classifier.logits(texts).argmax(axis=1)
    assert local.classify(texts) == [("web", "books", "incoherent")[i] for i in best]
    assert local.classify(["short", texts[0]]) == ["incoherent", local.classify(texts[:1])[0]]
    assert "news=web" in local.prepare(texts)


@pytest.mark.slow
def test_only_safetensors_are_loaded(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path, ["score"])
    weights = next(folder.glob("*.safetensors"))
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"no \.safetensors"):
        load_classifier(str(folder))


@pytest.mark.slow
def test_remote_code_is_not_run(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path, ["score"])
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoConfig": "evil.C", "AutoModelForSequenceClassification": "evil.M"}
    config |= {"model_type": "evil", "auto_map": auto_map}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_classifier(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "revision", "said"),
    [
        ("../../etc", "", "neither an existing folder"),
        ("org/na..me", "a" * 40, "neither an existing folder"),
        ("org/name", "main", "pinned to a full commit hash"),
        ("org/name", "", "pinned to a full commit hash"),
    ],
)
def test_ids_and_revisions_are_checked(model: str, revision: str, said: str) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed (extra: text)")
    with pytest.raises(ConfigError, match=said):
        load_classifier(model, revision)


def test_an_educational_score_is_a_regression() -> None:
    with pytest.raises(ConfigError, match="expected 1"):
        educational_scores(TextClassifier(None, None, ("low", "high"), "local", 8, 64), ["text"])
