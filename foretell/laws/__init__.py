"""Scaling laws: the loss of a language model from its parameters, tokens and compute, fitted with intervals, inverted,
and turned into the best use of a budget.

Fit a law to finished runs (plain counts of parameters and tokens, losses in nats per token), and predict:

>>> import numpy as np
>>> from foretell.laws import BESIROGLU, ChinchillaLaw
>>> params, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e10, 1e12, 5)))
>>> noise = np.random.default_rng(0).normal(0, 0.002, params.size)
>>> loss = BESIROGLU.predict(params, tokens) * np.exp(noise)  # in place of measured losses
>>> fit = ChinchillaLaw.fit(params, tokens, loss, n_bootstrap=200)
>>> {name: round(interval.estimate, 2) for name, interval in fit.intervals().items() if name in ("alpha", "beta")}
{'alpha': 0.34, 'beta': 0.38}
>>> estimate, low, high = fit.predict_interval(7e9, 2e12, level=0.9)
>>> print(f"{estimate:.2f} nats per token, {low:.2f} to {high:.2f}")
2.07 nats per token, 2.06 to 2.07

Split a budget of FLOPs into parameters and tokens, with intervals from the resampled fits:

>>> from foretell.laws import allocation_intervals, compute_optimal
>>> best = compute_optimal(BESIROGLU, 5.76e23)
>>> print(f"{best.params:.3g} parameters, {best.tokens:.3g} tokens, {best.loss:.3f} nats")
7.23e+10 parameters, 1.33e+12 tokens, 1.973 nats
>>> params_interval = allocation_intervals(fit, lambda law: compute_optimal(law, 5.76e23))["params"]
>>> params_interval.contains(best.params)
True

The same for a law with other constants, or fitted to your own CSV (columns params, tokens, loss_nats):

>>> from foretell.laws import Runs, read_runs
>>> runs = read_runs("my_runs.csv")  # doctest: +SKIP

Sources: Kaplan et al. 2020 (arXiv:2001.08361), Hoffmann et al. 2022 (arXiv:2203.15556), Besiroglu et al. 2024
(arXiv:2404.10102), Muennighoff et al. 2023 (arXiv:2305.16264), Sardana et al. 2024 (arXiv:2401.00448).

Each name below is imported when it is first used, so that using one law does not load the libraries of the figures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.laws.allocation import (
        Allocation,
        KaplanFrontier,
        allocation_intervals,
        compute_optimal,
        data_limited,
        effective_tokens,
        inference_aware,
        inference_aware_budget,
    )
    from foretell.laws.benchmark import (
        BenchmarkFit,
        BenchmarkLaw,
        PowerLawOffset,
        fit_benchmark,
        report_benchmark,
    )
    from foretell.laws.counting import (
        inference_flops,
        params_of_shape,
        step_flops,
        tokens_for_flops,
        training_flops,
    )
    from foretell.laws.figures import (
        axes_figure,
        fit_figure,
        isoflop_figure,
    )
    from foretell.laws.fitted import (
        Diagnostics,
        LawFit,
        fit_law,
    )
    from foretell.laws.joint import (
        ChinchillaLaw,
        DataRequirement,
        JointLaw,
        KaplanLaw,
    )
    from foretell.laws.law import Law, Parameter
    from foretell.laws.logsum import LogSumForm
    from foretell.laws.published import (
        BESIROGLU,
        BESIROGLU_INTERVALS_95,
        HOFFMANN,
        KAPLAN_COMPUTE,
        KAPLAN_CRITICAL_BATCH,
        KAPLAN_DATA,
        KAPLAN_FRONTIER,
        KAPLAN_JOINT,
        KAPLAN_MEASURED_EXPONENTS,
        KAPLAN_PARAMS,
        KAPLAN_STEPS,
        KAPLAN_TOKENS,
    )
    from foretell.laws.quantities import Quantity
    from foretell.laws.runs import (
        LeftOut,
        Runs,
        leave_out_highest,
        read_runs,
    )
    from foretell.laws.settings import LawSettings
    from foretell.laws.single import (
        ComputeLaw,
        ParamsLaw,
        TokensLaw,
    )
    from foretell.laws.steps import (
        BatchTradeoff,
        CriticalBatchLaw,
        StepsLaw,
        flops_at_batch,
        min_flops,
        min_steps,
        steps_at_batch,
    )
    from foretell.laws.studies import (
        JOINT_LAWS,
        StudyFit,
        best_fit,
        extrapolate,
        fit_study,
        report_study,
    )

__all__ = [
    "BESIROGLU",
    "BESIROGLU_INTERVALS_95",
    "HOFFMANN",
    "JOINT_LAWS",
    "KAPLAN_COMPUTE",
    "KAPLAN_CRITICAL_BATCH",
    "KAPLAN_DATA",
    "KAPLAN_FRONTIER",
    "KAPLAN_JOINT",
    "KAPLAN_MEASURED_EXPONENTS",
    "KAPLAN_PARAMS",
    "KAPLAN_STEPS",
    "KAPLAN_TOKENS",
    "Allocation",
    "BatchTradeoff",
    "BenchmarkFit",
    "BenchmarkLaw",
    "ChinchillaLaw",
    "ComputeLaw",
    "CriticalBatchLaw",
    "DataRequirement",
    "Diagnostics",
    "JointLaw",
    "KaplanFrontier",
    "KaplanLaw",
    "Law",
    "LawFit",
    "LawSettings",
    "LeftOut",
    "LogSumForm",
    "Parameter",
    "ParamsLaw",
    "PowerLawOffset",
    "Quantity",
    "Runs",
    "StepsLaw",
    "StudyFit",
    "TokensLaw",
    "allocation_intervals",
    "axes_figure",
    "best_fit",
    "compute_optimal",
    "data_limited",
    "effective_tokens",
    "extrapolate",
    "fit_benchmark",
    "fit_figure",
    "fit_law",
    "fit_study",
    "flops_at_batch",
    "inference_aware",
    "inference_aware_budget",
    "inference_flops",
    "isoflop_figure",
    "leave_out_highest",
    "min_flops",
    "min_steps",
    "params_of_shape",
    "read_runs",
    "report_benchmark",
    "report_study",
    "step_flops",
    "steps_at_batch",
    "tokens_for_flops",
    "training_flops",
]

_NAMES = {
    "allocation": (
        "Allocation KaplanFrontier allocation_intervals compute_optimal data_limited effective_tokens "
        "inference_aware inference_aware_budget"
    ),
    "benchmark": "BenchmarkFit BenchmarkLaw PowerLawOffset fit_benchmark report_benchmark",
    "counting": "inference_flops params_of_shape step_flops tokens_for_flops training_flops",
    "figures": "axes_figure fit_figure isoflop_figure",
    "fitted": "Diagnostics LawFit fit_law",
    "joint": "ChinchillaLaw DataRequirement JointLaw KaplanLaw",
    "law": "Law Parameter",
    "logsum": "LogSumForm",
    "published": (
        "BESIROGLU BESIROGLU_INTERVALS_95 HOFFMANN KAPLAN_COMPUTE KAPLAN_CRITICAL_BATCH KAPLAN_DATA "
        "KAPLAN_FRONTIER KAPLAN_JOINT KAPLAN_MEASURED_EXPONENTS KAPLAN_PARAMS KAPLAN_STEPS KAPLAN_TOKENS"
    ),
    "quantities": "Quantity",
    "runs": "LeftOut Runs leave_out_highest read_runs",
    "settings": "LawSettings",
    "single": "ComputeLaw ParamsLaw TokensLaw",
    "steps": "BatchTradeoff CriticalBatchLaw StepsLaw flops_at_batch min_flops min_steps steps_at_batch",
    "studies": "JOINT_LAWS StudyFit best_fit extrapolate fit_study report_study",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import the module that `name` belongs to, when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
