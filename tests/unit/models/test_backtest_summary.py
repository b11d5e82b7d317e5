"""What forecasts were worth: closed forms on tables small enough to work out by hand, properties, and faults."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.stats import interval_score
from models.backtest.regret import like_compute, losses
from models.backtest.summary import ALL, FIGURES, by_verdict, metrics, overall, summary
from models.catalogue import EVERY_DESIGN, LOG_LINEAR, MEDIAN, POWER_LAW, SCALE_ONLY, SELECTED_DESIGN, Entry
from models.schemes import Scheme

NAN = float("nan")
OWN = SELECTED_DESIGN
COMPUTE = pd.Series({"a": 1.0, "b": 1.5, "c": 2.0, "d": 2.5, "e": 4.0, "f": NAN})


def forecasts(predictor: Entry, predicted: dict[str, float], actual: dict[str, float], **about: object) -> pd.DataFrame:
    """One predictor's forecasts: model_id -> predicted and actual; `about` overrides the other columns."""
    columns = {"scheme": Scheme.RANDOM.value, "seed": 0, "cutoff": "fold 0", "low": NAN, "high": NAN, "support": ""}
    table = pd.DataFrame({"model_id": list(predicted), "predicted": list(predicted.values())})
    return table.assign(predictor=predictor.name, actual=[actual[m] for m in predicted], **(columns | about))


def row(table: pd.DataFrame, predictor: Entry, cutoff: str = ALL) -> pd.Series:
    found = table[(table["predictor"] == predictor.name) & (table["cutoff"] == cutoff)]
    assert len(found) == 1
    return found.iloc[0]


def summarised(*tables: pd.DataFrame, lower: bool = False) -> pd.DataFrame:
    return summary({"t": pd.concat(tables, ignore_index=True)}, COMPUTE, {"t"} if lower else set())


def random_table(seed: int, models: int = 30) -> pd.DataFrame:
    """Four predictors on random folds (two seeds) and families, with ties, intervals for one and verdicts."""
    rng = np.random.default_rng(seed)
    ids = [f"m{i:02d}" for i in range(models)]
    actual = dict(zip(ids, rng.random(models).round(2), strict=True))
    parts = []
    for scheme, seeds in ((Scheme.RANDOM, (0, 1)), (Scheme.FAMILY, (0,))):
        for draw in seeds:
            for fold, test in enumerate(np.array_split(rng.permutation(ids), 3)):
                for entry in (LOG_LINEAR, POWER_LAW, SCALE_ONLY, OWN):
                    predicted = {m: float(round(actual[m] + rng.normal(0, 0.1), 1)) for m in test}
                    about = {"scheme": scheme.value, "seed": draw, "cutoff": f"fold {fold}"}
                    if entry == OWN:
                        centre = np.array(list(predicted.values()))
                        about |= {"low": centre - 0.123, "high": centre + 0.123}
                        about["support"] = rng.choice(["inside", "edge", "outside"], len(test))
                    parts.append(forecasts(entry, predicted, actual, **about))
    return pd.concat(parts, ignore_index=True)


def random_compute(models: int = 30) -> pd.Series:
    return pd.Series({f"m{i:02d}": 10.0 ** np.random.default_rng(i).uniform(20, 22) for i in range(models)})


def test_errors_are_taken_over_references_on_each_cutoff_and_on_all_together() -> None:
    actual = {"a": 0.5, "b": 0.5, "c": 0.5}
    folds = {"fold 0": ["a", "b"], "fold 1": ["c"]}
    by_predictor = {
        SCALE_ONLY: {"a": 0.6, "b": 0.6, "c": 0.7},  # errors 0.1, 0.1 | 0.2
        LOG_LINEAR: {"a": 0.55, "b": 0.55, "c": 0.9},  # 0.05, 0.05 | 0.4: better on fold 0, worse on all
        POWER_LAW: {"a": 0.6, "b": 0.6, "c": 0.6},  # 0.1, 0.1 | 0.1
        OWN: {"a": 0.45, "b": 0.5, "c": 0.55},  # 0.05, 0 | 0.05
    }
    table = summarised(
        *(
            forecasts(entry, {m: predicted[m] for m in models}, actual, cutoff=fold)
            for entry, predicted in by_predictor.items()
            for fold, models in folds.items()
        )
    )
    assert list(table["cutoff"].unique()) == ["fold 0", "fold 1", ALL]
    first, whole = row(table, OWN, "fold 0"), row(table, OWN)
    assert (first["n"], whole["n"]) == (2, 3)
    figures = ["mae", "ratio_scale_only", "ratio_best_law"]
    np.testing.assert_allclose(first[figures].astype(float), [0.025, 0.25, 0.5])
    np.testing.assert_allclose(whole[figures].astype(float), [0.1 / 3, 0.25, 1 / 3])
    assert row(table, SCALE_ONLY)["ratio_scale_only"] == 1
    assert row(table, POWER_LAW)["ratio_best_law"] == 1


def test_a_ratio_is_over_the_forecasts_that_both_make() -> None:
    actual = {"a": 0.5, "b": 0.5}
    own = forecasts(OWN, {"a": 0.6, "b": 0.9}, actual)
    table = summarised(own, forecasts(SCALE_ONLY, {"a": 0.7}, actual))
    assert row(table, OWN)["ratio_scale_only"] == pytest.approx(0.5)  # 0.1 / 0.2, without b
    assert math.isnan(row(table, OWN)["ratio_best_law"])


def test_intervals_in_closed_form_and_without_one() -> None:
    actual = {"a": 0.5, "b": 0.7, "c": 0.35, "d": 0.1}
    own = forecasts(OWN, dict.fromkeys("abcd", 0.5), actual, low=[0.4, 0.4, 0.4, NAN], high=[0.6, 0.6, 0.6, NAN])
    table = summarised(own, forecasts(SCALE_ONLY, dict.fromkeys("abcd", 0.5), actual))
    whole = row(table, OWN)
    assert whole["coverage"] == pytest.approx(1 / 3)  # of the three with an interval
    assert whole["width"] == pytest.approx(0.2)
    assert whole["interval_score"] == pytest.approx(0.2 + 20 * (0 + 0.1 + 0.05) / 3)
    assert whole["n"] == 4
    assert row(table, SCALE_ONLY)[["coverage", "width", "interval_score"]].isna().all()


def test_the_interval_score_is_smallest_at_the_true_quantiles() -> None:
    """It is proper: for uniform scores on 0 to 1 the interval from 5 % to 95 % has the smallest mean, 0.95."""
    y = (np.arange(10_000) + 0.5) / 10_000
    means = {(a, b): interval_score(y, a, b, 0.9).mean() for a in (0.0, 0.05, 0.1) for b in (0.9, 0.95, 1.0)}
    assert min(means, key=lambda ends: means[ends]) == (0.05, 0.95)
    assert means[0.05, 0.95] == pytest.approx(0.95, abs=1e-6)
    with pytest.raises(DataError, match="level"):
        interval_score(y, 0, 1, 90)


def test_order_is_the_mean_over_seeds_and_unknown_for_equal_scores() -> None:
    actual = {"a": 0.1, "b": 0.2, "c": 0.3}
    right = forecasts(OWN, actual, actual)
    wrong = forecasts(OWN, {"a": 0.3, "b": 0.2, "c": 0.1}, actual, seed=1)
    alone = forecasts(OWN, {"a": 0.3, "b": 0.2}, {"a": 0.5, "b": 0.5}, cutoff="fold 1")
    table = summarised(right, wrong)
    assert row(table, OWN)["order_accuracy"] == pytest.approx(0.5)
    assert math.isnan(row(summarised(alone), OWN)["order_accuracy"])
    assert math.isnan(row(summarised(forecasts(OWN, {"a": 0.3}, {"a": 0.5})), OWN)["order_accuracy"])


def test_sets_of_like_compute_are_within_a_factor_and_do_not_overlap() -> None:
    assert like_compute(np.array([4.2, 1.0, NAN, 2.0, 2.1, 8.5])).tolist() == [1, 0, -1, 0, 1, 2]
    flops = 10 ** np.random.default_rng(0).uniform(20, 24, 200)
    sets = like_compute(flops)
    for number in np.unique(sets):
        members = flops[sets == number]
        assert members.max() <= 2 * members.min()
        later = flops[sets == number + 1]
        assert not len(later) or later.min() > 2 * members.min()


