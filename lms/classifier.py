"""Loads a Hugging Face text classifier and runs it: what the educational score and the local domain classifier share.
Only safetensors weights and only code of the transformers library itself are loaded; a model from the hub must be
pinned to a commit."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.errors import ConfigError

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True)
class TextClassifier:
    """A loaded sequence classifier: `labels` in the order of its logits; `identity` is its name with the hub's
    revision, or with the hash of its local weights."""

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]
    identity: str
    batch_size: int
    max_tokens: int

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Raw outputs, shape (texts, labels), float64. Texts are cut at `max_tokens` tokens and run in batches in their
        own order, so that the same texts give the same bytes."""
        import torch

        rows: list[np.ndarray] = []
        for start in range(0, len(texts), self.batch_size):
            batch = self.tokenizer(
                list(texts[start : start + self.batch_size]),
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=self.max_tokens,
            ).to(self.model.device)
            with torch.inference_mode():
                rows.append(self.model(**batch).logits.double().cpu().numpy())
        return np.concatenate(rows) if rows else np.empty((0, len(self.labels)))


def load_classifier(
    model: str, revision: str = "", device: str = "cpu", batch_size: int = 32, max_tokens: int = 512
) -> TextClassifier:
    """The classifier in the local folder `model`, or the hub's `org/name` at `revision` (a full commit hash). float32.

    Raises ConfigError where transformers is missing, the id is neither, the revision is not a commit, the weights are
    not safetensors, or the model cannot be loaded."""
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as e:
        raise ConfigError("a local classifier needs transformers and torch: pip install 'foretell[text]'") from e
    arguments = {"revision": revision} if _check(model, revision) else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False, **arguments)
        network = AutoModelForSequenceClassification.from_pretrained(
            model, trust_remote_code=False, use_safetensors=True, **arguments
        )
    except (OSError, ValueError, KeyError) as e:
        raise ConfigError(
            f"classifier {model!r} cannot be loaded: {' '.join(str(e).split())[:200]}. Expected a folder with "
            "config.json, a tokenizer and model.safetensors, or a hub id that is downloaded or reachable"
        ) from e
    network = network.float().to(device).eval()
    labels = tuple(str(network.config.id2label[i]) for i in range(network.config.num_labels))
    version = revision[:12] if arguments else _weights_hash(Path(model))
    identity = f"{Path(model).name if not arguments else model}@{version} ({max_tokens} tokens)"
    return TextClassifier(network, tokenizer, labels, identity, batch_size, max_tokens)


def _weights_hash(folder: Path) -> str:
    """Hash of a local folder's weights, so that other weights under the same name count as another classifier."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _check(model: str, revision: str) -> bool:
    """Whether `model` is a hub id (True) or a local folder (False)."""
    folder = Path(model)
    if folder.is_dir():
        if not any(folder.glob("*.safetensors")):
            raise ConfigError(f"classifier folder {model!r} holds no .safetensors file; convert the weights first")
        return False
    if not _HUB_ID.match(model) or ".." in model:
        raise ConfigError(f"classifier {model!r} is neither an existing folder nor a hub id of the form org/name")
    if not _COMMIT.match(revision):
        raise ConfigError(
            f"classifier {model!r} needs its revision pinned to a full commit hash (40 hex digits), got {revision!r}"
        )
    return True
