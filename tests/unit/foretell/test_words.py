"""Contributions in words: every number is a part of the difference that the first sentence states."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from foretell.answering.encoding import Encoding, Feature
from foretell.answering.words import Parts, against_nearest, against_other, decoded, shown_chance, shown_value

ASKED = Parts(
    "",
    0.640,
    {"tokens_billions": 2000.0, "pct_code": 5.0, "activation": "swiglu"},
    {"base": 0.5, "bounds": 0.0, "tokens_billions": 0.12, "pct_code": -0.010, "activation": 0.02, "d_model": 0.01},
)
NEAREST = [
    Parts(
        f"family/{n}",
        0.6 - n / 100,
        {"tokens_billions": tokens, "pct_code": code, "activation": "swiglu", "d_model": 4096.0},
        {"base": 0.5, "tokens_billions": 0.07 - n / 100, "pct_code": 0.006, "activation": 0.014, "d_model": 0.01},
    )
    for n, tokens, code in ((0, 300.0, 12.0), (1, 1000.0, None), (2, 600.0, 30.0))
]


def effects(words: tuple[str, ...]) -> float:
    """The sum of the effects that the sentences name."""
    return sum(float(number) for number in re.findall(r": ([+-]\d\.\d{3})", " ".join(words[1:])))


def test_what_raises_and_what_lowers_an_answer() -> None:
    assert against_nearest(ASKED, NEAREST) == (
        "0.640 is 0.050 above what is predicted for the nearest models (0.590: family/0, family/1, family/2).",
        "Raised by tokens_billions 2000 (nearest models: 300 to 1000): +0.060.",
        "Lowered by pct_code 5 (nearest models: 12 to 30, or unknown): -0.016.",
        "Everything else together: +0.006.",  # activation, which is the same, and d_model
    )


def test_the_effects_add_up_to_the_difference() -> None:
    rng = np.random.default_rng(0)
    names = [f"feature_{i}" for i in range(12)]
    for _ in range(20):
        sides = []
        for _ in range(4):
            contributions = {"base": 0.5, "bounds": 0.0} | dict(zip(names, rng.normal(0, 0.03, 12), strict=True))
            values = dict(zip(names, rng.integers(0, 3, 12).astype(float), strict=True))
            sides.append(Parts("x", sum(contributions.values()), values, contributions))
        difference = sides[0].score - np.mean([side.score for side in sides[1:]])
        assert effects(against_nearest(sides[0], sides[1:])) == pytest.approx(difference, abs=0.004)  # seven roundings
        assert effects(against_other(sides[1], sides[0])) == pytest.approx(sides[0].score - sides[1].score, abs=0.004)


def test_two_designs_against_each_other() -> None:
    first = Parts("A", 0.6, {"pct_code": 10.0}, {"base": 0.5, "pct_code": 0.1})
    second = Parts("B", 0.55, {"pct_code": None}, {"base": 0.5, "pct_code": 0.05})
    assert against_other(first, second) == (
        "B is predicted 0.050 below A.",
        "Lowered by pct_code unknown (in A: 10): -0.050.",
    )
    assert against_other(first, first) == ("A is predicted equal to A.",)


def test_without_models_there_are_no_words() -> None:
    assert against_nearest(ASKED, []) == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((None, "unknown"), (math.nan, "unknown"), ("swiglu", "swiglu"), (7e9, "7e9"), (6_738_415_616.0, "6.738e9")),
        *((12345.0, "12345"), (2000, "2000"), (0.25, "0.25"), (0, "0"), (2.6666666, "2.667"), (1e12, "1e12")),
    ],
)
def test_values_are_shown_as_a_person_writes_them(value: object, shown: str) -> None:
    assert shown_value(value) == shown


def test_an_encoded_row_is_decoded_to_what_was_asked() -> None:
    features = (
        Feature("total_params", "scale", "log", "", "", 1e5, 2e12),
        Feature("pct_code", "data", "number", "percent", "", 0, 100),
        Feature("activation", "architecture", "word", "", "", words=("gelu", "swiglu")),
        Feature("d_model", "architecture", "number", "", "", 1, 1e5),
    )
    design = {"total_params": 7e9, "pct_code": 20.0, "activation": "swiglu"}
    row = Encoding("verified", features).matrix(pd.DataFrame([design]), [feature.name for feature in features])[0]
    values = decoded(features, row)
    assert values.pop("total_params") == pytest.approx(7e9)
    assert values == {"pct_code": 20.0, "activation": "swiglu", "d_model": None}


@pytest.mark.parametrize(("chance", "shown"), [(0.5, "50%"), (0.997, ">99%"), (0.003, "<1%"), (0.994, "99%")])
def test_no_chance_is_shown_as_certain(chance: float, shown: str) -> None:
    assert shown_chance(chance) == shown