def test_regret_is_the_score_lost_by_taking_the_one_predicted_best() -> None:
    actual = {"a": 0.5, "b": 0.6, "c": 0.4, "d": 0.9, "e": 0.2, "f": 0.95}
    # sets: a, b, c (compute 1, 1.5, 2) and d, e (2.5, 4); f has no compute
    own = forecasts(OWN, {"a": 0.7, "b": 0.6, "c": 0.1, "d": 0.5, "e": 0.1, "f": 0.9}, actual)
    assert row(summarised(own), OWN)["regret"] == pytest.approx((0.1 + 0.0) / 2)
    assert row(summarised(own, lower=True), OWN)["regret"] == pytest.approx((0.0 + 0.0) / 2)
    tied = forecasts(OWN, {"a": 0.7, "b": 0.7, "c": 0.1}, actual)
    assert row(summarised(tied), OWN)["regret"] == pytest.approx(0.05)
    apart = forecasts(OWN, {"a": 0.7, "e": 0.1}, actual)
    assert math.isnan(row(summarised(apart), OWN)["regret"])


def test_regret_compares_the_models_of_one_period_only() -> None:
    actual = {"a": 0.5, "b": 0.6, "c": 0.4}
    first = forecasts(OWN, {"a": 0.7, "c": 0.8}, actual)
    second = forecasts(OWN, {"b": 0.1}, actual, cutoff="fold 1")
    other_seed = forecasts(OWN, {"a": 0.7, "b": 0.8}, actual, seed=1)
    table = summarised(first, second, other_seed)
    assert math.isnan(row(table, OWN, "fold 1")["regret"])
    assert row(table, OWN)["regret"] == pytest.approx((0.1 + 0.0) / 2)  # c for a, and b rightly


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    table, compute = random_table(seed), random_compute()
    shuffled = table.sample(frac=1, random_state=seed)
    expected = summary({"t": table}, compute, set())
    pd.testing.assert_frame_equal(summary({"t": shuffled}, compute, set()), expected, check_exact=True)
    pd.testing.assert_frame_equal(by_verdict({"t": shuffled}, OWN), by_verdict({"t": table}, OWN), check_exact=True)
    assert expected[FIGURES].notna().any().all()


def test_a_score_that_is_turned_round_keeps_its_figures() -> None:
    """1 - score with lower_is_better says the same as score."""
    table, compute = random_table(5), random_compute()
    turned = table.assign(actual=1 - table["actual"], predicted=1 - table["predicted"])
    turned = turned.assign(low=1 - table["high"], high=1 - table["low"])
    same, other = summary({"t": table}, compute, set()), summary({"t": turned}, compute, {"t"})
    pd.testing.assert_frame_equal(same, other, atol=1e-12)
    assert not np.allclose(summary({"t": turned}, compute, set())["regret"], same["regret"])


def test_regret_is_never_negative_and_zero_for_the_truth() -> None:
    table, compute = random_table(6), random_compute()
    lost = losses(table, compute, lower_is_better=False)
    assert (lost["loss"] >= 0).all()
    assert (lost["loss"] > 0).any()
    assert (losses(table.assign(predicted=table["actual"]), compute, lower_is_better=False)["loss"] == 0).all()


def test_rows_come_in_the_order_of_catalogue_and_cutoffs() -> None:
    actual = {"a": 0.5, "b": 0.6}
    tables = [
        forecasts(entry, actual, actual, cutoff=cutoff, scheme=scheme.value)
        for scheme in (Scheme.FAMILY, Scheme.RANDOM)
        for cutoff in ("fold 10", "fold 9")
        for entry in (OWN, MEDIAN)
    ]
    table = summarised(*tables)
    assert list(dict.fromkeys(table["scheme"])) == [Scheme.RANDOM.value, Scheme.FAMILY.value]
    assert list(dict.fromkeys(table["cutoff"])) == ["fold 9", "fold 10", ALL]
    assert list(table["predictor"])[:2] == [MEDIAN.name, OWN.name]
    sizes = summarised(*(forecasts(OWN, actual, actual, cutoff=cutoff) for cutoff in ("1.5e+10", "3e+09", "8e+09")))
    assert list(sizes["cutoff"]) == ["3e+09", "8e+09", "1.5e+10", ALL]


