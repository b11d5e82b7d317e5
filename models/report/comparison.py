"""All benchmarks side by side: the paper's comparison (its Tables 2, 8 and 9), and beside it the honest one, in numbers
and in words. Pure: tables in, tables and Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.schema import BENCHMARKS
from foretell.stats import Interval, benjamini_hochberg
from models.report.cards import TITLES
from models.results import beats_median, compare, fold_matrix, mae_interval, order_accuracy

REFERENCE = "scale_only"
SHOWN = ("median", "log_linear", "power_law", "scale_only", "selected_design", "all_features", "law_plus_trees")
NOT_COMPARED = ("median", "log_linear", "power_law")
ALPHA = 0.05


@dataclass(frozen=True)
class Inputs:
    """One benchmark's results: `errors` and `predictions` as Evaluation's, `selected` (predictor -> features),
    `stability` (predictor -> feature -> share of resampled model sets that choose it; empty = not asked for),
    `coverage` of the fitted predictor and `nested` (MAE per seed with the selection inside, or None)."""

    errors: pd.DataFrame
    predictions: pd.DataFrame
    selected: Mapping[str, list[str]]
    stability: Mapping[str, Mapping[str, float]]
    coverage: Mapping[str, Any]
    nested: Mapping[str, list[float]] | None


def error_table(inputs: Mapping[str, Inputs]) -> pd.DataFrame:
    """One row per benchmark and predictor: mean MAE over seeds with 95 % interval, family-held-out MAE, improvement
    over scale only in percent (random and family folds), raw and corrected p-values, pair-order accuracy. p-values are
    adjusted over benchmarks (Benjamini-Hochberg) within each predictor."""
    rows = []
    for benchmark, given in inputs.items():
        errors = given.errors
        for predictor in sorted(errors["predictor"].unique(), key=list(TITLES).index):
            interval = mae_interval(errors, predictor)
            row = {"benchmark": benchmark, "predictor": predictor, "mae": interval.mean}
            row |= {"mae_low": interval.low, "mae_high": interval.high}
            families = predictor in set(errors.loc[errors["scheme"] == "family", "predictor"])
            if families:
                row["family_mae"] = float(fold_matrix(errors, predictor, "family").mean())
                row["order_accuracy"] = order_accuracy(given.predictions, predictor, "random")
                row["family_order_accuracy"] = order_accuracy(given.predictions, predictor, "family")
            reference = REFERENCE + "_lightgbm" if predictor.endswith("_lightgbm") else REFERENCE
            if predictor not in (reference, *NOT_COMPARED):
                found = compare(errors, reference, predictor)
                row |= {"improvement_pct": found.improvement, "p": found.over_seeds.p, "p_corrected": found.corrected.p}
                if families:
                    row["family_improvement_pct"] = compare(errors, reference, predictor, "family").improvement
            rows.append(row)
    table = pd.DataFrame(rows)
    for name in ("p", "p_corrected"):
        adjusted = pd.Series(np.nan, index=table.index)
        for _, group in table.dropna(subset=[name]).groupby("predictor"):
            adjusted[group.index] = benjamini_hochberg(group[name])
        table[f"{name}_bh"] = adjusted
    return table


def metrics(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> dict[str, Any]:
    """Benchmark -> the figures that `dvc metrics diff` compares."""
    out: dict[str, Any] = {}
    for benchmark, given in inputs.items():
        mine = table[table["benchmark"] == benchmark].set_index("predictor")
        out[benchmark] = {
            "mae": {predictor: float(mine.loc[predictor, "mae"]) for predictor in mine.index},
            "family_mae": {p: float(v) for p, v in mine["family_mae"].dropna().items()},
            "improvement_pct": {p: float(v) for p, v in mine["improvement_pct"].dropna().items()},
            "coverage": {scheme: given.coverage[scheme]["coverage"] for scheme in ("random", "family")},
            "predictable": beats_median(given.errors, "selected_design"),
        }
    return out


def figure_table(inputs: Mapping[str, Inputs]) -> dict[str, dict[str, Interval]]:
    """Benchmark -> predictor -> MAE interval, for the figure of errors."""
    return {b: {name: mae_interval(given.errors, name) for name in SHOWN} for b, given in inputs.items()}


def report(
    table: pd.DataFrame, inputs: Mapping[str, Inputs], view: str, protocol: str, studies: Mapping[str, str]
) -> str:
    """The report in Markdown: error table, significance, the honest column, LightGBM, selected features, coverage, then
    the sections of `studies` (title -> Markdown)."""
    sections = [
        f"# How well design predicts scores ({view} view)",
        f"Protocol: {protocol}. MAE is the mean absolute error of nested cross-validation in score units "
        "(accuracy 0-1; Brier 0-2, lower is better), mean over seeds with a 95 % interval.",
        "## Error by benchmark (XGBoost)",
        _errors(table, SHOWN, "all_features"),
        "Seeds re-split the same models, so the paired t-test (p, Benjamini-Hochberg over benchmarks) tests the noise "
        "of the splits, not new models. The next table is about new models: the test corrected for overlapping "
        "training sets (Nadeau and Bengio, on the random folds) and, apart from it, the improvement on model families "
        "held out whole. *Predictable*: a lower error than the median's on those families.",
        "## What survives",
        _honest(table, inputs),
        _verdict(table, "selected_design"),
        _verdict(table, "all_features"),
    ]
    if any(given.nested for given in inputs.values()):
        sections += ["## Selection repeated inside every outer training fold", _nested(table, inputs)]
    else:
        sections += [
            "The features were selected on the models that are scored here, which flatters them: `select.nested: true` "
            "repeats the selection inside every training fold and shows that error here (docs/paper.md has it)."
        ]
    lightgbm = ("scale_only_lightgbm", "all_features_lightgbm")
    if set(lightgbm) <= set(table["predictor"]):
        sections += ["## The same with LightGBM", _errors(table, lightgbm, "all_features_lightgbm")]
    sections += ["## Selected features, in the order they were added", _selected(inputs)]
    if any(shares for given in inputs.values() for shares in given.stability.values()):
        sections += ["## How often resampled model sets choose a feature (80 % of the models each)", _stability(inputs)]
    sections += ["## Coverage of the prediction intervals", _coverage(inputs)]
    for title, text in studies.items():
        sections += [f"## {title}", text]
    return "\n\n".join(sections) + "\n"


def _markdown(rows: list[dict[str, str]]) -> str:
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row[name] for name in head) + " |" for row in rows])


def _of(table: pd.DataFrame, benchmark: str, predictor: str) -> pd.Series:
    return table[(table["benchmark"] == benchmark) & (table["predictor"] == predictor)].iloc[0]


def _errors(table: pd.DataFrame, predictors: tuple[str, ...], candidate: str) -> str:
    rows = []
    for benchmark in table["benchmark"].unique():
        row = {"benchmark": BENCHMARKS[benchmark].title}
        for predictor in predictors:
            found = _of(table, benchmark, predictor)
            half = (found["mae_high"] - found["mae_low"]) / 2
            row[TITLES[predictor]] = f"{found['mae']:.4f} ± {half:.4f}"
        found = _of(table, benchmark, candidate)
        row["all features over scale only"] = f"{found['improvement_pct']:+.1f} %"
        row["p (BH)"] = f"{found['p_bh']:.1e}"
        rows.append(row)
    return _markdown(rows)


def _honest(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, given in inputs.items():
        row = {"benchmark": BENCHMARKS[benchmark].title}
        for predictor in ("median", REFERENCE, "selected_design", "all_features", "law_plus_trees"):
            row[f"{TITLES[predictor]}, new families"] = f"{_of(table, benchmark, predictor)['family_mae']:.4f}"
        for predictor, short in (("selected_design", "design"), ("all_features", "all")):
            found = _of(table, benchmark, predictor)
            row[f"{short}: improvement on new families"] = f"{found['family_improvement_pct']:+.1f} %"
            row[f"{short}: corrected p (BH)"] = f"{found['p_corrected_bh']:.3f}"
        row["verdict"] = (
            "predictable" if beats_median(given.errors, "selected_design") else "not predictable from design"
        )
        rows.append(row)
    return _markdown(rows)


def _verdict(table: pd.DataFrame, predictor: str) -> str:
    mine = table[table["predictor"] == predictor]
    total = len(mine)
    names = {b: BENCHMARKS[b].title for b in mine["benchmark"]}
    won = [names[r["benchmark"]] for _, r in mine.iterrows() if r["improvement_pct"] > 0]
    naive = [names[r["benchmark"]] for _, r in mine.iterrows() if r["improvement_pct"] > 0 and r["p_bh"] < ALPHA]
    corrected = [
        names[r["benchmark"]] for _, r in mine.iterrows() if r["improvement_pct"] > 0 and r["p_corrected_bh"] < ALPHA
    ]
    family = [names[r["benchmark"]] for _, r in mine.iterrows() if r["family_improvement_pct"] > 0]
    both = [name for name in corrected if name in family]
    return (
        f"**{TITLES[predictor]}** has a lower mean error than scale only on {len(won)} of {total} benchmarks; the "
        f"paired t-test over seeds calls {len(naive)} of them significant. With the Nadeau-Bengio correction "
        f"{_listed(corrected)} remain. On held-out families it is better on {len(family)} of {total}. Significant "
        f"after correction and better on held-out families: {_listed(both)}."
    )


def _listed(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"


def _nested(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, given in inputs.items():
        row = {"benchmark": BENCHMARKS[benchmark].title}
        row["scale only"] = f"{_of(table, benchmark, REFERENCE)['mae']:.4f}"
        for predictor in ("selected_design", "all_features"):
            row[TITLES[predictor]] = f"{_of(table, benchmark, predictor)['mae']:.4f}"
            inside = (given.nested or {}).get(predictor)
            row[f"{predictor}, selected inside"] = f"{np.mean(inside):.4f}" if inside else "not run"
        rows.append(row)
    return _markdown(rows)


def _selected(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, given in inputs.items():
        row = {"benchmark": BENCHMARKS[benchmark].title}
        for predictor in ("selected_design", "all_features"):
            row[TITLES[predictor]] = ", ".join(given.selected[predictor][2:]) or "(none beyond scale)"
        rows.append(row)
    return _markdown(rows)


def _stability(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, given in inputs.items():
        row = {"benchmark": BENCHMARKS[benchmark].title}
        for predictor in ("selected_design", "all_features"):
            shares = sorted(given.stability.get(predictor, {}).items(), key=lambda item: (-item[1], item[0]))
            row[TITLES[predictor]] = ", ".join(f"{name} {share:.0%}" for name, share in shares) or "(not run)"
        rows.append(row)
    return _markdown(rows)


def _coverage(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, given in inputs.items():
        rows.append(
            {
                "benchmark": BENCHMARKS[benchmark].title,
                "nominal": f"{given.coverage['level']:.0%}",
                "held-out models": f"{given.coverage['random']['coverage']:.1%}",
                "held-out families": f"{given.coverage['family']['coverage']:.1%}",
                "mean width": f"{given.coverage['random']['mean_width']:.3f}",
            }
        )
    return _markdown(rows)
