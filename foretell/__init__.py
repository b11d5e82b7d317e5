"""What will this language model score, before anyone trains it?

The library behind the pipeline, and its public door: load a registered predictor and ask it, fit scaling laws, choose
data mixtures, read training trajectories.

>>> import foretell
>>> predictor = foretell.load_predictor("mmlu_5shot")  # doctest: +SKIP
>>> predictor.predict({"total_params": 7e9, "tokens_billions": 2000, "pct_code": 20})  # doctest: +SKIP
>>> foretell.load_predictors(["mmlu_5shot", "gsm8k_5shot"])  # asks several at once  # doctest: +SKIP

Each part is imported when it is first used, so that importing one does not load the libraries of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell import controlled, engine, laws, mixtures, stats, trajectories
    from foretell.answering.answer import Answer, Explanation
    from foretell.answering.predictor import Predictor
    from foretell.errors import ConfigError, DataError, ForetellError, RefusedError, TrackingError
    from foretell.loading import load_predictor
    from foretell.panel import Panel, load_predictors
    from foretell.version import __version__

__all__ = [
    "Answer",
    "ConfigError",
    "DataError",
    "Explanation",
    "ForetellError",
    "Panel",
    "Predictor",
    "RefusedError",
    "TrackingError",
    "__version__",
    "controlled",
    "engine",
    "laws",
    "load_predictor",
    "load_predictors",
    "mixtures",
    "stats",
    "trajectories",
]

_HOMES = {
    "Answer": "answering.answer",
    "Explanation": "answering.answer",
    "Panel": "panel",
    "Predictor": "answering.predictor",
    "__version__": "version",
    "load_predictor": "loading",
    "load_predictors": "panel",
} | dict.fromkeys(("ConfigError", "DataError", "ForetellError", "RefusedError", "TrackingError"), "errors")


def __getattr__(name: str) -> Any:
    """Import the part of the library that `name` belongs to (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
