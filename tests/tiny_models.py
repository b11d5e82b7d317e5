"""Language models of under a million parameters, made on the spot, so that the whole chain from record to features
can be tried and tested on a laptop's CPU without a download. The tokenizer is trained on a given text; the weights
are random but fixed by a seed; what they write is noise, in the right shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from foretell.errors import DataError

Architecture = Literal["llama", "gpt_neox"]
VOCABULARY = 512


def train_tokenizer(texts: Sequence[str], vocabulary: int = VOCABULARY, context: int = 512) -> Any:
    """The tokenizer of lms/pretrain, trained on `texts`. Raises DataError on no text."""
    from lms.pretrain import tokenizer

    if not any(text.strip() for text in texts):
        raise DataError("a tokenizer needs text to be trained on; got none.")
    return tokenizer.train_tokenizer(texts, vocabulary, context)


def _configuration(architecture: Architecture, vocabulary: int, tokenizer: Any, context: int) -> Any:
    from transformers import GPTNeoXConfig, LlamaConfig

    shared: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 160,
        "max_position_embeddings": context,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
    }
    return LlamaConfig(num_key_value_heads=2, **shared) if architecture == "llama" else GPTNeoXConfig(**shared)


def build_tiny_model(
    folder: Path, architecture: Architecture, texts: Sequence[str], seed: int = 0, context: int = 512
) -> Path:
    """Write a model of `architecture` with random weights fixed by `seed`, and its tokenizer, into `folder`
    (safetensors, under a million parameters, `context` tokens long), and return `folder`."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = train_tokenizer(texts, context=context)
    configuration = _configuration(architecture, len(tokenizer), tokenizer, context)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(configuration, dtype=torch.float32)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder
