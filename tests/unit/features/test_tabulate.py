"""From raw rows to the two tables: the plain mean over subtasks, the two views, and every model left out named."""

import numpy as np
import pandas as pd
import pytest
from known_targets import PAPER, TARGETS

from features.catalogue import FEATURES, View
from features.schema import DOUBTS
from features.tabulate import Tables, aggregate, aggregate_as_published, tabulate
from features.targets import Target
from foretell.errors import ConfigError

ALL = tuple(PAPER.values())
Raw = dict[str, pd.DataFrame]


def score_rows(*rows: tuple[str, str, str, int, str, float]) -> pd.DataFrame:
    columns = ["model_id", "benchmark", "subtask", "n_shot", "metric", "score"]
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.astype({"model_id": "string", "benchmark": "string", "n_shot": "Int64"})


def target(benchmark: str, n_shot: int, metric: str, needed: tuple[str, ...], **others: tuple[str, ...]) -> Target:
    views = ("verified", "published")
    fixed = {"lower_is_better": False, "chance": 0.0, "low": 0.0, "high": 1.0, "views": views}
    return Target("made_up", "Made up", "more", benchmark, n_shot, metric, needed=needed, **fixed, **others)


NO_DOUBTS = pd.DataFrame(columns=DOUBTS.names)
SUBJECTS = target("mmlu", 5, "accuracy", ("algebra", "biology", "law"), whole=("mmlu",))


def test_a_score_is_the_plain_mean_over_subtasks() -> None:
    scores = score_rows(
        ("a/x", "mmlu", "algebra", 5, "accuracy", 0.2),
        ("a/x", "mmlu", "biology", 5, "accuracy", 0.4),
        ("a/x", "mmlu", "law", 5, "accuracy", 0.9),
        ("b/y", "mmlu", "algebra", 5, "accuracy", 0.3),
        ("b/y", "mmlu", "law", 5, "accuracy", np.nan),  # listed, not measured
        ("c/z", "mmlu", "law", 5, "accuracy", np.nan),
        ("a/x", "mmlu", "algebra", 0, "accuracy", 0.99),  # another number of shots
        ("a/x", "mmlu", "algebra", 5, "acc_norm", 0.99),  # another metric
        ("a/x", "mmlu", "cooking", 5, "accuracy", 0.99),  # no subtask of the target
        ("a/x", "hellaswag", "hellaswag", 5, "accuracy", 0.99),  # another benchmark
    )
    means = aggregate_as_published(scores, SUBJECTS).scores.set_index("model_id")
    assert list(means.index) == ["a/x", "b/y"]
    assert means.loc["a/x", "score"] == pytest.approx(0.5, abs=1e-15)
    assert means.loc["b/y", "score"] == pytest.approx(0.3, abs=1e-15)
    assert means["n_subtasks"].tolist() == [3, 1]
    assert set(means["benchmark"]) == {"made_up"}


def test_a_benchmark_measured_in_part_is_no_score_where_all_of_it_is_needed() -> None:
    scores = score_rows(
        *(("a/x", "mmlu", name, 5, "accuracy", 0.3) for name in SUBJECTS.needed),
        ("b/y", "mmlu", "algebra", 5, "accuracy", 0.9),
    )
    measured = aggregate(scores, SUBJECTS, NO_DOUBTS)
    assert measured.scores["model_id"].tolist() == ["a/x"]
    assert list(measured.without) == ["b/y"]
    assert "biology, law" in measured.without["b/y"]


def test_one_score_stands_for_all_parts_only_where_these_are_absent() -> None:
    scores = score_rows(
        *(("a/x", "mmlu", name, 5, "accuracy", 0.3) for name in SUBJECTS.needed),
        ("a/x", "mmlu", "mmlu", 5, "accuracy", 0.9),
        ("b/y", "mmlu", "mmlu", 5, "accuracy", 0.6),
    )
    means = aggregate(scores, SUBJECTS, NO_DOUBTS).scores.set_index("model_id")
    assert means["score"].to_dict() == pytest.approx({"a/x": 0.3, "b/y": 0.6})


