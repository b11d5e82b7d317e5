"""Controlled runs: effects in closed form, what the recorded tables show, and when a claim disagrees with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features.controlled import read_controlled
from foretell.controlled import (
    Claim,
    ControlledTables,
    Curve,
    curves,
    disagreement,
    evidence,
    line_weights,
    measured_direction,
    repeat_noise,
)
from foretell.controlled.evidence import BETWEEN, effect_of
from foretell.errors import ConfigError, DataError

Z = stats.norm.ppf(0.975)


def curve(shares: list[float], scores: list[float], stderr: float = 1.0) -> Curve:
    at, measured = np.array(shares, float), np.array(scores, float)
    errors = np.full(len(shares), stderr)
    return Curve("study", "web text", 10**9, 10**10, "task", "accuracy", "b", "accuracy points", at, measured, errors)


@pytest.fixture(scope="module")
def tables(raw_root: Path) -> ControlledTables:
    return read_controlled(raw_root)


def test_an_effect_between_measured_shares() -> None:
    effect = effect_of(curve([0, 10, 50], [20, 25, 21]), 10, 50, 0.95)
    assert effect.effect == pytest.approx(-4)
    assert (effect.high - effect.low) / 2 == pytest.approx(Z * np.sqrt(2))
    assert (effect.sign, effect.rule) == ("lowers", "measured at both shares")


def test_a_straight_line_between_shares_and_its_error() -> None:
    effect = effect_of(curve([0, 10], [20, 30]), 2, 7, 0.95)
    assert effect.effect == pytest.approx(5)
    assert (effect.high - effect.effect) == pytest.approx(Z * np.sqrt(0.5**2 + 0.5**2))  # c = (-1/2, 1/2)
    assert effect.rule == BETWEEN
    np.testing.assert_allclose(line_weights(np.array([0.0, 10, 30]), 25), [0, 0.25, 0.75])


def test_a_change_back_has_the_opposite_effect() -> None:
    there, back = (effect_of(curve([0, 10, 50], [20, 25, 21]), *ends, 0.9) for ends in ((5, 40), (40, 5)))
    assert there.effect == pytest.approx(-back.effect)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_noise_makes_an_effect_flat_and_no_noise_gives_no_interval() -> None:
    assert effect_of(curve([0, 10], [20, 21]), 0, 10, 0.95).sign == "flat"
    unknown = effect_of(curve([0, 10], [20, 21], float("nan")), 0, 10, 0.95)
    assert unknown.sign == "raises"
    assert np.isnan(unknown.low)
    only_there = curve([0, 10, 20], [20, 21, 30])
    only_there.stderrs[0] = np.nan  # a share that the change does not use
    assert np.isfinite(effect_of(only_there, 10, 20, 0.95).low)


def test_nothing_is_extrapolated() -> None:
    inside = effect_of(curve([30, 100], [0, 70]), 20, 80, 0.95)
    assert (inside.share_from, inside.share_to, inside.effect) == (30, 80, pytest.approx(50))
    assert "of 20 to 80 the part that is measured" in inside.rule
    outside = effect_of(curve([80, 100], [0, 70]), 20, 85, 0.95)
    assert (outside.sign, outside.rule) == ("not measured", "measured from 80 to 100 % only")
    assert np.isnan(outside.effect)


@pytest.mark.parametrize(
    ("share", "start", "end", "said"),
    [
        ("pct_books", 0, 10, "expected pct_code or pct_web"),
        ("pct_code", -1, 10, "expected percent, 0 to 100"),
        ("pct_code", 0, 101, "expected percent, 0 to 100"),
        ("pct_code", 10, 10, "is no change"),
    ],
)
def test_a_wrong_question_is_refused(tables: ControlledTables, share: str, start: float, end: float, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        evidence(tables, share, start, end)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="level 1"):
        evidence(tables, "pct_code", 0, 10, 1)


# What the recorded runs show (the study's own figures)


def test_code_is_flat_to_half_and_harmful_beyond(tables: ControlledTables) -> None:
    largest = {c.task: c for c in curves(tables, "pct_code") if c.total_params == 4_200_000_000}
    assert largest["hellaswag"].scores.tolist() == [27.8, 29.4, 25.7, 27.0, 26.3, 26.3, 25.0, 22.6, 19.5, 14.7]
    assert largest["arc_challenge"].scores.tolist() == [5.3, 6.4, 5.2, 4.3, 5.2, 5.2, 2.6, 1.7, -0.4, -3.0]
    for start, end, sign in ((0, 50, "flat"), (20, 50, "flat"), (60, 90, "lowers")):
        rows = evidence(tables, "pct_code", start, end)
        rows = rows[(rows["total_params"] == 4_200_000_000) & rows["task"].isin(["hellaswag", "arc_challenge"])]
        assert rows["sign"].tolist() == [sign, sign]


def test_web_raises_hellaswag_and_lowers_lambada_at_three_sizes(tables: ControlledTables) -> None:
    rows = evidence(tables, "pct_web", 87.02, 100)
    swapped = rows[rows["replaced"].str.startswith("RedPajama's other sources, web text to C4")]
    for task, sign in (("hellaswag", 1), ("lambada_openai", -1)):
        effects = swapped[swapped["task"] == task].groupby("total_params")["effect"].mean()
        assert effects.index.tolist() == [411_616_256, 1_439_795_200, 6_889_410_560]
        assert (np.sign(effects) == sign).all()
    pile = evidence(tables, "pct_web", 31.91, 100)
    pile = pile[(pile["study"] == "bigscience") & (pile["metric"] == "accuracy")].set_index(["task", "replaced"])
    to_c4 = pile.xs("the Pile's other sources, web text to C4", level="replaced")
    assert to_c4.loc["lambada", "effect"] == pytest.approx(100 * (0.469 - 0.569), abs=0.1)
    assert to_c4.loc["hellaswag", "effect"] == pytest.approx(100 * (0.422 - 0.374), abs=0.1)
    assert to_c4.loc["lambada", "sign"] == "lowers"
    assert to_c4.loc["hellaswag", "sign"] == "raises"


def test_the_recorded_means_of_the_three_sizes(tables: ControlledTables) -> None:
    recipes = tables.recipes[
        tables.recipes["model"].isin(["open_lm_411m", "open_lm_1b_swiglutorch", "open_lm_7b_swiglutorch"])
    ]
    recipes = recipes[recipes["tokens"] <= 137_788_211_200]
    recipes = recipes[(recipes["model"] != "open_lm_1b_swiglutorch") | (recipes["tokens"] == 28_795_904_000)]
    mean = recipes.groupby(["task", "recipe", "total_params"])["score"].mean().round(3)
    assert mean["lambada_openai", "redpajama"].tolist() == pytest.approx([0.394, 0.531, 0.663], abs=0.001)
    assert mean["lambada_openai", "c4"].tolist() == pytest.approx([0.335, 0.464, 0.613], abs=0.001)
    assert mean["hellaswag", "redpajama"].tolist() == pytest.approx([0.334, 0.472, 0.648], abs=0.001)
    assert mean["hellaswag", "c4"].tolist() == pytest.approx([0.383, 0.551, 0.724], abs=0.001)


def test_the_noise_of_a_run_is_that_of_its_repeats(tables: ControlledTables) -> None:
    noise = repeat_noise(tables.recipes)
    repeats = tables.recipes[(tables.recipes["recipe"] == "filtered_web") & (tables.recipes["model"] == "open_lm_1b")]
    scores = repeats.loc[repeats["task"] == "hellaswag", "score"]
    assert len(scores) == 4
    assert noise["hellaswag"] == pytest.approx(np.std(scores, ddof=1))
    assert repeat_noise(tables.recipes[tables.recipes["recipe"] != "filtered_web"]) == {}


def test_code_and_web_are_two_readings_of_one_curve(tables: ControlledTables) -> None:
    code = evidence(tables, "pct_code", 10, 40)
    web = evidence(tables, "pct_web", 60, 90)
    web = web[web["replaced"].str.startswith("Python")]
    merged = code.merge(web, on=["study", "total_params", "tokens", "task"], suffixes=("", "_web"))
    four = merged[merged["total_params"] == 4_200_000_000]
    assert len(four) == 21
    np.testing.assert_allclose(four["effect"], -four["effect_web"], atol=1e-9)


# Agreement


def rows(*signs: str, effect: float = 1.0, unit: str = "accuracy points") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"sign": sign, "effect": effect, "low": effect - 2, "high": effect + 2, "unit": unit, "total_params": 10**9}
            for sign in signs
        ]
    )


@pytest.mark.parametrize(
    ("signs", "measured"),
    [
        (["raises", "flat"], "raises"),
        (["lowers"], "lowers"),
        (["flat", "not measured"], "flat"),
        (["raises", "lowers"], "mixed"),
        (["lowers"] * 9 + ["raises"], "lowers"),  # one of ten is noise
        (["not measured"], "not measured"),
    ],
)
def test_what_runs_say_together(signs: list[str], measured: str) -> None:
    assert measured_direction(rows(*signs)) == measured


@pytest.mark.parametrize(
    ("difference", "signs", "verdict"),
    [
        (0.02, ["raises"], "agrees"),
        (-0.02, ["raises"], "disagrees"),
        (0.0, ["raises"], "disagrees"),
        (0.0, ["flat"], "agrees"),
        (0.02, ["flat"], "agrees"),  # 2 points lie within -1 to 3
        (0.04, ["flat"], "disagrees"),
        (0.02, ["raises", "lowers"], "silent"),
        (0.02, ["not measured"], "silent"),
    ],
)
def test_a_claim_is_held_against_the_runs(difference: float, signs: list[str], verdict: str) -> None:
    held = disagreement(Claim(difference, difference - 0.01, difference + 0.01), rows(*signs))
    assert held.verdict == verdict
    assert "\n" not in held.sentence
    assert held.sentence.endswith(".")


def test_a_rise_of_an_error_is_a_fall_of_the_ability() -> None:
    brier = Claim(0.02, 0.01, 0.03, lower_is_better=True)
    assert brier.direction == "lowers"
    assert disagreement(brier, rows("lowers")).verdict == "agrees"
    assert disagreement(brier, rows("raises")).verdict == "disagrees"
    assert disagreement(brier, rows("flat")).verdict == "silent"  # sizes on two scales


def test_a_rescaled_score_is_compared_in_its_own_points() -> None:
    claim = Claim(0.02, 0.0, 0.03, chance=0.5)  # 2 points of accuracy are 4 rescaled
    assert disagreement(claim, rows("flat")).verdict == "agrees"
    assert disagreement(claim, rows("flat", unit="rescaled points")).verdict == "disagrees"


def test_the_sentence_says_how_sure_the_claim_is() -> None:
    assert "unsure of the sign" in disagreement(Claim(0.02, -0.1, 0.1), rows("raises")).sentence
    assert "unsure" not in disagreement(Claim(0.02, 0.01, 0.1), rows("raises")).sentence
