"""The analysis of learning dynamics on curves made by closed forms, and the rules of the findings at their edges."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.dynamics import (
    curves_of,
    grokking_table,
    largest_fall,
    quanta_table,
    step_learned,
    steps_table,
    study_dynamics,
)
from foretell.experiments.figures_dynamics import dynamics_figures
from foretell.experiments.findings_dynamics import check_dynamics, grokking_setting
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED

STEPS = np.unique(np.rint(np.geomspace(10, 10_000, 60)).astype(int))
BASE = (0.001, 1.0)
FACTS = {"n_test": 400, "tokens_per_example": 10.0, "labels_per_example": 4.0, "raw_bits_per_label": 3.0}


def sigmoid(steps: Any, middle: float, width: float) -> Any:
    """Rises from 0 to 1 in log10 step."""
    return 1 / (1 + np.exp(-(np.log10(steps) - np.log10(middle)) / width))


def rows(experiment: str, setting: str, seed: int, metrics: dict[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame({"step": STEPS, "tokens": STEPS * 100, **metrics})
    long = table.melt(["step", "tokens"], var_name="metric")
    return long.assign(experiment=experiment, setting=setting, seed=seed)


def laboratory(**changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metrics and runs of all experiments in which every claim holds; `changes` move the middles of rises or exponents:
    `test` step of grokking, `plain` step of the plain format, `ordered` final accuracy, `power` of chains."""
    at = {
        "test": 1000.0,
        "plain": 5000.0,
        "reversed": 1100.0,
        "ordered": 0.9,
        "power": 1.0,
        "no_decay": 4000.0,
    } | changes
    tables, runs = [], []

    def add(experiment: str, setting: str, skill: str, metrics: dict[str, Any], seed: int) -> None:
        facts = {**FACTS, "skill": skill, "chance": 0.5 if experiment == "quanta" else 0.0}
        tables.append(rows(experiment, setting, seed, metrics))
        runs.append(
            {"experiment": experiment, "setting": setting, "seed": seed, "parameters": 50_000, "tokens": 1_000_000,
             "code_bits": 1e5, "compression_ratio": 2.0, "facts": json.dumps(facts),
             "settings": "{}"}
        )  # fmt: skip

    for seed in range(3):
        shift = 1 + 0.02 * seed
        cells = {BASE: at["test"], (0.001, 0.0): at["no_decay"], (0.0001, 1.0): 5000.0, (0.01, 1.0): 3000.0}
        for (rate, decay), middle in cells.items():
            both = {"train_accuracy": sigmoid(STEPS, 50 * shift, 0.05)}
            both["test_accuracy"] = sigmoid(STEPS, middle * shift, 0.01)
            add("grokking", grokking_setting(rate, decay), "test_accuracy", both, seed)
        for form, middle in {"plain": at["plain"], "reversed": at["reversed"], "scratchpad": 500.0}.items():
            accuracy = sigmoid(STEPS, middle * (1 if form == "plain" else shift), 0.05)
            add("format", form, "exact_accuracy", {"exact_accuracy": accuracy}, seed)
        for order, final in {"ordered": at["ordered"], "mixed": 0.6, "alone": 0.5}.items():
            accuracy = (final + 0.01 * seed) * sigmoid(STEPS, 500, 0.1)
            add("curriculum", order, "accuracy_skill_3", {f"accuracy_skill_{i}": accuracy for i in (1, 2, 3)}, seed)
        frequency = np.arange(1, 41) ** -1.5
        losses = np.log(2) * (1 - np.array([sigmoid(STEPS, 20 / f**0.9, 0.02) for f in frequency]))
        quanta = {f"loss_skill_{i:03d}": loss for i, loss in enumerate(losses, start=1)}
        mean = np.log(2) * np.minimum(1, (STEPS / 20) ** -0.33)
        add("quanta", "skills=40", "mean_accuracy",
            {**quanta, "mean_loss_nats": mean, "mean_accuracy": 1 - mean / 2}, seed)  # fmt: skip
        single = sigmoid(STEPS, 300 * shift, 0.3)
        chains = {f"accuracy_k{k}": single ** (k if k == 1 else k * at["power"]) for k in range(1, 6)}
        for layout in ("one_by_one", "all_first"):
            add("steps", layout, "accuracy_k5", chains, seed)
    columns = ["experiment", "setting", "seed", "step", "tokens", "metric", "value"]
    return pd.concat(tables, ignore_index=True)[columns], pd.DataFrame(runs)


def verdicts(**changes: Any) -> dict[str, str]:
    return {f.name: f.verdict for f in check_dynamics(study_dynamics(*laboratory(**changes), 100), BASE)}


def test_every_claim_is_confirmed_where_it_was_built_in() -> None:
    found = verdicts()
    assert len(found) == 12
    assert set(found.values()) == {CONFIRMED}, found


@pytest.mark.parametrize(
    ("changes", "refuted"),
    [
        ({"test": 60.0}, {"grokking"}),
        ({"no_decay": 900.0}, {"weight_decay_groks_earlier"}),
        ({"plain": 400.0}, {"detailed_scratchpad_is_learned_fastest"}),
        ({"plain": 700.0, "reversed": 900.0}, {"format_sets_speed"}),
        ({"plain": 510.0}, {"format_sets_speed", "detailed_scratchpad_is_learned_fastest"}),
        ({"ordered": 0.45}, {"curriculum_sets_speed"}),
        ({"power": 1.3}, {"emergence_is_a_power", "emergence_is_a_power_where_steps_differ"}),
        ({"power": 1.2}, set()),
    ],
)
def test_a_claim_that_does_not_hold_is_not_confirmed(changes: dict[str, float], refuted: set[str]) -> None:
    assert {name for name, verdict in verdicts(**changes).items() if verdict == NOT_CONFIRMED} == refuted


