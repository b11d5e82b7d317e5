"""What a candidate must show before it becomes the champion. Pure: every gate takes plain figures and answers with a
name, passed or not, the figures and a sentence; `models/registry/evidence.py` gathers the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.stats import Interval, mean_interval
from models.results import rows_of, seed_errors
from models.schemes import Scheme

Array = NDArray[np.float64]
COVERAGE_TOLERANCE = 0.1  # either way, of the nominal level, on the later models of one benchmark


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
    predictor's name in them, the version of the data that they were made from, and its benchmark's backtest
    (`forecasts`, empty where the run kept none)."""

    label: str
    predictor: str
    errors: pd.DataFrame
    predictions: pd.DataFrame
    data_version: str
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)


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
        problems.append("data/predictors, data/errors or data/backtests is not what dvc.lock records (`dvc status`)")
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


def later_not_worse(candidate: Evidence, champion: Evidence) -> Gate:
    """The mean error on models released after those it was fitted on, better than or equal to the champion's, with the
    paired difference's 95 % interval."""
    return _compared("not worse on later models", candidate, champion, Scheme.TIME)


def families_not_worse(candidate: Evidence, champion: Evidence) -> Gate:
    """The same on held-out families."""
    return _compared("not worse on held-out families", candidate, champion, Scheme.FAMILY)


def _compared(name: str, candidate: Evidence, champion: Evidence, scheme: Scheme) -> Gate:
    new, old, basis = paired_forecasts(candidate, champion, scheme)
    if not len(new):
        return Gate(name, basis == NO_CUTOFF, {"basis": basis}, basis)
    difference = difference_interval(new - old)
    figures: dict[str, float | str] = {"candidate": float(new.mean()), "champion": float(old.mean()), "basis": basis}
    figures |= {"difference": difference.estimate, "low": difference.low, "high": difference.high}
    sentence = (
        f"MAE {new.mean():.4f} against {old.mean():.4f} of {champion.label}: {difference.estimate:+.4f} "
        f"({difference.low:+.4f} to {difference.high:+.4f}, {basis})"
    )
    return Gate(name, bool(difference.estimate <= 0), figures, sentence)


NO_CUTOFF = "no cut-off leaves enough models before and behind it: nothing to compare"


def paired_forecasts(candidate: Evidence, champion: Evidence, scheme: Scheme) -> tuple[Array, Array, str]:
    """Absolute errors of both [models] in the backtest, mean over the seeds of the scheme, and in words what they are
    of: the models in common, against the candidate's (newer) scores. A champion whose run kept no backtest is measured
    by what its kind of predictor did in the candidate's. Empty where there is nothing to compare."""
    newer = _own_forecasts(candidate.forecasts, candidate.predictor, scheme)
    older = _own_forecasts(champion.forecasts, champion.predictor, scheme)
    kept = len(older) > 0
    if not kept:
        older = _own_forecasts(candidate.forecasts, champion.predictor, scheme)
    if not len(newer) and not len(_own_forecasts(candidate.forecasts, "", scheme)):
        return np.empty(0), np.empty(0), NO_CUTOFF
    keys = ["seed", "model_id"]
    joined = newer.merge(older[[*keys, "predicted"]], on=keys, suffixes=("", "_champion"))
    if joined.empty:
        return (
            np.empty(0),
            np.empty(0),
            f"the backtest has no forecast of both {candidate.predictor} and " + (champion.predictor),
        )
    errors = joined.assign(
        new=(joined["predicted"] - joined["actual"]).abs(), old=(joined["predicted_champion"] - joined["actual"]).abs()
    )
    by_model = errors.groupby("model_id")[["new", "old"]].mean()
    versions = f"data {champion.data_version} then, {candidate.data_version} now"
    same = candidate.data_version == champion.data_version
    data = "models, same data" if same else f"models in common, because the data differ: {versions}"
    measured = data if kept else f"models, {champion.predictor} in the candidate's backtest"
    basis = f"{len(by_model)} {measured}"
    return by_model["new"].to_numpy(dtype=np.float64), by_model["old"].to_numpy(dtype=np.float64), basis


def _own_forecasts(forecasts: pd.DataFrame, predictor: str, scheme: Scheme) -> pd.DataFrame:
    """The forecasts of one predictor ("": of all) on one scheme."""
    if forecasts.empty:
        return forecasts
    own = forecasts["predictor"] == predictor if predictor else True
    return forecasts[(forecasts["scheme"] == scheme.value) & own]


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


def covers(level: float, coverage: Mapping[str, Any]) -> Gate:
    """The intervals hold on later models about as often as they say: within COVERAGE_TOLERANCE of the level, which
    allows for a few dozen models. Where no cut-off leaves enough of them, families are judged instead.

    `coverage` is what a predictor's coverage.json says: scheme -> coverage and mean_width, among others."""
    judged = Scheme.TIME if Scheme.TIME in coverage else Scheme.FAMILY
    held = {scheme.value: float(coverage[scheme]["coverage"]) for scheme in Scheme if scheme in coverage}
    words = ", ".join(f"{held[scheme]:.1%} of {scheme.held_out}" for scheme in Scheme if scheme in coverage)
    width = float(coverage[judged]["mean_width"])
    low, high = level - COVERAGE_TOLERANCE, min(1.0, level + COVERAGE_TOLERANCE)
    passed = bool(low - 1e-9 <= held[judged.value] <= high + 1e-9)
    sentence = (
        f"{level:.0%} intervals hold {words}; on {judged.held_out} {low:.0%} to {high:.0%} are asked for "
        f"(mean width {width:.3f})"
    )
    return Gate("interval coverage", passed, {"level": level, "width": width, **held}, sentence)


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
