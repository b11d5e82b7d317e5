"""The auditor on made-up models whose scores follow a law: good scores are believed, known faults are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.targets import Target
from models.audit.auditing import Finding, audit, audit_recorded
from models.audit.causes import copied_from
from models.audit.expectation import DESIGN, Expectation, Expectations, Known

VIEWS = ("verified",)


def target(slug: str, chance: float, metric: str = "accuracy", benchmark: str = "") -> Target:
    return Target(slug, slug, "more", benchmark or slug, 0, metric, False, chance, 0.0, 1.0, VIEWS, (slug,))


TARGETS = {
    "quiz": target("quiz", 0.25),
    "quiz_norm": target("quiz_norm", 0.25, "acc_norm", "quiz"),
    "words": target("words", 0.0),
    "maths": target("maths", 0.0),
    "facts": target("facts", 0.25),
    "pairs": target("pairs", 0.5),
}
CEILING = {"quiz": 0.7, "quiz_norm": 0.85, "words": 0.8, "maths": 0.6, "facts": 0.75, "pairs": 0.85}


@pytest.fixture(scope="module")
def made_up() -> tuple[Known, pd.DataFrame]:
    """120 models; a score rises from chance with a skill that size and tokens decide, plus noise of 0.01. The last 20
    are held out."""
    rng = np.random.default_rng(0)
    n = 120
    params, tokens = rng.uniform(18, 25, n), rng.uniform(3, 9, n)
    skill = 1 / (1 + np.exp(-(0.5 * (params - 21.5) + 0.4 * (tokens - 6) + rng.normal(0, 0.15, n))))
    design = pd.DataFrame(np.nan, index=[f"org/model-{i}" for i in range(n)], columns=list(DESIGN))
    design["log_params"], design["log_tokens"] = params, tokens
    scores = pd.DataFrame(
        {slug: t.chance + (CEILING[slug] - t.chance) * skill + rng.normal(0, 0.01, n) for slug, t in TARGETS.items()},
        index=design.index,
    ).clip(0, 1)
    return Known(design.iloc[:100], scores.iloc[:100]), design.iloc[100:].join(scores.iloc[100:])


@pytest.fixture(scope="module")
def expectations(made_up: tuple[Known, pd.DataFrame]) -> Expectations:
    return Expectations.fit(made_up[0], TARGETS, list(TARGETS))


def audited(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations, model: int, **changes: float
) -> dict[str, Finding]:
    known, held_out = made_up
    row = held_out.iloc[model]
    results = {slug: float(row[slug]) for slug in TARGETS} | changes
    return {f.slug: f for f in audit(results, row[list(DESIGN)], known, expectations, TARGETS)}


def strong(made_up: tuple[Known, pd.DataFrame]) -> int:
    return int(made_up[1]["quiz"].to_numpy().argmax())


def test_good_scores_of_unseen_models_are_believed(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    findings = [f for model in range(20) for f in audited(made_up, expectations, model).values()]
    assert sum(f.objected for f in findings) <= 0.04 * len(findings)
    assert all(f.low <= f.expected <= f.high for f in findings)


@pytest.mark.parametrize(
    ("slug", "value", "cause"),
    [
        ("quiz", 0.25, "at chance"),
        ("words", 0.0, "zero"),
        ("facts", 57.3, "percent for a share: 57.3 is above 1"),
    ],
)
def test_a_fault_is_found_and_named(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations, slug: str, value: float, cause: str
) -> None:
    findings = audited(made_up, expectations, strong(made_up), **{slug: value})
    assert findings[slug].objected
    assert cause in findings[slug].cause


def test_two_swapped_benchmarks_name_each_other(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    row = made_up[1].iloc[strong(made_up)]
    swapped = {"maths": float(row["pairs"]), "pairs": float(row["maths"])}
    findings = audited(made_up, expectations, strong(made_up), **swapped)
    assert findings["maths"].cause == "swapped with pairs"
    assert findings["pairs"].cause == "swapped with maths"


def test_a_normalised_score_in_the_plain_ones_place_is_named(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    row = made_up[1].iloc[strong(made_up)]
    findings = audited(made_up, expectations, strong(made_up), quiz=float(row["quiz_norm"]))
    assert findings["quiz"].cause == "acc_norm where accuracy is meant"


def test_a_model_at_chance_everywhere_is_found_by_its_design(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    broken = {slug: t.chance for slug, t in TARGETS.items()}
    findings = audited(made_up, expectations, strong(made_up), **broken)
    assert all(f.objected and f.cause.startswith("at chance on everything") for f in findings.values())


def test_another_models_row_is_a_copy(made_up: tuple[Known, pd.DataFrame], expectations: Expectations) -> None:
    twin = made_up[0].scores.iloc[7]
    findings = audited(made_up, expectations, 0, **{str(slug): float(score) for slug, score in twin.items()})
    assert all(f.cause == f"a copy of {twin.name}'s scores" for f in findings.values())
    assert copied_from({"quiz": float(twin["quiz"]), "words": float(twin["words"])}, made_up[0].scores) == ""


def test_a_second_measurement_that_agrees_overrules_the_objection(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    known, held_out = made_up
    row = held_out.iloc[strong(made_up)]
    results = {slug: float(row[slug]) for slug in TARGETS} | {"quiz": 0.25}
    findings = audit(results, row[list(DESIGN)], known, expectations, TARGETS, {"quiz": 0.26})
    quiz = next(f for f in findings if f.slug == "quiz")
    assert quiz.cause
    assert quiz.confirmed
    assert not quiz.objected


def test_a_score_does_not_influence_its_own_expectation(made_up: tuple[Known, pd.DataFrame]) -> None:
    known = made_up[0]
    plain = Expectation.fit(known, "words", ["quiz", "maths"])
    changed = known.scores.copy()
    changed.loc["org/model-3", "words"] += 0.4
    other = Expectation.fit(Known(known.design, changed), "words", ["quiz", "maths"])
    assert plain.held_out.loc["org/model-3", "expected"] == other.held_out.loc["org/model-3", "expected"]


def test_recorded_scores_are_audited_each_by_trees_that_did_not_see_it(
    made_up: tuple[Known, pd.DataFrame], expectations: Expectations
) -> None:
    known = made_up[0]
    every = known.scores.copy()
    best = known.scores["quiz"].idxmax()
    every.loc[best, "quiz"] = 0.25
    believed = known.scores.copy()
    believed.loc[best, "quiz"] = np.nan
    doubted = Known(known.design, believed)
    fitted = Expectations.fit(doubted, TARGETS, list(TARGETS))
    table = audit_recorded(every, doubted, fitted, TARGETS, {("org/model-6", "quiz"): 0.4})
    assert len(table) == every.notna().sum().sum()
    by_pair = table.set_index(["model_id", "target"])
    assert "at chance" in by_pair.loc[(best, "quiz"), "cause"]
    assert by_pair.loc[("org/model-6", "quiz"), "witness"] == 0.4