def test_the_step_that_passes_90_percent_is_found_between_measurements() -> None:
    steps = pd.Series([10.0, 100.0, 1000.0])
    assert step_learned(steps, pd.Series([0.0, 0.8, 1.0])) == pytest.approx(10**2.5)
    assert np.isnan(step_learned(steps, pd.Series([0.0, 0.8, 0.9])))


def test_grokking_of_known_sigmoids() -> None:
    # The logistic function reaches 0.9 at middle * 10^(width ln 9).
    metrics = rows("grokking", "s", 0, {"train_accuracy": sigmoid(STEPS, 100, 0.05),
                                        "test_accuracy": sigmoid(STEPS, 1000, 0.05)})  # fmt: skip
    row = grokking_table(curves_of(metrics, "grokking")).iloc[0]
    ninety = 10 ** (0.05 * np.log(9))
    assert row["train_step_90_percent"] == pytest.approx(100 * ninety, rel=0.02)
    assert row["test_step_90_percent"] == pytest.approx(1000 * ninety, rel=0.02)
    assert row["test_over_train"] == pytest.approx(10, rel=0.03)
    assert row["test_accuracy_when_train_passes"] < 0.01 and row["bic_line_minus_jump"] > 0


def test_chains_give_back_their_power() -> None:
    metrics, _ = laboratory()
    table = steps_table(curves_of(metrics, "steps"), 100)
    assert table["k_fitted"].to_numpy() == pytest.approx(table["k"].to_numpy(), rel=1e-3)
    assert table["r_squared_of_true_k"].to_numpy() == pytest.approx(1)
    assert table["largest_error_of_true_k"].max() < 1e-12


def test_a_jump_falls_at_once_and_a_line_in_equal_parts() -> None:
    assert largest_fall(np.array([1.0, 1.0, 0.0, 0.0])) == 1.0
    assert largest_fall(np.linspace(1, 0, 5)) == pytest.approx(0.25)
    assert np.isnan(largest_fall(np.ones(4)))


def test_jumps_of_skills_and_the_power_law_of_their_mean() -> None:
    metrics, _ = laboratory()
    row = quanta_table(curves_of(metrics, "quanta"), np.log(2)).iloc[0]
    assert row["n_jump"] == row["n_learned"] == 40
    assert row["exponent"] == pytest.approx(-0.33) and row["r_squared_of_mean"] == pytest.approx(1)
    assert row["median_r_squared_of_skill"] < 0.95
    assert row["rank_correlation_with_frequency"] == pytest.approx(1)
    assert row["largest_fall_of_mean"] < 0.1 < row["median_largest_fall"]


def test_learning_counts_problems_and_tokens() -> None:
    table = study_dynamics(*laboratory(), 100)["learning"]
    plain = table[(table["setting"] == "plain") & (table["seed"] == 0)].iloc[0]
    assert plain["tokens_to_90_percent"] == pytest.approx(100 * 5000 * 10 ** (0.05 * np.log(9)), rel=0.02)
    assert plain["problems_to_90_percent"] == pytest.approx(plain["tokens_to_90_percent"] / 10)
    assert plain["tokens_to_half"] == pytest.approx(100 * 5000, rel=0.1)


def test_a_missing_experiment_is_named() -> None:
    metrics, runs = laboratory()
    with pytest.raises(DataError, match="no runs of format"):
        study_dynamics(metrics, runs[runs["experiment"] != "format"])
    with pytest.raises(DataError, match="no rows of experiment format"):
        study_dynamics(metrics[metrics["experiment"] != "format"], runs)
    tables = study_dynamics(metrics, runs, 100)
    with pytest.raises(DataError, match="without rows: steps"):
        check_dynamics({**tables, "steps": tables["steps"].head(0)}, BASE)
    with pytest.raises(DataError, match=r"no runs of setting lr=0\.5"):
        check_dynamics(tables, (0.5, 1.0))


def test_quanta_that_learned_nothing_are_refused() -> None:
    flat = {f"loss_skill_{i:03d}": np.full(len(STEPS), np.log(2)) for i in (1, 2)}
    metrics = rows("quanta", "s", 0, {**flat, "mean_loss_nats": np.full(len(STEPS), np.log(2))})
    with pytest.raises(DataError, match="fewer than 5 measurements after learning began"):
        quanta_table(curves_of(metrics, "quanta"), np.log(2))


def test_every_experiment_is_drawn() -> None:
    metrics, runs = laboratory()
    figures = dynamics_figures(metrics, study_dynamics(metrics, runs, 100)["learning"])
    assert list(figures) == ["grokking", "format", "curriculum", "quanta", "steps"]
    assert [len(figure.axes) for figure in figures.values()] == [2, 2, 3, 2, 2]
    assert all(axes.get_xlabel() or axes.get_ylabel() for figure in figures.values() for axes in figure.axes)
