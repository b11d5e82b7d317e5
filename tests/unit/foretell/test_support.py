"""Where a prediction can be believed: inside, at the edge, outside, and which models are near."""

import numpy as np
import pytest

from foretell.answering.encoding import Feature
from foretell.answering.support import Support
from foretell.errors import DataError

# two numbers with ranges 10 and 100, one word; models lie on a line, the last one apart
ROWS = np.array([[0.0, 0.0, 0], [1, 10, 0], [2, 20, 0], [3, 30, 0], [10, 100, 1]])
IDS = ("a/0", "a/1", "a/2", "a/3", "b/9")


def numbers(*names: str) -> tuple[Feature, ...]:
    """Numeric features; size and tokens of a model are its scale."""
    scale = ("total_params", "tokens_billions")
    return tuple(Feature(name, "scale" if name in scale else "data", "number", "", "") for name in names)


FEATURES = (*numbers("size", "tokens"), Feature("kind", "architecture", "word", "", "", words=("x", "y", "z")))
SUPPORT = Support(ROWS, FEATURES, IDS)


def test_distance_is_gowers() -> None:
    # to a/1: (|1.5 - 1| / 10 + |10 - 10| / 100 + 0) / 3; to b/9: (0.85 + 0.9 + 1) / 3
    nearest = dict(SUPPORT.verdict(np.array([1.5, 10, 0]), n_nearest=5).nearest)
    assert nearest["a/1"] == pytest.approx(0.05 / 3)
    assert nearest["b/9"] == pytest.approx(2.75 / 3)


def test_nearest_models_come_first() -> None:
    verdict = SUPPORT.verdict(np.array([2.9, 29, 0]))
    assert [name for name, _ in verdict.nearest] == ["a/3", "a/2", "a/1"]
    assert verdict.nearest[0][1] == pytest.approx(0.02 / 3)


def test_a_training_model_is_inside() -> None:
    verdict = SUPPORT.verdict(ROWS[2])
    assert (verdict.verdict, verdict.reason) == ("inside", "")
    assert verdict.nearest[0] == ("a/2", 0.0)


@pytest.mark.parametrize(("size", "side"), [(-0.1, "below"), (10.1, "above")])
def test_beyond_every_model_is_outside(size: float, side: str) -> None:
    verdict = SUPPORT.verdict(np.array([size, 10, 0]))
    assert (verdict.verdict, verdict.reason) == ("outside", f"size is {side} every training model")


def test_far_from_every_model_is_outside_though_each_feature_is_in_range() -> None:
    crowd = np.column_stack([np.linspace(0, 1, 20), np.linspace(0, 1, 20)])
    support = Support(crowd, numbers("size", "tokens"), tuple(f"a/{i}" for i in range(20)))
    verdict = support.verdict(np.array([0.05, 0.95]))
    assert verdict.verdict == "outside"
    assert verdict.reason.startswith("no training model is near (distance 0.450 > 0.053)")
    assert support.verdict(np.array([0.5, 0.5])).verdict == "inside"


def test_between_the_two_limits_is_the_edge() -> None:
    assert SUPPORT.edge < SUPPORT.limit
    # own distances are four times 0.2 / 3 and once 0.8: edge 0.507, limit 0.8; a third word is (0.3 + 0.3 + 1) / 3 away
    between = SUPPORT.verdict(np.array([6.0, 60, 2]))
    assert between.verdict == "edge"
    assert between.reason == "few training models are near (distance 0.533 > 0.507)"


@pytest.mark.parametrize("name", ["total_params", "tokens_billions"])
def test_without_size_or_tokens_nothing_can_be_believed(name: str) -> None:
    rows = np.array([[1.0, 2.0], [1.1, 2.0], [1.2, 2.1]])
    support = Support(rows, numbers(name, "pct_code"), ("a", "b", "c"))
    assert support.verdict(np.array([1.05, 2.0])).verdict == "inside"
    unknown = support.verdict(np.array([np.nan, 2.0]))
    assert (unknown.verdict, unknown.reason) == ("outside", f"{name} is unknown, and scores follow it most")


def test_unknown_features_are_passed_over_in_the_distance_and_said() -> None:
    verdict = SUPPORT.verdict(np.array([np.nan, 20, np.nan]))
    assert verdict.nearest[0] == ("a/2", 0.0)
    assert verdict.verdict == "edge"
    assert "is unknown, and of every training model it is known" in verdict.reason


def test_a_query_about_which_nothing_is_known_is_outside() -> None:
    verdict = SUPPORT.verdict(np.full(3, np.nan))
    assert verdict.verdict == "outside"
    assert verdict.nearest[0][1] == 1.0


def test_gaps_in_the_training_table_and_constant_columns() -> None:
    rows = np.array([[1.0, np.nan, 5], [2, 3, 5], [np.nan, np.nan, 5]])
    support = Support(rows, numbers("a", "b", "c"), ("x", "y", "z"))
    assert support.verdict(np.array([1.0, 3, 5])).nearest[0][1] == 0.0
    assert support.verdict(np.array([1.0, 3, 6])).reason == "c is above every training model"


def test_units_do_not_matter() -> None:
    scaled = Support(ROWS * [1000, 0.01, 1], FEATURES, IDS)
    rng = np.random.default_rng(0)
    for _ in range(20):
        query = np.array([rng.uniform(0, 10), rng.uniform(0, 100), rng.integers(0, 2)])
        one, other = SUPPORT.verdict(query), scaled.verdict(query * [1000, 0.01, 1])
        assert one.verdict == other.verdict
        assert [name for name, _ in one.nearest] == [name for name, _ in other.nearest]


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"rows \(5, 3\) do not fit 2 models x 3 features"):
        Support(ROWS, FEATURES, ("a", "b"))
