"""One study's runs through the laws: fit both joint forms, test them on sizes they did not see, and say what budget
they would spend how. A law is only worth its extrapolation, so the held-out error stands beside the constants."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.errors import DataError
from foretell.laws.allocation import allocation_intervals, compute_optimal
from foretell.laws.fitted import LawFit
from foretell.laws.joint import ChinchillaLaw, JointLaw, KaplanLaw
from foretell.laws.runs import LeftOut, Runs, leave_out_highest
from foretell.laws.settings import LawSettings

JOINT_LAWS: dict[str, type[JointLaw]] = {"chinchilla": ChinchillaLaw, "kaplan": KaplanLaw}


def extrapolate(
    law: type[JointLaw], runs: Runs, fit_up_to_params: float, *, n_bootstrap: int, seed: int = 0, level: float = 0.9
) -> dict[str, Any]:
    """Fit on runs of at most `fit_up_to_params` parameters and predict the larger ones: per run the observed and
    predicted loss, the interval for a new run at `level` and the relative error; then the mean and worst absolute
    relative error and the share inside the interval. Raises DataError when either side is empty or the law is not
    identified."""
    small = runs.params <= fit_up_to_params
    if small.all() or not small.any():
        raise DataError(
            f"{runs.name}: {int(small.sum())} of {small.size} runs have at most {fit_up_to_params:g} parameters."
        )
    seen, unseen = runs.where(small), runs.where(~small)
    fit = law.fit(seen.params, seen.tokens, seen.loss, n_bootstrap=n_bootstrap, seed=seed)
    point, low, high = fit.predict_interval(unseen.params, unseen.tokens, level=level, new_run=True)
    error = point / unseen.loss - 1
    inside = (low <= unseen.loss) & (unseen.loss <= high)
    return {
        "fit_up_to_params": fit_up_to_params,
        "n_fitted": int(small.sum()),
        "level": level,
        "mean_absolute_relative_error": float(np.abs(error).mean()),
        "worst_absolute_relative_error": float(np.abs(error).max()),
        "inside_interval": float(inside.mean()),
        "constants": fit.law.report(),
        "runs": [
            {
                "run": name,
                "params": float(unseen.params[i]),
                "tokens": float(unseen.tokens[i]),
                "loss": float(unseen.loss[i]),
                "predicted": float(point[i]),
                "low": float(low[i]),
                "high": float(high[i]),
                "relative_error": float(error[i]),
            }
            for i, name in enumerate(unseen.run)
        ],
    }


@dataclass(frozen=True)
class StudyFit:
    """The runs a study's laws were fitted to, those left out (highest loss first), the fits by law name, and the reason
    for each law that was refused."""

    runs: Runs
    left_out: LeftOut
    fits: dict[str, LawFit[JointLaw]]
    refused: dict[str, str]


def fit_study(runs: Runs, *, leave_out: int, n_bootstrap: int, seed: int = 0) -> StudyFit:
    """Fit every joint law to the runs without the `leave_out` of highest loss; a law that the runs do not identify is
    recorded with its reason."""
    kept, highest = leave_out_highest(runs, leave_out)
    fits: dict[str, LawFit[JointLaw]] = {}
    refused: dict[str, str] = {}
    for name, law in JOINT_LAWS.items():
        try:
            fits[name] = law.fit(kept.params, kept.tokens, kept.loss, n_bootstrap=n_bootstrap, seed=seed)
        except DataError as error:
            refused[name] = str(error)
    return StudyFit(kept, highest, fits, refused)


def best_fit(study: StudyFit) -> LawFit[JointLaw]:
    """The fit with the lower Huber objective; DataError with the reasons when every law was refused."""
    if not study.fits:
        raise DataError(f"{study.runs.name}: no law could be fitted: {study.refused}")
    return min(study.fits.values(), key=lambda fit: fit.diagnostics.objective)


def report_study(study: StudyFit, settings: LawSettings, seed: int = 0) -> dict[str, Any]:
    """Everything a reader needs about one study, as plain values: the constants with intervals, what was left out, the
    extrapolation to sizes above the settings' `fit_up_to_params` for this study (where there is one), and the
    compute-optimal split of each budget with its interval."""
    fit_up_to_params = settings.fit_up_to_params.get(study.runs.name)
    laws: dict[str, Any] = {name: {"refused": reason} for name, reason in study.refused.items()}
    for name, fit in study.fits.items():
        entry = fit.report(settings.level)
        entry["allocations"] = [_budget(fit, budget, settings.level) for budget in settings.budgets_flops]
        if fit_up_to_params is not None:
            try:
                entry["extrapolation"] = extrapolate(
                    JOINT_LAWS[name], study.runs, fit_up_to_params, n_bootstrap=settings.bootstrap, seed=seed
                )
            except DataError as error:
                entry["extrapolation"] = {"refused": str(error)}
        laws[name] = entry
    out = study.left_out
    left_out = [
        {"run": run, "loss": float(loss), "tokens_per_param": float(ratio)}
        for run, loss, ratio in zip(out.run, out.loss, out.tokens_per_param, strict=True)
    ]
    return {"study": study.runs.name, "n_runs": study.runs.loss.size, "left_out_highest_loss": left_out, "laws": laws}


def _budget(fit: LawFit[JointLaw], flops: float, level: float) -> dict[str, Any]:
    intervals = allocation_intervals(fit, lambda law: compute_optimal(law, flops), level)
    return {
        "flops": flops,
        **{name: {"value": best, "low": low, "high": high} for name, (best, low, high) in intervals.items()},
        "tokens_per_param": intervals["tokens"].estimate / intervals["params"].estimate,
    }
