"""Every promotion gate passes when it should, and fails for each thing it is there to catch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.gates import (
    Evidence,
    covers,
    data_valid,
    families_not_worse,
    files_agree,
    finite,
    loads,
    lower_error,
    paired_errors,
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


def test_lower_error_is_a_paired_difference_over_the_same_seeds() -> None:
    gate = lower_error(evidence([0.10, 0.12, 0.11]), evidence([0.12, 0.15, 0.12]))
    assert gate.passed
    differences = np.array([-0.02, -0.03, -0.01])
    half = 4.302652729911275 * differences.std(ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom
    assert gate.figures["difference"] == pytest.approx(-0.02)
    assert gate.figures["low"] == pytest.approx(-0.02 - half)
    assert gate.figures["high"] == pytest.approx(-0.02 + half)


def test_equal_errors_are_no_improvement_but_not_worse_either() -> None:
    same = evidence([0.1, 0.2])
    assert not lower_error(same, same).passed
    assert families_not_worse(same, same).passed
    assert not families_not_worse(evidence([0.1, 0.21]), same).passed


def test_other_data_are_compared_on_the_models_in_common() -> None:
    new, old, basis = paired_errors(evidence([0.1, 0.1], "d2", models=6), evidence([0.2, 0.2], "d1"), Scheme.RANDOM)
    assert (new.tolist(), old.tolist()) == (pytest.approx([0.1, 0.1]), pytest.approx([0.2, 0.2]))
    assert "4 models in common" in basis
    assert "d1 then, d2 now" in basis


@pytest.mark.parametrize(
    ("models", "families", "passed"),
    [(0.9, 0.9, True), (0.93, 0.93, True), (0.96, 0.86, True), (0.95, 0.95, False), (0.9, 0.8, False)],
)
def test_coverage_is_within_three_points(models: float, families: float, passed: bool) -> None:
    assert covers(0.9, models, families).passed is passed


def test_unmeasured_coverage_does_not_pass() -> None:
    assert not covers(0.9, float("nan"), 0.9).passed


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
