"""LightGBM, which a machine may lack: its library needs OpenMP's runtime, which minimal systems do not have. It grows
the cross-check of the predictors and the trees of the mixture study; nothing else depends on it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from foretell.errors import ConfigError


@lru_cache(maxsize=1)
def lightgbm_problem() -> str:
    """Why LightGBM cannot be used here, in one line that says how to mend it; empty where it can."""
    try:
        import lightgbm  # noqa: F401
    except OSError as error:  # lib_lightgbm.so is there, and a library that it needs is not
        return f"LightGBM cannot be loaded ({error}); Debian has it in the package libgomp1, then run this again"
    except ImportError:
        return "LightGBM is not installed; `pip install lightgbm` brings it"
    return ""


def load_lightgbm() -> Any:
    """The module lightgbm. Raises ConfigError where it cannot be used."""
    problem = lightgbm_problem()
    if problem:
        raise ConfigError(problem)
    import lightgbm

    return lightgbm
