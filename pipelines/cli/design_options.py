"""The options of `foretell predict` that describe a design, for other commands that ask about one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pipelines.cli.predict import predict

OPTIONS: dict[str, tuple[str, float | None]] = {
    "params": ("total_params", None),
    "tokens": ("tokens_billions", 1e9),
    "web": ("pct_web", None),
    "code": ("pct_code", None),
    "books": ("pct_books", None),
    "reference": ("pct_reference", None),
    "academic": ("pct_academic", None),
    "english": ("pct_english", None),
    "width": ("d_model", None),
    "heads": ("n_heads", None),
    "mlp_ratio": ("mlp_ratio", None),
    "positions": ("positional_embeddings", None),
    "norm": ("layer_norm_type", None),
    "attention": ("attention_variant", None),
    "biases": ("biases", None),
    "block": ("block_type", None),
    "activation": ("activation", None),
    "context": ("sequence_length", None),
    "batch_tokens": ("batch_tokens_millions", 1e6),
    "release": ("release_month", None),
}
"""An option's name in Python -> (feature, what a given number is divided by)."""


def with_design_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, whose parameter `design` (feature -> value) is made from the options of `foretell predict`: the same
    names, checks and help. Its other parameters stay as they are."""

    def called(**values: Any) -> None:
        design = {}
        for option, (feature, unit) in OPTIONS.items():
            given = values.pop(option)
            if given is not None:
                design[feature] = given if unit is None else given / unit
        command(design=design, **values)

    own = [p for name, p in inspect.signature(command, eval_str=True).parameters.items() if name != "design"]
    of_predict = inspect.signature(predict, eval_str=True).parameters
    options = [of_predict[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in OPTIONS]
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    called.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    return called
