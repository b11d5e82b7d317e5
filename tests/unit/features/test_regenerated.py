"""Regenerated figures take precedence, benchmark by benchmark, and say where they come from."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.regenerated import (
    LINEAGE_COLUMNS,
    merge_generation_features,
    merge_scores,
    model_states,
    read_regenerated_features,
    read_regenerated_scores,
    with_lineage,
)
from features.text_table import COLUMNS
from foretell.errors import DataError

LINEAGE = {
    "slug": "a--m",
    "regenerated_at": "2026-01-01T00:00:00+00:00",
    "revision": "abc",
    "backend": "hf",
    "dtype": "bfloat16",
    "harness_version": "0.4.13",
}


def _scores(*rows: tuple[Any, ...]) -> pd.DataFrame:
    columns = ["model_id", "benchmark", "subtask", "n_shot", "metric", "score", "stderr"]
    return pd.DataFrame([(*row, math.nan) for row in rows], columns=columns)


RECORDED = _scores(
    ("a/m", "anli", "anli_r1", 0, "brier_score", 0.6),
    ("a/m", "anli", "anli_r2", 0, "brier_score", 0.7),
    ("a/m", "mmlu", "mmlu_anatomy", 5, "accuracy", 0.3),
    ("b/n", "anli", "anli_r1", 0, "brier_score", 0.5),
).assign(source=None)


def test_a_regenerated_benchmark_replaces_the_recorded_one() -> None:
    made = with_lineage(_scores(("a/m", "anli", "anli_r1", 0, "brier_score", 0.65)), LINEAGE)
    merged = merge_scores(RECORDED, made)
    table = merged.table.set_index(["model_id", "subtask"])
    assert table.loc[("a/m", "anli_r1"), "score"] == 0.65
    assert table.loc[("a/m", "anli_r1"), LINEAGE_COLUMNS].tolist() == ["regenerated", *list(LINEAGE.values())[1:]]
    assert table.loc[("a/m", "mmlu_anatomy"), LINEAGE_COLUMNS].tolist() == ["recorded", "", "", "", "", ""]
    assert table.loc[("b/n", "anli_r1"), "score"] == 0.5
    # The recorded second round would mix two harness versions in one mean: it goes, and is listed.
    assert ("a/m", "anli_r2") not in table.index
    assert merged.left_out["subtask"].tolist() == ["anli_r1", "anli_r2"]
    assert set(merged.left_out["origin"]) == {"recorded"}
    assert len(merged.table) + len(merged.left_out) == len(RECORDED) + len(made)


def test_an_incomplete_regenerated_benchmark_is_left_out_with_its_reason() -> None:
    made = _scores(
        ("a/m", "anli", "anli_r1", 0, "brier_score", 0.65),
        ("a/m", "anli", "anli_r2", 0, "brier_score", math.nan),
        ("a/m", "mmlu", "mmlu_anatomy", 5, "accuracy", 0.35),
    ).assign(reason=["", "the model returned NaN", ""])
    merged = merge_scores(RECORDED, with_lineage(made, LINEAGE))
    kept = merged.table[merged.table["benchmark"] == "anli"]
    assert set(kept["origin"]) == {"recorded"}
    assert len(kept) == 3
    held_back = merged.left_out[merged.left_out["origin"] == "regenerated"]
    assert held_back["reason"].tolist() == ["regenerated benchmark incomplete: the model returned NaN"] * 2
    assert merged.table.loc[merged.table["benchmark"] == "mmlu", "score"].tolist() == [0.35]


def test_nothing_regenerated_changes_no_number(tmp_path: Path) -> None:
    merged = merge_scores(RECORDED, read_regenerated_scores(tmp_path, tmp_path, []))
    pd.testing.assert_frame_equal(
        merged.table[RECORDED.columns], RECORDED.sort_values(["model_id", "benchmark"], ignore_index=True)
    )
    assert set(merged.table["origin"]) == {"recorded"}
    assert len(merged.left_out) == 0


def test_a_new_model_and_a_table_of_regenerated_rows_only() -> None:
    made = with_lineage(_scores(("c/o", "anli", "anli_r1", 0, "brier_score", 0.4)), LINEAGE)
    assert merge_scores(RECORDED, made).table["model_id"].tolist().count("c/o") == 1
    assert merge_scores(RECORDED.iloc[:0], made).table["origin"].tolist() == ["regenerated"]


def test_merging_does_not_depend_on_row_order() -> None:
    made = with_lineage(_scores(("a/m", "anli", "anli_r1", 0, "brier_score", 0.65)), LINEAGE)
    shuffled = RECORDED.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(merge_scores(shuffled, made).table, merge_scores(RECORDED, made).table)


def test_repeated_rows_are_refused() -> None:
    with pytest.raises(DataError, match="recorded scores: 1 rows twice"):
        merge_scores(pd.concat([RECORDED, RECORDED.iloc[:1]]), with_lineage(RECORDED.iloc[:0], LINEAGE))


def test_generation_features_replace_a_models_whole_row() -> None:
    recorded = pd.DataFrame({"model_id": ["a/m", "b/n"], "n_words_mean": [1.0, 2.0], "entropy": [3.0, 4.0]})
    made = with_lineage(pd.DataFrame({"model_id": ["a/m"], "n_words_mean": [9.0]}), LINEAGE)
    merged = merge_generation_features(recorded, made)
    assert merged.table["n_words_mean"].tolist() == [9.0, 2.0]
    assert math.isnan(merged.table["entropy"][0])
    assert merged.table["origin"].tolist() == ["regenerated", "recorded"]
    assert merged.left_out["model_id"].tolist() == ["a/m"]
    with pytest.raises(DataError, match="unknown columns"):
        merge_generation_features(recorded, made.assign(odd=1.0))


def test_files_of_regenerated_scores(tmp_path: Path) -> None:
    _scores(("a/m", "anli", "anli_r1", 0, "brier_score", 0.65)).assign(reason="").to_csv(
        tmp_path / "a--m.csv", index=False
    )
    with pytest.raises(DataError, match=r"a--m\.score\.json"):
        read_regenerated_scores(tmp_path, tmp_path, ["a--m"])
    (tmp_path / "a--m.score.json").write_text(json.dumps(LINEAGE))
    found = read_regenerated_scores(tmp_path, tmp_path, ["a--m"])
    assert len(read_regenerated_scores(tmp_path, tmp_path, [])) == 0, "a model no longer listed is not read"
    assert found.loc[0, "revision"] == "abc"
    assert merge_scores(RECORDED, found).table["origin"].value_counts()["regenerated"] == 1
    with pytest.raises(DataError, match=r"b--n\.csv"):
        read_regenerated_scores(tmp_path, tmp_path, ["b--n"])
    with pytest.raises(DataError, match="no \\['backend'\\]"):
        with_lineage(RECORDED, {key: value for key, value in LINEAGE.items() if key != "backend"})


def test_states() -> None:
    expected = {("a/m", "score"): "f1", ("a/m", "sample"): "g1", ("c/o", "score"): "h1", ("c/o", "sample"): "i1"}
    made = {("a/m", "score"): "f1", ("a/m", "sample"): "older"}
    states = model_states(["a/m", "b/n"], expected, made).set_index(["model_id", "job"])["state"]
    assert states["a/m", "score"] == "regenerated"
    assert states["a/m", "sample"] == "stale"
    assert states["b/n", "score"] == "recorded"
    assert states["c/o", "score"] == "stale"


def test_features_of_listed_models_only(tmp_path: Path) -> None:
    for slug, model_id in (("a--m", "a/m"), ("b--n", "b/n")):
        pd.DataFrame([{"model_id": model_id, **dict.fromkeys(COLUMNS, 1.0)}]).to_csv(
            tmp_path / f"{slug}.csv", index=False
        )
        (tmp_path / f"{slug}.sample.json").write_text(json.dumps({**LINEAGE, "slug": slug, "model_id": model_id}))
    assert read_regenerated_features(tmp_path, tmp_path, ["a--m"])["model_id"].tolist() == ["a/m"]
    assert len(read_regenerated_features(tmp_path, tmp_path, [])) == 0
    (tmp_path / "a--m.csv").unlink()
    with pytest.raises(DataError, match=r"a--m\.csv: not there; .* `dvc repro tag@a--m`"):
        read_regenerated_features(tmp_path, tmp_path, ["a--m"])
