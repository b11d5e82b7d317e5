"""Records of forecasts: sealed, read back, tampered with; what is expected of rivals, and what came."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.errors import DataError
from models.ledger.entries import (
    LOSE,
    UNCERTAIN,
    WIN,
    Difference,
    Forecast,
    Outlook,
    TargetForecast,
    against_interval,
    against_score,
    plain_design,
    slug_of,
)
from models.ledger.scores import crps
from models.ledger.sealed import canonical, digest, opened, sealed
from models.ledger.settling import TIE, Measured, Settlement, measured_scores, settle, settled_rows, verdicts_kept

TODAY = date(2026, 12, 24)


def target(**changed: Any) -> TargetForecast:
    values: dict[str, Any] = {
        "title": "LAMBADA (0-shot)", "metric": "accuracy", "lower_is_better": False, "bounds": (0.0, 1.0),
        "predictor": "trees", "registered_model": "foretell-lambada_0shot", "version": "3", "data_version": "0a1b2c3d",
        "stage_hash": "f" * 32, "point": 0.6, "low": 0.5, "high": 0.75, "level": 0.9, "support": "inside",
        "support_reason": "", "predictable": True, "rivals": {},
    }  # fmt: skip
    return TargetForecast(**{**values, **changed})


def outlook(score: float, verdict: str = WIN, sha256: str = "") -> Outlook:
    kind = "registered" if sha256 else "recorded"
    return Outlook(kind, score, against_score(0.6, 0.5, 0.75, 0.9, score), verdict, sha256)


FORECAST = Forecast(
    name="Planned 7B",
    registered="2026-11-28T08:00:00+00:00",
    foretell="1.2.3",
    design={"total_params": 7e9, "tokens_billions": 2000, "activation": "swiglu"},
    targets={
        "lambada_0shot": target(rivals={"a/known": outlook(0.45), "other": outlook(0.58, UNCERTAIN, "b" * 64)}),
        "xnli_0shot": target(title="XNLI", lower_is_better=True, bounds=(0.0, 2.0)),
    },
)
SHA = digest(FORECAST.to_dict())


def settled(scores: dict[str, float], before: Settlement | None = None, **others: Settlement) -> Settlement:
    measured = {slug: Measured(score) for slug, score in scores.items()}
    return settle(FORECAST, SHA, measured, others, before, TODAY)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=6).filter(lambda key: key != "sha256"), plain, max_size=4))
def test_what_is_sealed_opens_with_its_hash(contents: dict[str, Any]) -> None:
    again, sha256 = opened(sealed(contents), "x.json")
    assert (canonical(again), sha256) == (canonical(contents), digest(contents))


def test_a_record_reads_back_as_it_was_written() -> None:
    values, sha256 = opened(sealed(FORECAST.to_dict()), "x.json")
    assert Forecast.from_dict(values, "x.json") == FORECAST
    assert sha256 == SHA
    settlement = settled({"lambada_0shot": 0.7})
    assert Settlement.from_dict(opened(sealed(settlement.to_dict()), "y.json")[0], "y.json") == settlement


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"point": 0.6', '"point": 0.7'),
        ("swiglu", "gelu"),
        ("2026-11-28", "2026-11-27"),
        ('"sha256": "', '"sha256": "0'),
    ],
)
def test_any_change_is_noticed_and_the_file_is_named(old: str, new: str) -> None:
    text = sealed(FORECAST.to_dict())
    assert old in text
    with pytest.raises(DataError, match=r"data/forecasts/x.json: changed since it was written.*git log"):
        opened(text.replace(old, new, 1), "data/forecasts/x.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"a": NaN, "sha256": "0"}', '{"a": 1, "a": 1, "sha256": "0"}'])
def test_what_is_no_record_is_said_to_be_none(text: str) -> None:
    with pytest.raises(DataError, match=r"x.json: not a whole record"):
        opened(text, "x.json")


@pytest.mark.parametrize("cut", [2, 100, 1000])
def test_a_part_of_a_record_is_none(cut: int) -> None:
    with pytest.raises(DataError, match="not a whole record"):
        opened(sealed(FORECAST.to_dict())[:-cut].rstrip(), "x.json")


def test_another_format_and_other_contents_are_refused() -> None:
    with pytest.raises(DataError, match="format 9"):
        Forecast.from_dict({**FORECAST.to_dict(), "format": 9}, "x.json")
    with pytest.raises(DataError, match="not a registered forecast"):
        Forecast.from_dict({"format": 1, "targets": {"a": {"point": 1}}}, "x.json")
    with pytest.raises(DataError, match="not a settled forecast"):
        Settlement.from_dict({"format": 1}, "x.json")


def test_names_become_file_names() -> None:
    names = {"Planned 7B": "planned-7b", "org/Model_1.5": "org--model_1.5", " ../x ": "x", "Zwölf/7b": "zw-lf--7b"}
    assert {name: slug_of(name) for name in names} == names
    with pytest.raises(DataError, match="cannot name a forecast"):
        slug_of("../ ")


def test_a_design_is_plain_and_unknown_values_are_left_out() -> None:
    row = pd.DataFrame({"total_params": [7_000_000_000], "pct_code": [float("nan")], "activation": ["gelu"]}).iloc[0]
    values = plain_design({**row.to_dict(), "biases": None})
    assert values == {"total_params": 7_000_000_000, "activation": "gelu"}
    assert json.loads(canonical(values)) == values
    for wrong in ({}, {"a": None}, {"a": float("inf")}, {"a": [1]}):
        with pytest.raises(DataError, match="design"):
            plain_design(wrong)


@pytest.mark.parametrize(
    ("low", "high", "lower_is_better", "verdict"),
    [(0.1, 0.2, False, WIN), (0.1, 0.2, True, LOSE), (-0.2, -0.1, False, LOSE), (-0.2, -0.1, True, WIN),
     (-0.1, 0.1, False, UNCERTAIN), (0.0, 0.1, False, UNCERTAIN)],
)  # fmt: skip
def test_a_verdict_needs_the_whole_interval(low: float, high: float, lower_is_better: bool, verdict: str) -> None:
    assert Difference(0.0, low, high, 0.9, "").verdict(lower_is_better) == verdict


def test_differences_from_a_known_score_and_from_two_intervals() -> None:
    assert against_score(0.6, 0.5, 0.75, 0.9, 0.45)[:3] == pytest.approx((0.15, 0.05, 0.30))
    own, rival = target(point=0.6, low=0.57, high=0.64), target(point=0.5, low=0.47, high=0.54)
    difference = against_interval(own, rival)
    assert difference[:3] == pytest.approx((0.1, 0.1 - 0.05, 0.1 + 0.05))  # 3-4-5
    assert difference.chance_better is None
    mirrored = against_interval(rival, own)
    assert (mirrored.estimate, mirrored.low, mirrored.high) == pytest.approx((-0.1, -0.15, -0.05))


def test_settling_says_what_came() -> None:
    row = settled({"lambada_0shot": 0.8}).targets["lambada_0shot"]
    assert (row.score, row.settled, row.inside) == (0.8, "2026-12-24", False)
    assert row.error == pytest.approx(0.2)
    assert row.interval_score == pytest.approx(0.25 + 20 * 0.05)
    assert row.crps == pytest.approx(float(crps(0.8, 0.6, 0.5, 0.75, 0.9)))
    assert row.rivals["a/known"].outcome == WIN
    assert (row.rivals["other"].verdict, row.rivals["other"].score, row.rivals["other"].outcome) == (
        UNCERTAIN, None, None,
    )  # fmt: skip


def test_outcomes_against_rivals_follow_the_direction_of_the_score() -> None:
    lower = replace(FORECAST, targets={"xnli_0shot": target(lower_is_better=True, rivals={"r": outlook(0.5)})})
    for score, outcome in ((0.4, WIN), (0.5, TIE), (0.6, LOSE)):
        result = settle(lower, SHA, {"xnli_0shot": Measured(score)}, {}, None, TODAY)
        assert result.targets["xnli_0shot"].rivals["r"].outcome == outcome


def test_a_rival_that_is_settled_later_is_filled_in() -> None:
    first = settled({"lambada_0shot": 0.7})
    rival = replace(first, name="other", forecast_sha256="b" * 64)
    again = settle(FORECAST, SHA, {"lambada_0shot": Measured(0.7)}, {"b" * 64: rival}, first, date(2027, 1, 2))
    row = again.targets["lambada_0shot"]
    assert (row.rivals["other"].score, row.rivals["other"].outcome) == (0.7, TIE)
    assert row.settled == "2026-12-24"
    assert verdicts_kept({"x": again}) == {WIN: (1, 1), LOSE: (0, 0), UNCERTAIN: (1, 0)}


def test_targets_are_settled_one_after_the_other_and_keep_their_numbers() -> None:
    first = settled({"lambada_0shot": 0.7})
    both = settle(FORECAST, SHA, {"xnli_0shot": Measured(0.9)}, {}, first, date(2027, 1, 2))
    assert both.targets["lambada_0shot"] == first.targets["lambada_0shot"]
    assert both.targets["xnli_0shot"].settled == "2027-01-02"
    assert settle(FORECAST, SHA, {"lambada_0shot": Measured(0.7)}, {}, both, date(2027, 5, 1)) == both
    with pytest.raises(DataError, match=r"lambada_0shot was settled with 0.7 on 2026-12-24, now 0.71"):
        settled({"lambada_0shot": 0.71}, both)
    with pytest.raises(DataError, match="it was replaced"):
        settled({}, replace(first, forecast_sha256="c" * 64))


def results(**columns: list[str]) -> dict[str, Measured]:
    return measured_scores(pd.DataFrame(columns, dtype=str), FORECAST, "results.csv", TODAY)


def test_measured_scores_are_read() -> None:
    assert results(benchmark=["lambada_0shot"], score=["0.7"]) == {"lambada_0shot": Measured(0.7)}
    assert results(target=["xnli_0shot"], score=["1.2"], date=["2026-11-28"]) == {
        "xnli_0shot": Measured(1.2, "2026-11-28")
    }


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"target": ["lambada"], "score": ["0.7"]}, "line 2: target 'lambada' was not forecast.*mean lambada_0shot"),
        ({"target": ["lambada_0shot"], "score": ["70.5"]}, "not between 0 and 1.*a percentage.*write 0.705"),
        ({"target": ["lambada_0shot"], "score": ["-0.1"]}, "-0.1 is not between 0 and 1 .accuracy.$"),
        ({"target": ["lambada_0shot"], "score": ["nan"]}, "not between"),
        ({"target": ["lambada_0shot"], "score": ["high"]}, "'high' is not a number"),
        ({"target": ["lambada_0shot"] * 2, "score": ["0.7", "0.7"]}, "line 3: target lambada_0shot is there twice"),
        ({"target": ["lambada_0shot"], "score": ["0.7"], "date": ["2026-11-27"]}, "known before is no test"),
        ({"target": ["lambada_0shot"], "score": ["0.7"], "date": ["2027-01-01"]}, "lies in the future"),
        ({"target": ["lambada_0shot"], "score": ["0.7"], "date": ["28.11.2026"]}, "expected a day like"),
        ({"target": ["lambada_0shot"]}, "expected the columns target, score"),
        ({"model": ["a"], "score": ["0.7"]}, "expected the columns target, score"),
        ({"target": [], "score": []}, "0 rows"),
    ],
)
def test_results_that_cannot_be_are_refused(columns: dict[str, list[str]], said: str) -> None:
    with pytest.raises(DataError, match=f"results.csv.*{said}"):
        results(**columns)


def test_settled_rows_are_ready_for_calibration() -> None:
    settlement = settle(FORECAST, SHA, {"lambada_0shot": Measured(0.8, "2026-12-01")}, {}, None, TODAY)
    [row] = settled_rows({"planned-7b": (FORECAST, settlement)}, "registered").to_dict("records")
    assert (row["model_id"], row["day"], row["predicted"], row["actual"]) == ("Planned 7B", "2026-12-01", 0.6, 0.8)
    assert row["interval_score"] == settlement.targets["lambada_0shot"].interval_score
    assert settled_rows({}, "registered").empty
