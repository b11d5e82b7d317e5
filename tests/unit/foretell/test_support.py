"""Where a prediction can be believed: inside, at the edge, outside, for what reasons, and which models are near."""

import math

import numpy as np
import pytest

from foretell.answering.encoding import Feature
from foretell.answering.support import Support
from foretell.errors import DataError

RANK = {"inside": 0, "edge": 1, "outside": 2}
SCALE = (
    Feature("total_params", "scale", "log", "", ""),
    Feature("tokens_billions", "scale", "log", "", ""),
)


def numbers(*names: str, group: str = "architecture") -> tuple[Feature, ...]:
    return tuple(Feature(name, group, "number", "", "") for name in names)  # type: ignore[arg-type]


def named(n: int) -> tuple[str, ...]:
    return tuple(f"a/{index}" for index in range(n))


# two numbers with ranges 10 and 100, one word; models lie on a line, the last one apart
ROWS = np.array([[0.0, 0.0, 0], [1, 10, 0], [2, 20, 0], [3, 30, 0], [10, 100, 1]])
FEATURES = (*numbers("size", "depth"), Feature("kind", "architecture", "word", "", "", words=("x", "y", "z")))
WEIGHTS = np.array([2.0, 1.0, 0.5])
SUPPORT = Support(ROWS, FEATURES, named(5), importance=WEIGHTS, error=4.0)


def test_distance_is_gowers_weighted_by_importance() -> None:
    distance = SUPPORT.distances(np.array([[1.5, 10, 0], [np.nan, 10, 0]]))
    assert distance[0, 1] == pytest.approx(2 * 0.05 / 3.5)
    assert distance[0, 4] == pytest.approx((2 * 0.85 + 0.9 + 0.5) / 3.5)
    assert distance[1, 4] == pytest.approx((0.9 + 0.5) / 1.5)  # by what is known on both sides
    unweighted = Support(ROWS, FEATURES, named(5)).distances(np.array([[1.5, 10, 0]]))
    assert unweighted[0, 4] == pytest.approx((0.85 + 0.9 + 1) / 3)


def test_distances_to_others_and_in_parts() -> None:
    between = SUPPORT.distances(ROWS[:2], ROWS[2:])
    np.testing.assert_allclose(between, SUPPORT.distances(ROWS)[:2, 2:])
    np.testing.assert_allclose(SUPPORT.nearest_distance(ROWS), 0, atol=0)
    assert SUPPORT.nearest_distance(ROWS[:0]).shape == (0,)


def test_nearest_models_come_first() -> None:
    verdicts = SUPPORT.verdicts(np.array([[2.9, 29, 0]]))
    assert verdicts.nearest == [("a/3", "a/2", "a/1")]
    assert verdicts.distance[0] == pytest.approx((2 * 0.01 + 0.01) / 3.5)


def test_a_training_model_is_inside() -> None:
    verdicts = SUPPORT.verdicts(ROWS)
    assert verdicts.verdict == ["inside"] * 5
    assert verdicts.reasons == [""] * 5
    assert [names[0] for names in verdicts.nearest] == list(named(5))


def line(n: int = 21) -> Support:
    """Models of sizes 0, 1, ..., n - 1, each 1 / (n - 1) from the next."""
    return Support(np.arange(float(n))[:, None], numbers("size"), named(n))


def test_the_spacing_is_a_quantile_of_leave_one_out_distances() -> None:
    assert line().spacing(np.array([True])) == pytest.approx(1 / 20)
    assert SUPPORT.spacing(np.ones(3, dtype=bool)) == pytest.approx(
        np.quantile([0.3 / 3.5] * 4 + [(2 * 0.7 + 0.7 + 0.5) / 3.5], 0.9)
    )


@pytest.mark.parametrize(("apart", "verdict"), [(0.9, "inside"), (1.5, "edge"), (2.5, "outside")])
def test_density_decides(apart: float, verdict: str) -> None:
    verdicts = line().verdicts(np.array([[20 + apart]]))
    assert verdicts.verdict == [verdict]
    assert verdicts.distance[0] == pytest.approx(apart / 20)
    assert ("size" in verdicts.reasons[0]) == (verdict != "inside")


