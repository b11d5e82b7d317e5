"""What a candidate must show before it becomes the champion. Pure: every gate takes plain figures and answers with a
name, passed or not, the figures and a sentence; `models/registry/evidence.py` gathers the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.stats import Interval, mean_interval
from models.results import rows_of, seed_errors
from models.schemes import Scheme

Array = NDArray[np.float64]
COVERAGE_TOLERANCE = 0.03  # either way, of the nominal level


@dataclass(frozen=True)
class Gate:
    """One gate's verdict; `figures` are what it was decided from, `sentence` says it in words."""

    name: str
    passed: bool
    figures: Mapping[str, float | str]
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """How one predictor did: `errors` (Evaluation.errors), `predictions` (Evaluation.predictions, out of fold), the
    predictor's name in them and the version of the data that they were made from."""

    label: str
    predictor: str
    errors: pd.DataFrame
    predictions: pd.DataFrame
    data_version: str


def files_agree(
    recorded_hash: str, current_hash: str, registered: Mapping[str, str], local: Mapping[str, str], locked: bool
) -> Gate:
    """The registered files, and the errors they are judged by, are those that dvc.lock stands for: the version's
    dvc.stage_hash against the one computed from dvc.lock now; file name -> MD5 in the store against the workspace;
    `locked` says whether the workspace is what dvc.lock records."""
    differing = sorted(name for name in {*registered, *local} if registered.get(name) != local.get(name))
    problems = []
    if recorded_hash != current_hash:
        problems.append(f"its tag dvc.stage_hash is {recorded_hash[:8]}, dvc.lock gives {current_hash[:8]}")
    if differing:
        problems.append(f"files differ between the registry and the workspace: {', '.join(differing[:5])}")
    if not locked:
        problems.append("data/predictors or data/errors is not what dvc.lock records (`dvc status`)")
    figures: dict[str, float | str] = {"files": float(len(registered)), "stage_hash": recorded_hash[:8]}
    good = f"{len(registered)} files and the stage hash {recorded_hash[:8]} agree between registry, files and dvc.lock"
    return Gate("files, tags and dvc.lock agree", not problems, figures, "; ".join(problems) or good)


def data_valid(problems: int, validated: Mapping[str, str], current: Mapping[str, str]) -> Gate:
    """Validation found nothing, on the tables that are here: raw file -> MD5 as dvc.lock has them for `validate`, and
    as they are now."""
    changed = sorted(name for name in current if validated.get(name) != current[name])
    reasons = []
    if problems:
        reasons.append(f"validation found {problems} problems (reports/validation_problems.csv)")
    if changed:
        reasons.append(f"changed since they were validated: {', '.join(changed)} (run `dvc repro`)")
    good = f"{len(current)} raw tables validated without a problem, unchanged since"
    return Gate("data validated", not reasons, {"problems": float(problems)}, "; ".join(reasons) or good)


def lower_error(candidate: Evidence, champion: Evidence) -> Gate:
    """Mean MAE over the same seeds lower than the champion's, with the paired difference's 95 % interval."""
    return _compared("lower error", candidate, champion, Scheme.RANDOM, strict=True)


def families_not_worse(candidate: Evidence, champion: Evidence) -> Gate:
    """The same on held-out families, where equal is enough."""
    return _compared("not worse on held-out families", candidate, champion, Scheme.FAMILY, strict=False)


def _compared(name: str, candidate: Evidence, champion: Evidence, scheme: Scheme, strict: bool) -> Gate:
    new, old, basis = paired_errors(candidate, champion, scheme)
    difference = difference_interval(new - old)
    passed = bool(difference.estimate < 0 if strict else difference.estimate <= 0)
    figures: dict[str, float | str] = {"candidate": float(new.mean()), "champion": float(old.mean()), "basis": basis}
    figures |= {"difference": difference.estimate, "low": difference.low, "high": difference.high}
    sentence = (
        f"MAE {new.mean():.4f} against {old.mean():.4f} of {champion.label}: {difference.estimate:+.4f} "
        f"({difference.low:+.4f} to {difference.high:+.4f}, {basis})"
    )
    return Gate(name, passed, figures, sentence)


