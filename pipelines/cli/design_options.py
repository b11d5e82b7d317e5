"""The options that describe a design: what feature each stands for, and the same options for other commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

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
DATA = "data"


def given_design(options: Mapping[str, Any]) -> dict[str, Any]:
    """Feature -> value of the options (by their names in Python) that were given and describe a design."""
    given = {}
    for option, (feature, unit) in OPTIONS.items():
        if options[option] is not None:
            given[feature] = options[option] if unit is None else options[option] / unit
    return given


def with_design_options(like: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of the command `like` that describe a design, with their checks and help, and `data`,
    the file with shares. The command's parameter `design` (feature -> value) is made from them; its other parameters
    stay as they are."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        def called(**values: Any) -> None:
            given = {name: values.pop(name) for name in (*OPTIONS, DATA)}
            design = given_design(given)
            if given[DATA] is not None:
                from pipelines.cli.designs import read_mixture

                design = read_mixture(given[DATA]) | design
            command(design=design, **values)

        own = [p for name, p in inspect.signature(command, eval_str=True).parameters.items() if name != "design"]
        of_like = inspect.signature(like, eval_str=True).parameters
        both = [*own, *(of_like[name] for name in (*OPTIONS, DATA))]
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in both]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        return called

    return decorated