def test_an_empty_corner_between_models_is_not_inside() -> None:
    rng = np.random.default_rng(0)
    along = np.sort(rng.uniform(0, 8, 60))
    rows = np.column_stack([17 + along, 3 + along + rng.normal(0, 0.2, 60)])  # tokens grow with size
    support = Support(rows, SCALE, named(60), importance=np.ones(2), error=1.0)
    corner = np.array([[18.0, 10.5]])  # small, on many tokens: each within the range
    assert (corner > rows.min(axis=0)).all()
    assert (corner < rows.max(axis=0)).all()
    verdicts = support.verdicts(corner)
    assert verdicts.verdict == ["outside"]
    assert verdicts.beyond[0] == 0
    assert support.verdicts(np.array([[21.0, 7.0]])).verdict == ["inside"]


def test_distance_is_judged_by_the_features_that_a_query_gives() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([np.linspace(0, 1, 50), rng.uniform(size=50)])
    support = Support(rows, numbers("size", "depth"), named(50))
    alone = support.spacing(np.array([True, False]))
    assert alone == pytest.approx(1 / 49)
    assert support.spacing(np.array([True, True])) > 1.5 * alone
    assert support.verdicts(np.array([[0.5, np.nan]])).spacing[0] == alone


def test_a_model_added_at_the_query_makes_it_inside() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(40, 3)) * [1, 2, 0.1]
    queries = rng.normal(size=(30, 3)) * [2, 4, 0.2]
    weights = np.array([1.0, 0.3, 0.1])
    before = Support(rows, numbers("a", "b", "c"), named(40), weights, 1.0).verdicts(queries).verdict
    assert set(before) == set(RANK)
    for query in queries:
        more = Support(np.vstack([rows, query]), numbers("a", "b", "c"), named(41), weights, 1.0)
        assert more.verdicts(query[None]).verdict == ["inside"]


def test_a_model_added_nearer_than_all_makes_the_verdict_no_worse() -> None:
    rng = np.random.default_rng(3)
    rows = rng.uniform(size=(60, 2))
    rows[:2] = [[0, 0], [1, 1]]  # the ranges stay
    queries = rng.uniform(size=(40, 2))
    before = Support(rows, numbers("a", "b"), named(60)).verdicts(queries)
    for query, verdict, nearest in zip(queries, before.verdict, before.nearest, strict=True):
        halfway = (query + rows[int(nearest[0][2:])]) / 2
        more = Support(np.vstack([rows, halfway]), numbers("a", "b"), named(61)).verdicts(query[None])
        assert more.distance[0] <= before.distance.max()
        assert RANK[more.verdict[0]] <= RANK[verdict]


def test_the_verdict_gets_no_better_with_distance() -> None:
    queries = np.linspace(20, 30, 200)[:, None]
    verdicts = line().verdicts(queries)
    assert (np.diff(verdicts.distance) > 0).all()
    ranks = [RANK[verdict] for verdict in verdicts.verdict]
    assert ranks == sorted(ranks)


SHARES = numbers("pct_web", "pct_code", "pct_books", group="data")


def supported(importance: tuple[float, ...], error: float = 0.1, months: tuple[object, ...] = ()) -> Support:
    """Twenty models of one recipe and one word, their sizes and tokens 1 apart in logarithms."""
    scale = np.log(1e6) + np.arange(20.0)
    rows = np.column_stack([scale, scale - 15, *[np.full(20, share) for share in (60.0, 20.0, 5.0)], np.zeros(20)])
    biases = Feature("biases", "architecture", "word", "", "", words=("none", "all"))
    return Support(
        rows,
        (*SCALE, *SHARES, biases),
        named(20),
        np.array(importance),
        error,
        months,
        shares=("pct_web", "pct_code", "pct_books"),
    )


USED = (0.2, 0.1, 0.003, 0.003, 0.003, 0.001)


def query(**changes: float) -> np.ndarray:
    """The tenth model of `supported`, with changed columns."""
    row = supported(USED).rows[9].copy()
    for name, value in changes.items():
        row[["total_params", "tokens_billions", "pct_web", "pct_code", "pct_books", "biases"].index(name)] = value
    return row[None]