def test_over_all_benchmarks_ratios_are_means_and_coverage_is_of_all_forecasts() -> None:
    table = pd.DataFrame(
        [
            {"target": target, "scheme": Scheme.RANDOM.value, "cutoff": cutoff, "predictor": OWN.name, "n": n}
            | dict.fromkeys(FIGURES, ratio)
            | {"coverage": coverage}
            for target, cutoff, n, ratio, coverage in [
                ("one", "fold 0", 7, 9.0, 0.1),  # no row of one cut-off counts
                ("one", ALL, 10, 0.6, 0.9),
                ("two", ALL, 30, 0.8, 0.7),
                ("three", ALL, 100, 1.0, NAN),  # no interval: no weight
            ]
        ]
    )
    whole = overall(table)
    assert len(whole) == 1
    only = whole.iloc[0]
    assert (only["n_targets"], only["n"]) == (3, 140)
    assert only["ratio_scale_only"] == pytest.approx(0.8)
    assert only["coverage"] == pytest.approx((9 + 21) / 40)
    assert only["coverage_lowest"] == 0.7


def test_metrics_are_plain_and_leave_out_what_is_unknown() -> None:
    whole = overall(summary({"t": random_table(1)}, random_compute(), set()))
    figures = metrics(whole, OWN)
    assert set(figures) == {Scheme.RANDOM.value, Scheme.FAMILY.value}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    own = whole[(whole["scheme"] == Scheme.FAMILY.value) & (whole["predictor"] == OWN.name)].iloc[0]
    assert figures[Scheme.FAMILY.value]["coverage"] == own["coverage"]
    assert "coverage" not in metrics(whole, SCALE_ONLY)[Scheme.RANDOM.value]


def test_by_verdict_pools_the_benchmarks() -> None:
    actual = {"a": 0.5, "b": 0.5, "c": 0.5}
    own = forecasts(OWN, {"a": 0.6, "b": 0.8, "c": 0.5}, actual, low=0.45, high=0.9, support=["edge", "inside", ""])
    scale = forecasts(SCALE_ONLY, {"a": 0.7, "b": 0.8, "c": 0.5}, actual, support="inside")
    missed = own.assign(low=0.55, predicted=[0.7, 0.9, 0.5])
    verdicts = by_verdict({"one": pd.concat([own, scale]), "two": pd.concat([missed, scale])}, OWN)
    assert verdicts["support"].tolist() == ["inside", "edge"]
    assert verdicts["n"].tolist() == [2, 2]
    np.testing.assert_allclose(verdicts["mae"], [(0.3 + 0.4) / 2, (0.1 + 0.2) / 2])
    np.testing.assert_allclose(verdicts["coverage"], 0.5)
    np.testing.assert_allclose(verdicts["ratio_scale_only"], [0.7 / 0.6, 0.3 / 0.4])


def test_without_verdicts_the_table_is_empty_with_its_columns() -> None:
    actual = {"a": 0.5}
    verdicts = by_verdict({"t": forecasts(OWN, {"a": 0.6}, actual)}, OWN)
    assert verdicts.empty
    assert {"scheme", "support", "n", "mae", "coverage", "ratio_scale_only"} <= set(verdicts)
    assert by_verdict({"t": forecasts(MEDIAN, {"a": 0.6}, actual)}, OWN).empty
    assert by_verdict({"t": forecasts(EVERY_DESIGN, {"a": 0.6}, actual, support="inside")}, OWN).empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": NAN}, "NaN or infinite"),
        ({"low": 0.1}, "one end only"),
        ({"low": 0.6, "high": 0.5}, "low is above high"),
        ({"predictor": "oracle"}, "not in models/catalogue.py"),
        ({"scheme": "by mood"}, "not in models/schemes.py"),
        ({"model_id": "g"}, "no compute for g"),
    ],
)
def test_a_faulty_table_is_refused_with_its_first_row(change: dict[str, object], message: str) -> None:
    table = forecasts(OWN, {"a": 0.6}, {"a": 0.5}).assign(**change)
    with pytest.raises(DataError, match=message):
        summarised(table)


def test_a_repeated_forecast_and_a_missing_column_are_refused() -> None:
    table = forecasts(OWN, {"a": 0.6}, {"a": 0.5})
    with pytest.raises(DataError, match="there twice: random, fold 0, selected_design, a"):
        summarised(table, table)
    with pytest.raises(DataError, match="no column support"):
        summarised(table.drop(columns="support"))