def test_an_optional_subtask_counts_where_it_is_measured() -> None:
    variants = target("gsm8k", 5, "accuracy", ("gsm8k",), optional=("gsm8k_cot",))
    scores = score_rows(
        ("a/x", "gsm8k", "gsm8k", 5, "accuracy", 0.2),
        ("a/x", "gsm8k", "gsm8k_cot", 5, "accuracy", 0.4),
        ("b/y", "gsm8k", "gsm8k", 5, "accuracy", 0.3),
        ("c/z", "gsm8k", "gsm8k_cot", 5, "accuracy", 0.3),
    )
    measured = aggregate(scores, variants, NO_DOUBTS)
    assert measured.scores.set_index("model_id")["score"].to_dict() == pytest.approx({"a/x": 0.3, "b/y": 0.3})
    assert list(measured.without) == ["c/z"]


def test_brier_targets_read_brier_rows() -> None:
    scores = score_rows(
        ("a/x", "xnli", "xnli_de", 0, "brier_score", 1.2),
        ("a/x", "xnli", "xnli_en", 0, "brier_score", 0.8),
        ("a/x", "xnli", "xnli_en", 0, "accuracy", 0.1),
    )
    assert aggregate_as_published(scores, TARGETS["xnli_0shot"]).scores["score"].tolist() == [1.0]
    assert TARGETS["xnli_0shot"].lower_is_better
    assert not TARGETS["mmlu_0shot"].lower_is_better


def test_the_published_view_has_the_studys_scores_and_targets_alone(raw: Raw) -> None:
    first = raw["scores"].query("benchmark == 'hellaswag' and metric == 'accuracy'").iloc[[0]]
    elsewhere = raw["scores"].copy()
    elsewhere.loc[first.index, "source"] = "somebody else"
    tables = tabulate({**raw, "scores": elsewhere}, "published", [PAPER["hellaswag_10shot"]], 30)
    assert first.iloc[0]["model_id"] not in set(tables.scores["model_id"])
    with pytest.raises(ConfigError, match="bbh_3shot: not in the view published"):
        tabulate(raw, "published", [TARGETS["bbh_3shot"]], 30)


@pytest.fixture(scope="module")
def both_views(raw: Raw) -> dict[View, Tables]:
    return {view: tabulate(raw, view, ALL, 30) for view in ("verified", "published")}


def test_means_agree_with_a_slow_recomputation(raw: Raw, both_views: dict[View, Tables]) -> None:
    found = both_views["published"].scores.set_index(["benchmark", "model_id"])["score"]
    rng = np.random.default_rng(0)
    for at in rng.choice(len(found), 60, replace=False):
        slug, model = found.index[at]
        about = PAPER[slug]
        values = [
            row["score"]
            for row in raw["scores"][raw["scores"]["model_id"] == model].to_dict("records")
            if pd.isna(row["source"])
            and (row["benchmark"], row["n_shot"], row["metric"]) == (about.benchmark, about.n_shot, about.metric)
            and row["score"] == row["score"]
        ]
        assert found.iloc[at] == pytest.approx(sum(values) / len(values), rel=1e-12)


def test_the_number_of_subtasks_is_the_benchmarks_own(both_views: dict[View, Tables]) -> None:
    most = both_views["published"].scores.groupby("benchmark")["n_subtasks"].max()
    expected = {"mmlu_5shot": 57, "mmlu_0shot": 57, "anli_0shot": 3, "lambada_0shot": 2, "truthfulqa_0shot": 2}
    assert {slug: int(most[slug]) for slug in expected} == expected


def test_the_views_hold_their_own_facts(raw: Raw, both_views: dict[View, Tables]) -> None:
    verified, published = (both_views[view].design.set_index("model_id") for view in ("verified", "published"))
    assert len(published) == 94
    assert "batch_tokens_millions" in verified
    assert "batch_instances" in published
    recorded = raw["published_design"].set_index("model_id")["total_params"]
    pd.testing.assert_series_equal(
        published["total_params"], recorded[published.index], check_dtype=False, check_names=False
    )
    counted = raw["models"].set_index("model_id")["total_params"]
    assert (verified["total_params"] == counted[verified.index].astype(float)).all()
    models = raw["models"].set_index("model_id").loc[verified.index]
    ratio = models["d_ff"].astype(float) / models["d_model"].astype(float)
    assert np.allclose(verified["mlp_ratio"], ratio)


@pytest.mark.parametrize("view", ["verified", "published"])
def test_columns_are_the_catalogs(both_views: dict[View, Tables], view: View) -> None:
    names = ["model_id", "family", "release_month", *(feature.name for feature in FEATURES[view])]
    assert list(both_views[view].design) == names


def test_models_left_out_are_named_with_the_reason(raw: Raw, both_views: dict[View, Tables]) -> None:
    tables = both_views["verified"]
    everywhere = tables.left_out[tables.left_out["benchmark"] == ""].set_index("model_id")["reason"]
    kinds = raw["models"].set_index("model_id")["base_kind"]
    expected = kinds[~kinds.isin(["from_scratch", "from_scratch_distilled", "continued_pretraining"])]
    assert dict(everywhere) == {model: f"not a base model: {kind}" for model, kind in expected.items()}
    assert {"AbacusResearch/Jallabi-34B", "Dampish/StellarX-4B-V0"} <= set(everywhere.index)
    assert both_views["published"].left_out.query("benchmark == ''").empty


@pytest.mark.parametrize("view", ["verified", "published"])
def test_every_model_is_counted_once(raw: Raw, both_views: dict[View, Tables], view: View) -> None:
    tables = both_views[view]
    everywhere = set(tables.left_out.loc[tables.left_out["benchmark"] == "", "model_id"])
    for slug in PAPER:
        scored = set(tables.scores.loc[tables.scores["benchmark"] == slug, "model_id"])
        without = set(tables.left_out.loc[tables.left_out["benchmark"] == slug, "model_id"])
        assert not scored & without
        assert not scored & everywhere
        assert scored | without == set(tables.design["model_id"])
        assert len(scored) >= 30


def test_a_model_without_tokens_or_parameters_is_left_out_with_that_reason(raw: Raw) -> None:
    published = raw["published_design"].copy()
    no_tokens, no_params = published.loc[[3, 5], "model_id"]
    published.loc[3, "tokens_billions"] = np.nan
    published.loc[5, "total_params"] = np.nan
    tables = tabulate({**raw, "published_design": published}, "published", ALL, 30)
    everywhere = tables.left_out[tables.left_out["benchmark"] == ""].set_index("model_id")["reason"]
    assert dict(everywhere) == {no_tokens: "no token count", no_params: "no parameter count"}
    assert not {no_tokens, no_params} & set(tables.scores["model_id"])
    assert not {no_tokens, no_params} & set(tables.design["model_id"])


def test_a_benchmark_measured_on_too_few_models_is_left_out_whole(raw: Raw) -> None:
    scores = raw["scores"]
    few = scores[(scores["benchmark"] != "gsm8k") | scores["model_id"].isin(sorted(scores["model_id"].unique())[:20])]
    tables = tabulate({**raw, "scores": few}, "published", (PAPER["gsm8k_5shot"], PAPER["hellaswag_10shot"]), 30)
    assert set(tables.scores["benchmark"]) == {"hellaswag_10shot"}
    reasons = tables.left_out.loc[tables.left_out["benchmark"] == "gsm8k_5shot", "reason"]
    assert len(reasons) == len(tables.design)
    assert reasons.str.fullmatch(r"benchmark measured on \d+ models, fewer than 30").all()


@pytest.mark.parametrize("view", ["verified", "published"])
def test_permuted_raw_rows_give_identical_tables(raw: Raw, both_views: dict[View, Tables], view: View) -> None:
    permuted = {name: frame.sample(frac=1, random_state=7) for name, frame in raw.items()}
    again = tabulate(permuted, view, ALL, 30)
    for name in ("design", "scores", "left_out"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(both_views[view], name), check_exact=True)


def test_the_raw_tables_are_not_changed(raw: Raw) -> None:
    before = {name: frame.copy(deep=True) for name, frame in raw.items()}
    tabulate(raw, "verified", ALL, 30)
    for name, frame in raw.items():
        pd.testing.assert_frame_equal(frame, before[name])
