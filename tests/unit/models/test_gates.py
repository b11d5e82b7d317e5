"""Every promotion gate passes when it should, and fails for each thing it is there to catch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.gates import (
    Evidence,
    Gate,
    covers,
    data_valid,
    families_not_worse,
    files_agree,
    finite,
    later_not_worse,
    loads,
    paired_errors,
    paired_forecasts,
)
from models.schemes import Scheme

FILES = {"final.ubj": "a", "predictor.yaml": "b"}


def evidence(errors: list[float], version: str = "d1", models: int = 4) -> Evidence:
    """Two folds a seed whose mean is the seed's error; out-of-fold predictions that are off by as much."""
    rows, predictions = [], []
    for scheme in Scheme:
        for seed, error in enumerate(errors):
            about = {"predictor": "trees", "scheme": scheme.value, "seed": seed}
            rows += [{**about, "fold": fold, "mae": error + shift} for fold, shift in ((0, 0.01), (1, -0.01))]
            predictions += [
                {**about, "model_id": f"m{i}", "actual": 0.5, "predicted": 0.5 + error} for i in range(models)
            ]
    return Evidence("the champion", "trees", pd.DataFrame(rows), pd.DataFrame(predictions), version)


def test_files_agree_only_when_hash_files_and_lock_do() -> None:
    assert files_agree("h", "h", FILES, FILES, locked=True).passed
    changed = files_agree("h", "h", FILES, {**FILES, "final.ubj": "x"}, locked=True)
    assert not changed.passed
    assert "final.ubj" in changed.sentence
    assert not files_agree("h", "h", FILES, {"final.ubj": "a"}, locked=True).passed
    assert not files_agree("old", "new", FILES, FILES, locked=True).passed
    assert not files_agree("h", "h", FILES, FILES, locked=False).passed


def test_data_must_be_validated_as_they_are_now() -> None:
    assert data_valid(0, {"a.csv": "1"}, {"a.csv": "1"}).passed
    assert not data_valid(2, {"a.csv": "1"}, {"a.csv": "1"}).passed
    changed = data_valid(0, {"a.csv": "1"}, {"a.csv": "2"})
    assert (changed.passed, "a.csv" in changed.sentence) == (False, True)
    assert not data_valid(0, {}, {"a.csv": "1"}).passed


def backtested(errors: list[float], predictor: str = "trees", version: str = "d1", models: int = 3) -> Evidence:
    """A backtest of two schemes in which forecast i of each is off by `errors[i]`."""
    rows = [
        {"scheme": scheme.value, "seed": 0, "cutoff": "c", "predictor": predictor, "model_id": f"m{i}", "actual": 0.5}
        | {"predicted": 0.5 + errors[i]}
        for scheme in (Scheme.TIME, Scheme.FAMILY)
        for i in range(models)
    ]
    return Evidence("the champion", predictor, pd.DataFrame(), pd.DataFrame(), version, pd.DataFrame(rows))


@pytest.mark.parametrize("gate", [later_not_worse, families_not_worse])
def test_errors_are_paired_over_the_same_models(gate: Callable[[Evidence, Evidence], Gate]) -> None:
    verdict = gate(backtested([0.10, 0.12, 0.11]), backtested([0.12, 0.15, 0.12]))
    assert verdict.passed
    differences = np.array([-0.02, -0.03, -0.01])
    half = 4.302652729911275 * differences.std(ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    assert verdict.figures["difference"] == pytest.approx(-0.02)
    assert verdict.figures["low"] == pytest.approx(-0.02 - half)
    assert verdict.figures["high"] == pytest.approx(-0.02 + half)


@pytest.mark.parametrize("gate", [later_not_worse, families_not_worse])
def test_equal_errors_are_enough_and_larger_ones_are_not(gate: Callable[[Evidence, Evidence], Gate]) -> None:
    same = backtested([0.1, 0.2, 0.3])
    assert gate(same, same).passed
    assert not gate(backtested([0.1, 0.2, 0.31]), same).passed


def test_a_champion_without_a_backtest_is_measured_in_the_candidates() -> None:
    own, rival = backtested([0.1] * 3), backtested([0.2] * 3, "line")
    both = replace(own, forecasts=pd.concat([own.forecasts, rival.forecasts]))
    new, old, basis = paired_forecasts(both, replace(rival, forecasts=pd.DataFrame()), Scheme.TIME)
    assert (new.tolist(), old.tolist()) == (pytest.approx([0.1] * 3), pytest.approx([0.2] * 3))
    assert "candidate's backtest" in basis
    assert not later_not_worse(own, replace(rival, forecasts=pd.DataFrame())).passed  # measured nowhere


def test_other_data_are_judged_on_the_models_in_common() -> None:
    new, _, basis = paired_forecasts(backtested([0.1] * 4, version="d2", models=4), backtested([0.2] * 3), Scheme.TIME)
    assert len(new) == 3
    assert "d1 then, d2 now" in basis


def test_without_a_cutoff_time_decides_nothing() -> None:
    own = backtested([0.1] * 3)
    families = replace(own, forecasts=own.forecasts[own.forecasts["scheme"] == Scheme.FAMILY])
    assert later_not_worse(families, families).passed


def test_other_data_are_compared_on_the_models_in_common() -> None:
    new, old, basis = paired_errors(evidence([0.1, 0.1], "d2", models=6), evidence([0.2, 0.2], "d1"), Scheme.RANDOM)
    assert (new.tolist(), old.tolist()) == (pytest.approx([0.1, 0.1]), pytest.approx([0.2, 0.2]))
    assert "4 models in common" in basis
    assert "d1 then, d2 now" in basis


def covered(**shares: float) -> dict[str, dict[str, float]]:
    return {scheme: {"coverage": share, "mean_width": 0.2} for scheme, share in shares.items()}


@pytest.mark.parametrize(
    ("time", "family", "passed"),
    [(0.9, 0.5, True), (0.8, 0.9, True), (1.0, 0.9, True), (0.79, 0.9, False), (None, 0.9, True), (None, 0.79, False)],
)
def test_coverage_on_later_models_is_within_bounds(time: float | None, family: float, passed: bool) -> None:
    shares = {"family": family} | ({} if time is None else {"time": time})
    gate = covers(0.9, covered(**shares))
    assert gate.passed is passed
    assert f"{100 * family:.1f}%" in gate.sentence


def test_unmeasured_coverage_does_not_pass() -> None:
    assert not covers(0.9, covered(time=float("nan"), family=0.9)).passed


def answers(**changes: float) -> pd.DataFrame:
    row = {"score": 0.5, "low": 0.4, "high": 0.6, "contribution_base": 0.3, "contribution_x": 0.2}
    return pd.DataFrame([row, {**row, **changes}])


def test_probe_answers_must_be_finite_and_consistent() -> None:
    assert finite(answers()).passed
    assert not finite(answers(high=float("inf"))).passed
    assert not finite(answers(low=0.7)).passed
    assert not finite(answers(contribution_x=0.1)).passed
    assert not finite(answers().iloc[:0]).passed


def test_the_stored_model_must_load_and_agree() -> None:
    assert loads("", answers(), answers()).passed
    assert not loads("", answers(score=0.6), answers()).passed
    assert loads("ImportError: no module", pd.DataFrame(), answers()).sentence == "ImportError: no module"
