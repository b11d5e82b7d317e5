"""The model that is trained: a Llama by its shape, its loss, its optimiser, and a checkpoint on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lms.pretrain.devices import Devices
from lms.pretrain.settings import LoopSettings, ModelSettings
from lms.pretrain.state import whole_folder

NOT_SCORED = -100


def build_model(settings: ModelSettings, seed: int) -> Any:
    """A LlamaForCausalLM of this shape, float32; its random weights are fixed by `seed`, and the process's own random
    numbers are left as they were."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    configuration = LlamaConfig(
        vocab_size=settings.vocabulary,
        hidden_size=settings.hidden,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.key_value_heads,
        max_position_embeddings=settings.context,
        tie_word_embeddings=settings.tied,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(configuration)


def settings_of(model: Any) -> ModelSettings:
    """The shape of a LlamaForCausalLM."""
    configuration = model.config
    return ModelSettings(
        vocabulary=configuration.vocab_size,
        context=configuration.max_position_embeddings,
        hidden=configuration.hidden_size,
        layers=configuration.num_hidden_layers,
        heads=configuration.num_attention_heads,
        key_value_heads=configuration.num_key_value_heads,
        feed_forward=configuration.intermediate_size,
        tied=configuration.tie_word_embeddings,
    )


def token_loss(model: Any, tokens: Any, labels: Any, devices: Devices) -> Any:
    """Sum of -log p(label t | tokens < t) in nats over the labels but NOT_SCORED; tokens and labels are tensors of
    shape (sequences, length)."""
    from torch.nn.functional import cross_entropy

    with devices.autocast():
        logits = model(input_ids=tokens, use_cache=False).logits
    scored = logits[:, :-1].float().flatten(0, 1)
    return cross_entropy(scored, labels[:, 1:].flatten(), ignore_index=NOT_SCORED, reduction="sum")


def make_optimiser(model: Any, settings: LoopSettings) -> Any:
    """AdamW of the settings; weight decay acts on matrices only."""
    import torch

    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimiser = settings.optimiser
    groups = [{"params": matrices, "weight_decay": optimiser.weight_decay}, {"params": others, "weight_decay": 0.0}]
    betas = (optimiser.beta1, optimiser.beta2)
    return torch.optim.AdamW(groups, lr=optimiser.learning_rate, betas=betas, fused=True)


def save_checkpoint(model: Any, path: Path) -> None:
    """Write `model` into the folder `path` for `from_pretrained`, whole or not at all."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    with whole_folder(path) as temporary:
        model.save_pretrained(temporary)
    if shown:
        logging.enable_progress_bar()