def test_an_unknown_feature_that_is_hardly_used_is_no_reason() -> None:
    verdicts = supported(USED).verdicts(query(biases=math.nan, pct_books=math.nan))
    assert (verdicts.verdict, verdicts.reasons) == (["inside"], [""])


@pytest.mark.parametrize(("importance", "verdict"), [(0.024, "inside"), (0.026, "edge")])
def test_an_unknown_feature_counts_by_what_it_contributes(importance: float, verdict: str) -> None:
    verdicts = supported((*USED[:-1], importance)).verdicts(query(biases=math.nan))
    assert verdicts.verdict == [verdict]
    assert ("biases" in verdicts.reasons[0]) == (verdict == "edge")


def test_unknown_features_count_together() -> None:
    support = supported((0.2, 0.1, 0.003, 0.02, 0.001, 0.021))
    assert support.verdicts(query(biases=math.nan)).verdict == ["inside"]
    assert support.verdicts(query(pct_code=math.nan)).verdict == ["inside"]
    assert support.verdicts(query(biases=math.nan, pct_code=math.nan)).verdict == ["edge"]


def test_the_reason_names_what_to_give() -> None:
    support = supported((0.2, 0.1, 0.003, 0.02, 0.001, 0.04))
    asked = query(biases=math.nan, pct_code=math.nan, pct_books=math.nan)
    reason = support.verdicts(asked).reasons[0]
    assert "biases" in reason
    assert "pct_code" not in reason  # once biases are given, it costs too little to count
    given = query(pct_code=math.nan, pct_books=math.nan)
    assert support.verdicts(given).verdict == ["inside"]


def test_without_contributions_or_an_error_nothing_unknown_is_a_reason() -> None:
    support = Support(ROWS, FEATURES, named(5))
    assert support.verdicts(np.array([[2, np.nan, 0]])).verdict == ["inside"]


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, "inside"),
        ({"pct_books": math.nan}, "inside"),
        ({"pct_code": math.nan, "pct_books": math.nan}, "inside"),  # 60 percent are known
        ({"pct_web": math.nan, "pct_books": math.nan}, "edge"),
        ({"pct_web": math.nan, "pct_code": math.nan, "pct_books": math.nan}, "edge"),
    ],
)
def test_mostly_unknown_domain_shares_are_not_inside(given: dict[str, float], verdict: str) -> None:
    verdicts = supported(USED).verdicts(query(**given))
    assert verdicts.verdict == [verdict]
    assert ("domains are unknown" in verdicts.reasons[0]) == (verdict == "edge")


def test_shares_that_contribute_nothing_may_be_unknown() -> None:
    support = supported((0.2, 0.1, 0, 0, 0, 0.001))
    assert support.verdicts(query(pct_web=math.nan, pct_code=math.nan, pct_books=math.nan)).verdict == ["inside"]


@pytest.mark.parametrize(
    ("factor", "verdict", "share"), [(1.0, "inside", 0), (1.5, "edge", 1), (3.5, "outside", 1), (3.5, "outside", 0)]
)
def test_beyond_the_largest(factor: float, verdict: str, share: float) -> None:
    largest = supported(USED).rows[-1]
    log = math.log(factor)
    asked = query(total_params=largest[0] + share * log, tokens_billions=largest[1] + (1 - share) * log)
    verdicts = supported(USED).verdicts(asked)
    assert verdicts.verdict == [verdict]
    assert verdicts.beyond[0] == pytest.approx(log)
    assert ("compute" in verdicts.reasons[0]) == (verdict != "inside")


@pytest.mark.parametrize("name", ["total_params", "tokens_billions"])
def test_without_size_or_tokens_nothing_can_be_believed(name: str) -> None:
    verdicts = supported(USED).verdicts(query(**{name: math.nan}))
    assert verdicts.verdict == ["outside"]
    assert f"{name} is unknown" in verdicts.reasons[0]
    assert verdicts.beyond[0] == 0


