"""Losses of every option of every item under one model, by the evaluation harness's own scoring: its rule for cutting
prompt and text into tokens (trailing spaces of the prompt move to the text; an empty prompt becomes the beginning-of-
text token; a prompt too long for the context loses its beginning) and its log-likelihoods, hence the numbers that the
recorded accuracies come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import DataError
from lms.measure.items import Item
from lms.weights import LoadedModel

COLUMNS = [
    "benchmark", "task", "item", "kind", "option", "is_right", "n_tokens", "prompt_tokens_cut", "loss_nats",
    "loss_nats_per_token", "is_greedy",
]  # fmt: skip

Encoded = tuple[tuple[str, str], list[int], list[int]]
"""(prompt and text, which the harness uses as a key of its cache; the prompt's tokens; the scored tokens)."""


def option_losses(loaded: LoadedModel, items: Sequence[Item], batch_size: int) -> pd.DataFrame:
    """One row per option: COLUMNS. `loss_nats` is -log p(text | prompt) summed over the text's `n_tokens` tokens, the
    prompt masked; `loss_nats_per_token` divides by them; `is_greedy`: every token of the text is the likeliest one;
    `prompt_tokens_cut`: how many tokens at the prompt's beginning the context had no room for.

    `batch_size` options at once, halved when memory runs out. Raises DataError if a text has no token of its own or
    is longer than the model's context, or a loss is not finite, naming the item.
    """
    import torch

    language_model = _harness_model(loaded)
    rows, encoded = [], []
    for item in items:
        for number, option in enumerate(item.options):
            request = _encoded(language_model, option.prompt, option.text)
            _, prompt, scored = request
            if not 0 < len(scored) <= language_model.max_length:
                raise DataError(
                    f"{item.benchmark}, item {item.item}, option {number}: {len(scored)} tokens of its own; expected 1 "
                    f"to {language_model.max_length}, the model's context"
                )
            cut = max(0, len(prompt) + len(scored) - language_model.max_length - 1)
            rows.append((item.benchmark, item.task, item.item, item.kind, number, option.is_right, len(scored), cut))
            encoded.append(request)
    while True:
        language_model.batch_size_per_gpu = batch_size
        try:
            outcomes = language_model._loglikelihood_tokens(encoded, disable_tqdm=True)
            break
        except torch.OutOfMemoryError:
            if batch_size == 1:
                raise
            batch_size //= 2
            torch.cuda.empty_cache()
    table = pd.DataFrame(rows, columns=COLUMNS[:8])
    table["loss_nats"] = [0.0 - float(log_likelihood) for log_likelihood, _ in outcomes]
    table["loss_nats_per_token"] = table.loss_nats / table.n_tokens
    table["is_greedy"] = [bool(greedy) for _, greedy in outcomes]
    wrong = table[~np.isfinite(table.loss_nats)]
    if len(wrong):
        first = wrong.iloc[0]
        raise DataError(
            f"{len(wrong)} of {len(table)} losses are not finite, the first of {first.benchmark}, item "
            f"{first['item']}, option {first.option}; try float32"
        )
    return table


def _harness_model(loaded: LoadedModel) -> Any:
    from lm_eval.models.huggingface import HFLM

    # The softmax in float32, whatever the weights are in: in bfloat16 a loss keeps three digits.
    return HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=1, softmax_dtype="float32")


def _encoded(language_model: Any, prompt: Any, text: Any) -> Encoded:
    """Prompt and text as tokens; ids are taken as they are."""
    if not isinstance(prompt, str):
        return (str(prompt), str(text)), list(prompt), list(text)
    if prompt.strip():
        return (prompt, text), *language_model._encode_pair(prompt, text)
    # As the harness's `loglikelihood` does with an empty prompt; one of spaces alone would become empty.
    begin, scored = language_model.prefix_token_id, language_model.tok_encode(prompt + text, add_special_tokens=False)
    return ((prompt, text), [begin], scored) if scored[:1] != [begin] else ((prompt, text), scored[:1], scored[1:])
