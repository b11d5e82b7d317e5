"""Claims about the share of code beside the laboratory's runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.share_claims import agreement_table, compare_claims

CLAIMS = [
    ("predictors", "humaneval", "code", 10, 20, "raises", "agrees", "raises"),
    ("predictors", "lambada", "books", 10, 20, "raises", "disagrees", "lowers"),
    ("predictors", "lambada", "books", 20, 10, "raises", "agrees", "raises"),  # less code
    ("controlled runs", "arc", "dictionary", 0, 50, "flat", "agrees", "flat"),
    ("controlled runs", "arc", "dictionary", 0, 50, "mixed", "silent", "flat"),
    ("controlled runs", "arc", "books", 0, 90, "lowers", "silent", "not measured"),
]


def losses() -> pd.DataFrame:
    curves = {"code": lambda s: 3 - s / 100, "books": lambda s: 2 + s / 100, "dictionary": lambda s: 2.5}
    rows = [(d, s, seed, c(s) + seed) for d, c in curves.items() for s in (0.0, 40.0, 80.0) for seed in (1, 2, 3)]
    return pd.DataFrame(rows, columns=["domain", "share", "seed", "loss"])


def claims(rows: list[tuple[str, str, str, float, float, str, str, str]]) -> pd.DataFrame:
    columns = ["claimed_by", "benchmark", "domain", "share_from", "share_to", "direction", "expected", "here"]
    return pd.DataFrame(rows, columns=columns)


def test_claims_are_held_against_the_effect_of_the_same_change() -> None:
    compared = compare_claims(losses(), claims(CLAIMS), 0.95)
    assert compared["verdict"].tolist() == compared["expected"].tolist()
    assert compared["measured"].tolist() == compared["here"].tolist()
    np.testing.assert_allclose(compared["effect"], [-0.1, 0.1, 0.1, 0.0, 0.0, np.nan], atol=1e-12)
    table = agreement_table(compared).set_index(["claimed_by", "domain"])
    assert table.loc[("predictors", "books")].tolist() == [1, 1, 0]
    assert table.loc[("controlled runs", "dictionary")].tolist() == [1, 0, 1]


def test_faulty_claims_are_refused() -> None:
    with pytest.raises(DataError, match="no columns benchmark"):
        compare_claims(losses(), claims(CLAIMS).drop(columns="benchmark"), 0.95)
    with pytest.raises(DataError, match="direction 'up'"):
        compare_claims(losses(), claims(CLAIMS).replace("mixed", "up"), 0.95)
    with pytest.raises(DataError, match="no domain"):
        compare_claims(losses(), claims(CLAIMS).replace("dictionary", "web"), 0.95)
