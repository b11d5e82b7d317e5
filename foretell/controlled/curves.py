"""Scores against one share of the training data, in published runs that differ in that share and in nothing else.

A point's standard error is, where the study gives one: the seeds' standard deviation over the root of their number
(datablations; a share with one run borrows the standard deviation of the same task, corpus and size), the error over
items (BigScience, one run each: the noise of training is not in it), or the standard deviation over the four runs that
repeat one recipe (DCLM, at 1.4B parameters: used at its other sizes too, for want of repeats)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError

Share = Literal["pct_code", "pct_web"]
SHARES: tuple[Share, ...] = get_args(Share)
Unit = Literal["accuracy points", "rescaled points"]
FRACTIONS = ("accuracy", "acc_norm", "exact_match", "f1")  # metrics from 0 to 1, larger is better
REPEATED = ("filtered_web", "open_lm_1b")  # recipe and model of DCLM's repeats
FEWEST_REPEATS = 3
PILE = "the_pile"
LADDERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("RedPajama's other sources, web text to C4", ("redpajama", "c4")),
    ("RedPajama's other sources, web text to RefinedWeb", ("redpajama", "refinedweb")),
    ("RedPajama's other sources, web text C4 in both", ("redpajama_web_c4", "c4")),
    ("RedPajama's other sources, web text RefinedWeb in both", ("redpajama_web_refinedweb", "refinedweb")),
    (
        "mathematics and its code (Proof-Pile-2)",
        (*(f"filtered_web_eli5_{100 - n}_proofpile_{n}" for n in (50, 20, 10, 5)), "filtered_web_eli5"),
    ),
    ("books (Gutenberg)", ("filtered_web_95_books_5", "filtered_web")),
    ("Wikipedia", ("filtered_web_95_wiki_5", "filtered_web")),
    ("papers (peS2o)", ("filtered_web_95_pes2o_5", "filtered_web")),
)
"""What the web text replaces -> the DCLM recipes whose web shares differ, and which are alike in all else."""
PILE_AGAINST = {
    "c4": "C4",
    "oscar": "OSCAR",
    "oscar_filtered": "filtered OSCAR",
    "oscar_filtered_dedup": "filtered, deduplicated OSCAR",
}


@dataclass(frozen=True)
class ControlledTables:
    """The raw tables `controlled_shares`, `controlled_corpora` and `controlled_recipes`, typed."""

    shares: pd.DataFrame
    corpora: pd.DataFrame
    recipes: pd.DataFrame


@dataclass(frozen=True)
class Curve:
    """One task's scores [n] (points, 100 = all right) at `shares` [n] (percent, rising), with `stderrs` [n] (NaN:
    unknown). `replaced` says what the share takes the place of; `benchmark` is "" where no target measures the task."""

    study: str
    replaced: str
    total_params: int
    tokens: int
    task: str
    metric: str
    benchmark: str
    unit: Unit
    shares: Floats
    scores: Floats
    stderrs: Floats


def curves(tables: ControlledTables, share: Share) -> list[Curve]:
    """Every curve of `share` that the tables hold. Raises DataError for another share."""
    if share not in SHARES:
        raise DataError(
            f"controlled runs: {share}: expected {' or '.join(SHARES)}; no recorded run varies another share"
        )
    found = list(_code_ladders(tables.shares, share))
    if share == "pct_web":
        found += [*_corpora(tables.corpora), *_recipes(tables.recipes)]
    return found


def _code_ladders(table: pd.DataFrame, share: Share) -> Iterator[Curve]:
    """Python beside web text: a curve of code, and read backwards, of web text."""
    keys = ["study", "total_params", "tokens", "natural_language_corpus", "task"]
    for (study, params, tokens, corpus, task), rows in table.groupby(keys, sort=True):
        at = _numbers(rows["pct_code"])
        spread, seeds = _numbers(rows["seed_sd"]), _numbers(rows["n_seeds"])
        known = np.isfinite(spread)
        borrowed = float(np.sqrt(np.mean(spread[known] ** 2))) if known.any() else float("nan")
        errors = np.where(known, spread / np.sqrt(np.where(known, seeds, 1.0)), borrowed)
        code = share == "pct_code"
        yield _curve(
            (study, f"web text ({corpus})" if code else f"Python, web text {corpus} in all", params, tokens),
            (task, "mean over 0 to 5 examples", _benchmark(rows), "rescaled points"),
            (at if code else 100 - at, _numbers(rows["score_rescaled_pct"]), errors),
        )


def _corpora(table: pd.DataFrame) -> Iterator[Curve]:
    """The Pile against every corpus of web text alone, at the last checkpoint that both have."""
    shown = table[table["metric"].isin(FRACTIONS)]
    pile = shown[shown["corpus"] == PILE]
    for corpus, other in shown[shown["corpus"] != PILE].groupby("corpus", sort=True):
        tokens = min(int(pile["tokens"].max()), int(other["tokens"].max()))
        both = pd.concat([side[side["tokens"] == tokens] for side in (pile, other)])
        for (study, params, task, metric), rows in _groups(both, ["study", "total_params", "task", "metric"]):
            yield _curve(
                (study, f"the Pile's other sources, web text to {PILE_AGAINST[str(corpus)]}", params, tokens),
                (task, metric, _benchmark(rows), "accuracy points"),
                (_numbers(rows["pct_web"]), 100 * _numbers(rows["value"]), 100 * _numbers(rows["stderr"])),
            )


def _recipes(table: pd.DataFrame) -> Iterator[Curve]:
    """Recipes of one ladder, where size, architecture, tokens and settings are equal."""
    noise = repeat_noise(table)
    keys = ["study", "total_params", "model", "tokens", "settings", "task"]
    known = table[table["pct_web"].notna()].astype({"benchmark": object})
    first = {"benchmark": ("benchmark", "first"), "share": ("pct_web", "first"), "score": ("score", "mean")}
    points = known.groupby([*keys, "recipe"], sort=True, as_index=False).agg(**first)
    for replaced, recipes in LADDERS:
        chosen = points[points["recipe"].isin(recipes)]
        chosen = chosen[chosen.duplicated(keys, keep=False)]  # at least two recipes
        for (study, params, model, tokens, _settings, task), rows in _groups(chosen, keys):
            error = 100 * noise.get(str(task), float("nan"))
            yield _curve(
                (study, f"{replaced} [{model}]", params, tokens),
                (task, "accuracy", _benchmark(rows), "accuracy points"),
                (_numbers(rows["share"]), 100 * _numbers(rows["score"]), np.full(len(rows), error)),
            )


def _groups(table: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[object, ...], pd.DataFrame]]:
    """The groups of `table` by `keys`, as plain objects: groups by typed text columns take ten times as long."""
    plain = table.astype(object)
    for key, rows in plain.groupby([plain[name] for name in keys], sort=True):
        yield tuple(key), rows


def repeat_noise(recipes: pd.DataFrame) -> Mapping[str, float]:
    """Task -> standard deviation (fraction) over the runs of `controlled_recipes` that repeat one recipe."""
    recipe, model = REPEATED
    repeats = recipes[(recipes["recipe"] == recipe) & (recipes["model"] == model)]
    spread = repeats.groupby("task")["score"].agg(["std", "count"])
    return {str(task): float(row["std"]) for task, row in spread.iterrows() if row["count"] >= FEWEST_REPEATS}


def _curve(who: tuple[object, ...], what: tuple[object, ...], points: Sequence[Floats]) -> Curve:
    order = np.argsort(points[0], kind="stable")
    study, replaced, params, tokens = who
    task, metric, benchmark, unit = what
    shares, scores, stderrs = (column[order] for column in points)
    return Curve(
        str(study), str(replaced), int(str(params)), int(str(tokens)), str(task), str(metric), str(benchmark),
        "rescaled points" if unit == "rescaled points" else "accuracy points", shares, scores, stderrs,
    )  # fmt: skip


def _numbers(column: pd.Series) -> Floats:
    return np.asarray(column.astype("float64"), dtype=np.float64)


def _benchmark(rows: pd.DataFrame) -> str:
    first = rows["benchmark"].iloc[0]
    return "" if pd.isna(first) else str(first)