def difference_interval(differences: Array) -> Interval:
    """Mean of paired differences [seeds] with its 95 % interval (split noise only); no interval below two seeds."""
    if len(differences) < 2:
        mean = float(differences.mean())
        return Interval(mean, float("nan"), float("nan"))
    return mean_interval(differences)


def paired_errors(candidate: Evidence, champion: Evidence, scheme: Scheme) -> tuple[Array, Array, str]:
    """MAE per seed of both on the same seeds, and in words what they were measured on.

    On the same data these are the fold errors. When the data differ, both are measured by their out-of-fold
    predictions of the models they have in common, against the candidate's (newer) scores.
    """
    if candidate.data_version == champion.data_version:
        new = seed_errors(candidate.errors, candidate.predictor, scheme)
        old = seed_errors(champion.errors, champion.predictor, scheme)
        seeds = min(len(new), len(old))
        return new[:seeds], old[:seeds], f"{seeds} seeds, same data"
    newer = rows_of(candidate.predictions, candidate.predictor, scheme)
    older = rows_of(champion.predictions, champion.predictor, scheme)[["seed", "model_id", "predicted"]]
    joined = newer.merge(older, on=["seed", "model_id"], suffixes=("", "_champion"))
    parts = joined.assign(
        new=(joined["predicted"] - joined["actual"]).abs(), old=(joined["predicted_champion"] - joined["actual"]).abs()
    )
    means = parts.groupby("seed")[["new", "old"]].mean()
    models = joined["model_id"].nunique()
    basis = (
        f"{len(means)} seeds, out-of-fold predictions of the {models} models in common, because the data differ: "
        f"{champion.data_version} then, {candidate.data_version} now"
    )
    return means["new"].to_numpy(dtype=np.float64), means["old"].to_numpy(dtype=np.float64), basis


def covers(level: float, held_out_models: float, held_out_families: float) -> Gate:
    """The intervals hold as often as they say, within 3 points: over held-out models and models of held-out families,
    half and half, as the intervals are calibrated."""
    both = (held_out_models + held_out_families) / 2
    figures = {"level": level, "coverage": both, "models": held_out_models, "families": held_out_families}
    sentence = (
        f"{level:.0%} intervals hold {both:.1%}: {held_out_models:.1%} of held-out models, "
        f"{held_out_families:.1%} of models of held-out families"
    )
    return Gate("interval coverage", bool(abs(both - level) <= COVERAGE_TOLERANCE + 1e-9), figures, sentence)


def finite(answers: pd.DataFrame) -> Gate:
    """The answers to the probe set are finite, low <= score <= high, and contributions sum to the score."""
    numbers = answers.select_dtypes("number").to_numpy(dtype=np.float64)
    broken = int((~np.isfinite(numbers)).any(axis=1).sum())
    missed = int((~answers["score"].between(answers["low"], answers["high"])).sum())
    parts = answers[[name for name in map(str, answers) if name.startswith("contribution_")]].sum(axis=1)
    gap = float((parts - answers["score"]).abs().max()) if len(answers) else float("nan")
    passed = len(answers) > 0 and not broken and not missed and gap < 1e-4
    figures: dict[str, float | str] = {"rows": float(len(answers)), "broken": float(broken), "gap": gap}
    good = f"{len(answers)} probes, every answer finite; contributions sum to the score within {gap:.0e}"
    wrong = f"{broken} not finite, {missed} outside their interval, contributions off by {gap:.0e}"
    return Gate("finite on the probe set", passed, figures, good if passed else f"of {len(answers)} probes {wrong}")


def loads(problem: str, served: pd.DataFrame, own: pd.DataFrame) -> Gate:
    """The stored model loads where pickles are refused, and answers the probes as the predictor's own files do."""
    name = "loads without pickles"
    if problem:
        return Gate(name, False, {}, problem)
    gap = float(np.abs(served["score"].to_numpy(np.float64) - own["score"].to_numpy(np.float64)).max())
    good = f"loads with pickle loading disabled and answers as its files do (largest difference {gap:.0e})"
    return Gate(name, gap < 1e-6, {"difference": gap}, good if gap < 1e-6 else f"answers differ by {gap:.2g}")