@pytest.mark.parametrize(
    ("month", "ahead", "verdict"),
    [
        ("2023-01", 0, "inside"),
        ("2024-06", 0, "inside"),
        ("2024-12", 6, "inside"),
        ("2025-01", 7, "edge"),
        (None, 0, "inside"),
    ],
)
def test_time(month: str | None, ahead: int, verdict: str) -> None:
    months = ("2022-10", "", None, float("nan"), *["2024-06"] * 16)
    verdicts = supported(USED, months=months).verdicts(query(), [month])
    assert (verdicts.verdict, verdicts.months_ahead.tolist()) == ([verdict], [ahead])
    assert ("7 months" in verdicts.reasons[0]) == (verdict == "edge")
    undated = supported(USED).verdicts(query(), [month])
    assert (undated.verdict, undated.months_ahead.tolist()) == (["inside"], [0])


def test_all_reasons_of_the_verdict_are_given() -> None:
    support = supported((*USED[:-1], 0.05), months=("2024-06",) * 20)
    reasons = support.verdicts(query(biases=math.nan), ["2026-01"]).reasons[0]
    assert "19 months" in reasons
    assert "biases" in reasons
    outside = support.verdicts(query(biases=math.nan, total_params=math.nan), ["2026-01"]).reasons[0]
    assert "total_params is unknown" in outside
    assert "months" not in outside


def test_each_query_is_judged_alone() -> None:
    rng = np.random.default_rng(4)
    queries = supported(USED).rows + rng.normal(0, 1, (20, 6)) * [1, 1, 5, 5, 5, 0]
    queries[rng.random(queries.shape) < 0.2] = np.nan
    queries[0] = np.nan
    months = ["2026-01" if rng.random() < 0.5 else None for _ in range(20)]
    support = supported(USED, months=("2024-06",) * 20)
    together = support.verdicts(queries, months)
    for index in range(20):
        alone = support.verdicts(queries[[index]], [months[index]])
        assert alone.verdict[0] == together.verdict[index]
        assert alone.reasons[0] == together.reasons[index]
    assert together.verdict[0] == "outside"
    assert "nothing is known" in together.reasons[0]


def test_gaps_in_the_training_table_constant_columns_and_a_single_model() -> None:
    rows = np.array([[1.0, np.nan, 5], [2, 3, 5], [np.nan, np.nan, 5]])
    support = Support(rows, numbers("a", "b", "c"), ("x", "y", "z"))
    assert support.verdicts(np.array([[1.0, 3, 5]])).distance[0] == 0.0
    assert Support(rows[:1], numbers("a", "b", "c"), ("x",)).verdicts(rows[:1]).verdict == ["inside"]
    constant = Support(rows, numbers("a", "b", "c"), ("x", "y", "z"), importance=np.zeros(3), error=0.1)
    assert constant.verdicts(rows).verdict == ["inside"] * 3


def test_units_do_not_matter() -> None:
    scaled = Support(ROWS * [1000, 0.01, 1], FEATURES, named(5), WEIGHTS, 4.0)
    rng = np.random.default_rng(0)
    queries = np.column_stack([rng.uniform(0, 12, 20), rng.uniform(0, 120, 20), rng.integers(0, 2, 20)])
    expected, other = SUPPORT.verdicts(queries), scaled.verdicts(queries * [1000, 0.01, 1])
    assert (expected.verdict, expected.nearest) == (other.verdict, other.nearest)
    np.testing.assert_allclose(expected.distance, other.distance)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_ids": ("a", "b")}, r"rows \(5, 3\) do not fit 2 models x 3 features"),
        ({"importance": np.ones(2)}, "importance must be one finite number of at least 0 for each of 3 features"),
        ({"importance": np.array([1.0, -1, 1])}, "importance must be"),
        ({"importance": np.ones(3), "error": math.nan}, "typical error nan"),
        ({"release_months": ["2024-01"]}, "1 months of release for 5 models"),
        ({"release_months": ["2024-1"] * 5}, "month of release '2024-1'; expected YYYY-MM"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Support(**({"rows": ROWS, "described": FEATURES, "model_ids": named(5)} | change))  # type: ignore[arg-type]
