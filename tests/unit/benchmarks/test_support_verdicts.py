"""The error by verdict: what is held out, what is asked, and what the tables say."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.support_verdicts import (
    Known,
    corner,
    corner_summary,
    measure,
    months_summary,
    relative,
    splits,
    summary,
    ways_to_ask,
)
from foretell.errors import DataError
from models.task import Task


@pytest.fixture(scope="module")
def known(small_task: Task) -> Known:
    """Every tenth model has no month of release, the others one from 2022-01 to 2024-12."""
    months = [f"202{2 + row % 3}-{1 + row % 12:02d}" if row % 10 else "" for row in range(len(small_task.scores))]
    return Known.of(small_task, pd.Series(months, index=list(small_task.model_ids)))


def test_what_is_held_out(known: Known) -> None:
    families = np.array(known.task.families)
    params = known.task.design["total_params"].to_numpy(dtype=float)
    tested: dict[str, list[int]] = {"family": [], "time": [], "later": [], "size": []}
    for scheme, train, test in splits(known):
        assert not set(train) & set(test)
        tested[scheme] += test.tolist()
        if scheme == "family":
            assert not set(families[train]) & set(families[test])
        if scheme in ("time", "later") and len(test):
            assert (known.months[train] != "").all()
            assert max(known.months[train].tolist()) < min(known.months[test].tolist())
        if scheme == "size":
            assert params[train].max() < params[test].min()
    assert sorted(tested["family"]) == list(range(len(families)))
    assert len(tested["time"]) == len(set(tested["time"])) > 0
    assert set(tested["later"]) >= set(tested["time"])
    assert tested["size"]


def test_what_is_asked(known: Known) -> None:
    asked = ways_to_ask(known)
    assert not asked["as recorded"]
    assert set(asked["without domain shares"]) == set(known.task.encoding.shares)
    assert set(known.names) - set(asked["parameters and tokens alone"]) == {"total_params", "tokens_billions"}


def test_errors_are_of_models_held_out(known: Known) -> None:
    answers = relative(measure(known).assign(benchmark="a"))
    recorded = answers[(answers["scheme"] == "family") & (answers["asked"] == "as recorded")]
    assert sorted(recorded["model_id"]) == sorted(known.task.model_ids)
    assert recorded["relative"].mean() == pytest.approx(1)
    unshared = answers[answers["asked"] == "without domain shares"]
    assert "inside" not in set(unshared["verdict"])


def test_the_corner_is_not_inside(known: Known) -> None:
    corners = corner(known)
    assert "all but models near it" in set(corners["known"])
    assert "inside" not in set(corners["verdict"])


def test_the_tables() -> None:
    answers = pd.DataFrame(
        {
            "benchmark": "a",
            "scheme": ["family"] * 4 + ["time"],
            "asked": "as recorded",
            "error": [0.1, 0.1, 0.2, 0.4, 0.6],
            "verdict": ["inside", "inside", "edge", "outside", "outside"],
        }
    )
    rows = list(summary(relative(answers)))
    assert [row["inside"] for row in rows] == ["0.50 (50%)", "none"]
    assert [row["outside"] for row in rows] == ["2.00 (25%)", "3.00 (100%)"]
    corners = pd.DataFrame(
        {"known": "all", "given": "corner", "verdict": ["edge", "edge", "outside"], "far": [True, False, True]}
    )
    row = {"known": "all", "given": "corner", "inside": 0, "edge": 2, "outside": 1, "far": 2}
    assert list(corner_summary(corners)) == [row]
    later = pd.DataFrame(
        {
            "scheme": ["later"] * 4 + ["family"],
            "undated": ["inside", "inside", "edge", "inside", "inside"],
            "months_ahead": [1, 3, 3, 40, 2],
            "relative": [1.0, 2.0, 9.0, 4.0, 9.0],
        }
    )
    months = list(months_summary(later))
    assert [row["answers"] for row in months] == [2, 0, 0, 0, 1]
    assert [row["error"] for row in months] == ["1.50", "none", "none", "none", "4.00"]
    with pytest.raises(DataError, match="b: no answer on held-out families"):
        relative(pd.concat([answers, answers[4:].assign(benchmark="b")]))
