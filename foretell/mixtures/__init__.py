"""Data mixtures: the losses of a model predicted from what it is trained on, the best mixture under limits, and the
smallest change towards a target.

Fit a mixing law to proxies that were trained on different mixtures of web text, code and books (shares that sum to 1;
losses in nats per token), and choose the mixture with the lowest predicted loss on web text near the natural one:

>>> import numpy as np
>>> from foretell.mixtures import best_mixture, fit_exponential, limits, repetition_bounds
>>> weights = np.random.default_rng(0).dirichlet(np.ones(3), 200)
>>> losses = 1.5 + np.exp(weights @ np.array([[-1.0, 0.5, 0.4]]).T)  # in place of measured losses
>>> law = fit_exponential(weights, losses)
>>> print(law.rates.round(2), law.floor_nats.round(2))
[[-1.   0.5  0.4]] [1.5]
>>> natural = [0.6, 0.2, 0.2]
>>> high = repetition_bounds(raw_sizes=[500.0, 60.0, 20.0], budget=300.0, max_epochs=4.0)
>>> best = best_mixture(law, [1.0], limits(natural, high=high, kind="kl", max_distance=0.1))
>>> print(best.weights.round(2), f"{best.reference_loss_nats - best.loss_nats:.2f} nats gained")
[0.81 0.09 0.1 ] 0.17 nats gained

How little must change for a gain of 0.05 nats:

>>> from foretell.mixtures import smallest_change
>>> print(f"move {smallest_change(law, [1.0], natural, 0.05, limits(natural)).distance:.3f} of the mix")
move 0.053 of the mix

Sources: Ye et al. 2024 (arXiv:2403.16952), Liu et al. 2024, RegMix (arXiv:2407.01492), Muennighoff et al. 2023
(arXiv:2305.16264).

Each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.mixtures.choose import (
        ChoiceSpread,
        MixtureChoice,
        SmallestChange,
        best_mixture,
        choice_spread,
        draw_allowed,
        evaluate_mixture,
        importance_of,
        smallest_change,
    )
    from foretell.mixtures.constraints import (
        MixtureLimits,
        limits,
        nearest_mixture,
        repetition_bounds,
    )
    from foretell.mixtures.figures import (
        frontier_figure,
        held_out_figure,
        mixture_figure,
    )
    from foretell.mixtures.predict import (
        PREDICTORS,
        DomainLoss,
        ExponentialMixing,
        HeldOutRank,
        LinearMixing,
        Transfer,
        TreeMixing,
        checked_mixtures,
        fit_exponential,
        fit_linear,
        fit_predictor,
        fit_trees,
        rank_predictors,
        transfer_check,
    )
    from foretell.mixtures.settings import MixSettings
    from foretell.mixtures.study import MixStudy, mix

__all__ = [
    "PREDICTORS",
    "ChoiceSpread",
    "DomainLoss",
    "ExponentialMixing",
    "HeldOutRank",
    "LinearMixing",
    "MixSettings",
    "MixStudy",
    "MixtureChoice",
    "MixtureLimits",
    "SmallestChange",
    "Transfer",
    "TreeMixing",
    "best_mixture",
    "checked_mixtures",
    "choice_spread",
    "draw_allowed",
    "evaluate_mixture",
    "fit_exponential",
    "fit_linear",
    "fit_predictor",
    "fit_trees",
    "frontier_figure",
    "held_out_figure",
    "importance_of",
    "limits",
    "mix",
    "mixture_figure",
    "nearest_mixture",
    "rank_predictors",
    "repetition_bounds",
    "smallest_change",
    "transfer_check",
]

_NAMES = {
    "choose": (
        "ChoiceSpread MixtureChoice SmallestChange best_mixture choice_spread draw_allowed evaluate_mixture "
        "importance_of smallest_change"
    ),
    "constraints": "MixtureLimits limits nearest_mixture repetition_bounds",
    "figures": "frontier_figure held_out_figure mixture_figure",
    "predict": (
        "DomainLoss ExponentialMixing HeldOutRank LinearMixing PREDICTORS Transfer TreeMixing checked_mixtures "
        "fit_exponential fit_linear fit_predictor fit_trees rank_predictors transfer_check"
    ),
    "settings": "MixSettings",
    "study": "MixStudy mix",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import the module that `name` belongs to, when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
