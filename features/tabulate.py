"""From raw tables to the two tables that everything is computed from: one design table (a row per language model)
and one score table (a row per model and benchmark). Models that cannot be used are returned with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from features.catalogue import FEATURES, View
from features.doubts import settle_scores, settle_subtasks
from features.regenerated import LINEAGE_COLUMNS
from features.schema import DOUBTS, GENERATIONS, MODELS, PRETRAINING, PUBLISHED_DESIGN, SCORES
from features.targets import Target
from foretell.errors import ConfigError

INPUTS = (MODELS, PRETRAINING, PUBLISHED_DESIGN, SCORES, DOUBTS, GENERATIONS)
GENERATIONS_SOURCE = "generations_source"
PRETRAINED = ("from_scratch", "from_scratch_distilled", "continued_pretraining")


@dataclass(frozen=True)
class Tables:
    """`design`: model_id, family, release_month (YYYY-MM), then the view's features in raw words and units. `scores`:
    model_id, benchmark, score, n_subtasks. `left_out`: model_id, benchmark (empty = every one), reason."""

    design: pd.DataFrame
    scores: pd.DataFrame
    left_out: pd.DataFrame


def tabulate(raw: Mapping[str, pd.DataFrame], view: View, targets: Sequence[Target], min_models: int) -> Tables:
    """Build the tables of `view` from the typed raw tables; a target with fewer than `min_models` scored models keeps
    no score rows and each of its models is listed as left out. Raises ConfigError for a target that the view lacks."""
    absent = [target.slug for target in targets if view not in target.views]
    if absent:
        raise ConfigError(
            f"params.yaml: benchmarks: {', '.join(absent)}: not in the view {view}; leave them out, or set "
            "tabulate.view to verified"
        )
    joined = _verified(raw) if view == "verified" else _published(raw)
    generations = raw["generations"].rename(columns={"origin": GENERATIONS_SOURCE})
    joined = joined.merge(generations, on="model_id", how="left", validate="one_to_one")
    usable, left_out = _usable(joined, view)
    recorded = raw["scores"] if view == "verified" else raw["scores"][raw["scores"]["source"].isna()]
    recorded, doubts = (table[table["model_id"].isin(usable["model_id"])] for table in (recorded, raw["doubts"]))
    kept: list[pd.DataFrame] = []
    for target in targets:
        measured = (
            aggregate(recorded, target, doubts) if view == "verified" else aggregate_as_published(recorded, target)
        )
        enough = len(measured.scores) >= min_models
        kept.append(measured.scores if enough else measured.scores.iloc[:0])
        few = f"benchmark measured on {len(measured.scores)} models, fewer than {min_models}"
        scored = set(kept[-1]["model_id"])
        left_out += [
            (model, target.slug, measured.without.get(model, "no score") if enough else few)
            for model in usable["model_id"]
            if model not in scored
        ]
    made = [name for name in (GENERATIONS_SOURCE,) if name in usable]
    names = ["model_id", "family", "release_month", *made, *(feature.name for feature in FEATURES[view])]
    scores = pd.concat([frame for frame in kept if len(frame)] or kept[:1], ignore_index=True)
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
    about = raw["models"][["model_id", "family", "release_month", "base_kind"]]
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


@dataclass(frozen=True)
class Measured:
    """`scores`: one row per model, columns model_id, benchmark (the target's slug), score, n_subtasks. `without`: model
    -> why it is not scored although something was measured (a needed subtask is missing, the score is doubted)."""

    scores: pd.DataFrame
    without: dict[str, str]


def aggregate(scores: pd.DataFrame, target: Target, doubts: pd.DataFrame) -> Measured:
    """The target's score of every model: the plain mean over its measured subtasks (PROTOCOL: MMLU's subjects, XNLI's
    languages, ANLI's rounds, LAMBADA's and GSM8K's variants, TruthfulQA's mc1 and mc2), or the score that stands for
    all of them, where the parts are absent.

    A model that lacks a needed subtask is not scored: a benchmark measured in part is another quantity. Doubtful scores
    (the raw table `doubts`) are left out or replaced. Raises DataError for a doubt that no longer fits its score.
    """
    rows = settle_subtasks(_rows_of(scores, target), doubts, target)
    is_whole = rows["subtask"].isin(target.whole)
    rows = rows[~(is_whole & rows["model_id"].isin(rows.loc[~is_whole, "model_id"]))]
    without = _incomplete(rows[~rows["subtask"].isin(target.whole)], target)
    means = _means(rows[~rows["model_id"].isin(list(without))], target)
    believed, doubted = settle_scores(means, doubts, target)
    return Measured(believed, without | doubted)


def aggregate_as_published(scores: pd.DataFrame, target: Target) -> Measured:
    """The target's score of every model as the study took it: the plain mean over whatever was measured."""
    return Measured(_means(_rows_of(scores, target), target), {})


def _rows_of(scores: pd.DataFrame, target: Target) -> pd.DataFrame:
    return scores[
        (scores["benchmark"] == target.benchmark)
        & (scores["n_shot"] == target.n_shot)
        & (scores["metric"] == target.metric)
        & scores["subtask"].isin([*target.needed, *target.optional, *target.whole])
    ].dropna(subset=["score"])


def _means(rows: pd.DataFrame, target: Target) -> pd.DataFrame:
    grouped = rows.sort_values(["model_id", "subtask"]).groupby("model_id")
    stated = {name: (name, "first") for name in ("source", *LINEAGE_COLUMNS) if name in rows}
    means = grouped.agg(score=("score", "mean"), n_subtasks=("score", "size"), **stated).reset_index()
    means.insert(1, "benchmark", target.slug)
    return means.astype({"benchmark": "string"})


def _incomplete(rows: pd.DataFrame, target: Target) -> dict[str, str]:
    reasons = {}
    for model, names in rows.groupby("model_id")["subtask"]:
        missing = [name for name in target.needed if name not in set(names)]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            reasons[str(model)] = f"measured in part: no score of {', '.join(missing[:3])}{more}"
    return reasons
