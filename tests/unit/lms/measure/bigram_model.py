"""A language model whose probabilities are known: no layers, one-hot embeddings, and an output matrix that holds the
logarithms of a table p(next word | word), which its logits then are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lms.weights import LoadedModel

WORDS = ("<s>", "a", "b", "c", "d")
# p(next | word), rows by word; each sums to 1.
P = np.array(
    [
        [0.05, 0.35, 0.30, 0.20, 0.10],
        [0.10, 0.10, 0.50, 0.20, 0.10],
        [0.10, 0.40, 0.10, 0.15, 0.25],
        [0.20, 0.05, 0.05, 0.10, 0.60],
        [0.25, 0.35, 0.20, 0.15, 0.05],
    ]
)
CONTEXT = 16


def nats(words: str) -> float:
    """-log p of every word of `words` but the first, given the word before it."""
    ids = [WORDS.index(word) for word in words.split()]
    return float(-sum(np.log(P[before, word]) for before, word in pairwise(ids)))


def bigram_model() -> LoadedModel:
    """The model and its tokenizer, one token per word (words end at spaces)."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    n = len(WORDS)
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<s>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="<s>", pad_token="<s>", model_max_length=CONTEXT
    )
    config = LlamaConfig(
        vocab_size=n, hidden_size=n, num_hidden_layers=0, num_attention_heads=1, head_dim=2, intermediate_size=1,
        max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=0, tie_word_embeddings=False, rms_norm_eps=1e-12,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(n))  # the norm makes a one-hot vector sqrt(n) long
        model.lm_head.weight.copy_(torch.tensor(np.log(P).T / np.sqrt(n), dtype=torch.float32))
    return LoadedModel(model, tokenizer, "cpu")


def save(folder: Path) -> Path:
    """The model as a folder that `lms.weights.load_model` reads."""
    loaded: Any = bigram_model()
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder
