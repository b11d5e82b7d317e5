"""From raw tables to the two tables that everything is computed from: one design table (a row per language model)
and one score table (a row per model and benchmark). Models that cannot be used are returned with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from features.catalogue import FEATURES, View
from features.regenerated import LINEAGE_COLUMNS
from features.schema import BENCHMARKS, GENERATIONS, MODELS, PRETRAINING, PUBLISHED_DESIGN, SCORES, Benchmark

INPUTS = (MODELS, PRETRAINING, PUBLISHED_DESIGN, SCORES, GENERATIONS)
GENERATIONS_SOURCE = "generations_source"
PRETRAINED = ("from_scratch", "from_scratch_distilled", "continued_pretraining")


@dataclass(frozen=True)
class Tables:
    """`design`: model_id, family, then the view's features in raw words and units. `scores`: model_id, benchmark,
    score, n_subtasks. `left_out`: model_id, benchmark (empty = every one), reason."""

    design: pd.DataFrame
    scores: pd.DataFrame
    left_out: pd.DataFrame


def tabulate(raw: Mapping[str, pd.DataFrame], view: View, benchmarks: tuple[str, ...], min_models: int) -> Tables:
    """Build the tables of `view` from the typed raw tables; a benchmark with fewer than `min_models` scored models
    keeps no score rows and each of its models is listed as left out."""
    joined = _verified(raw) if view == "verified" else _published(raw)
    generations = raw["generations"].rename(columns={"source": GENERATIONS_SOURCE})
    joined = joined.merge(generations, on="model_id", how="left", validate="one_to_one")
    usable, left_out = _usable(joined, view)
    scores = pd.concat([aggregate(raw["scores"], BENCHMARKS[slug]) for slug in benchmarks], ignore_index=True)
    scores = scores[scores["model_id"].isin(usable["model_id"])]
    for slug in benchmarks:
        scored = set(scores.loc[scores["benchmark"] == slug, "model_id"])
        reason = "no score"
        if len(scored) < min_models:
            reason = f"benchmark measured on {len(scored)} models, fewer than {min_models}"
            scores = scores[scores["benchmark"] != slug]
            scored = set()
        left_out += [(model, slug, reason) for model in usable["model_id"] if model not in scored]
    made = [name for name in (GENERATIONS_SOURCE,) if name in usable]
    names = ["model_id", "family", *made, *(feature.name for feature in FEATURES[view])]
    return Tables(
        design=usable[names].sort_values("model_id", ignore_index=True),
        scores=scores.sort_values(["benchmark", "model_id"], ignore_index=True),
        left_out=pd.DataFrame(left_out, columns=["model_id", "benchmark", "reason"]).sort_values(
            ["benchmark", "model_id"], ignore_index=True
        ),
    )


def _verified(raw: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    models = raw["models"].assign(mlp_ratio=lambda m: m["d_ff"].astype("float64") / m["d_model"].astype("float64"))
    return _floats(models.merge(raw["pretraining"], on="model_id", how="left", validate="one_to_one"))


def _published(raw: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    about = raw["models"][["model_id", "family", "base_kind"]]
    return _floats(raw["published_design"].merge(about, on="model_id", how="left", validate="one_to_one"))


def _floats(frame: pd.DataFrame) -> pd.DataFrame:
    whole = frame.select_dtypes("Int64").columns
    return frame.astype(dict.fromkeys(whole, "Float64")).astype(dict.fromkeys(whole, "float64"))


def _usable(joined: pd.DataFrame, view: View) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
    reasons = pd.Series("", index=joined.index, dtype="string")
    if view == "verified":
        reasons = reasons.mask(~joined["base_kind"].isin(PRETRAINED), "not a base model: " + joined["base_kind"])
    for column, reason in (("tokens_billions", "no token count"), ("total_params", "no parameter count")):
        reasons = reasons.mask((reasons == "") & joined[column].isna(), reason)
    out = [(str(model), "", str(why)) for model, why in zip(joined["model_id"], reasons, strict=True) if why]
    return joined[reasons == ""], out


def aggregate(scores: pd.DataFrame, benchmark: Benchmark) -> pd.DataFrame:
    """One row per model: the plain mean of `benchmark` over its measured subtasks (PROTOCOL: MMLU's subjects, XNLI's
    languages, ANLI's rounds, LAMBADA's and GSM8K's variants, TruthfulQA's mc1 and mc2). Unmeasured ones are absent."""
    rows = scores[
        (scores["benchmark"] == benchmark.benchmark)
        & (scores["n_shot"] == benchmark.n_shot)
        & (scores["metric"] == benchmark.metric)
    ].dropna(subset=["score"])
    grouped = rows.sort_values(["model_id", "subtask"]).groupby("model_id")
    lineage = {name: (name, "first") for name in LINEAGE_COLUMNS if name in rows}
    means = grouped.agg(score=("score", "mean"), n_subtasks=("score", "size"), **lineage).reset_index()
    means.insert(1, "benchmark", benchmark.slug)
    return means.astype({"benchmark": "string"})
