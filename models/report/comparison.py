"""All benchmarks side by side: the paper's comparison (its Tables 2, 8 and 9), and beside it the honest one, in numbers
and in words. Pure: tables in, tables and Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue import SCALE
from features.targets import Target
from foretell.markdown import markdown_table
from foretell.stats import Interval, benjamini_hochberg
from models.backtest.coverage import schemes_covered
from models.catalogue import (
    ALL_FEATURES,
    ALL_FEATURES_LIGHTGBM,
    LAW_PLUS_TREES,
    MEDIAN,
    PREDICTORS,
    SCALE_ONLY,
    SELECTED,
    SELECTED_DESIGN,
    Entry,
)
from models.results import (
    beats_median,
    compare,
    fold_matrix,
    is_evaluated,
    mae_interval,
    order_accuracy,
)
from models.schemes import Scheme

SHOWN = tuple(entry for entry in PREDICTORS if entry.shown)
CROSS_CHECKS = tuple(entry for entry in PREDICTORS if entry.cross_check_of)
ALPHA = 0.05


@dataclass(frozen=True)
class Inputs:
    """One benchmark's results: `target` says what it is; `errors` and `predictions` as Evaluation's; `selected`
    (selection -> features); `stability` (selection -> feature -> share of resampled model sets that choose it; empty =
    not measured); `coverage` of the fitted predictor; `nested` (selection -> MAE per seed with the selection inside, or
    None)."""

    target: Target
    errors: pd.DataFrame
    predictions: pd.DataFrame
    selected: Mapping[str, list[str]]
    stability: Mapping[str, Mapping[str, float]]
    coverage: Mapping[str, Any]
    nested: Mapping[str, list[float]] | None


def error_table(inputs: Mapping[str, Inputs]) -> pd.DataFrame:
    """One row per benchmark and predictor: mean MAE over seeds with 95 % interval, family-held-out MAE, improvement
    over its reference in percent (random and family folds), raw and corrected p-values, pair-order accuracy. p-values
    are adjusted over benchmarks (Benjamini-Hochberg) within each predictor. Raises DataError where an error is
    missing."""
    table = pd.DataFrame(
        [
            _error_row(benchmark, entry, results)
            for benchmark, results in inputs.items()
            for entry in PREDICTORS
            if is_evaluated(results.errors, entry.name, Scheme.RANDOM)
        ]
    )
    for name in ("p", "p_corrected"):
        adjusted = pd.Series(np.nan, index=table.index)
        for _, group in table.dropna(subset=[name]).groupby("predictor"):
            adjusted[group.index] = benjamini_hochberg(group[name])
        table[f"{name}_bh"] = adjusted
    return table


def _error_row(benchmark: str, entry: Entry, results: Inputs) -> dict[str, Any]:
    errors = results.errors
    interval = mae_interval(errors, entry.name)
    row: dict[str, Any] = {"benchmark": benchmark, "predictor": entry.name, "mae": interval.estimate}
    row |= {"mae_low": interval.low, "mae_high": interval.high}
    on_families = is_evaluated(errors, entry.name, Scheme.FAMILY)
    if on_families:
        row["family_mae"] = float(fold_matrix(errors, entry.name, Scheme.FAMILY).mean())
        for scheme in (Scheme.RANDOM, Scheme.FAMILY):
            accuracy = order_accuracy(results.predictions, entry.name, scheme)
            row[f"{scheme.metric_prefix}order_accuracy"] = accuracy
    if entry.reference is not None:
        comparison = compare(errors, entry.reference.name, entry.name)
        row["improvement_pct"] = comparison.improvement
        row |= {"p": comparison.over_seeds.p, "p_corrected": comparison.corrected.p}
        if on_families:
            on_new = compare(errors, entry.reference.name, entry.name, Scheme.FAMILY)
            row["family_improvement_pct"] = on_new.improvement
    return row


def metrics(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> dict[str, Any]:
    """Benchmark -> the figures that `dvc metrics diff` compares."""
    figures: dict[str, Any] = {}
    for benchmark, results in inputs.items():
        by_predictor = table[table["benchmark"] == benchmark].set_index("predictor")
        figures[benchmark] = {
            name: {str(predictor): float(value) for predictor, value in by_predictor[name].dropna().items()}
            for name in ("mae", "family_mae", "improvement_pct")
        } | {
            "coverage": {scheme: of["coverage"] for scheme, of in schemes_covered(results.coverage).items()},
            "predictable": beats_median(results.errors, SELECTED_DESIGN.name),
        }
    return figures


def figure_table(inputs: Mapping[str, Inputs]) -> dict[str, dict[Entry, Interval]]:
    """A benchmark's title -> predictor -> MAE interval, for the figure of errors."""
    return {
        results.target.title: {entry: mae_interval(results.errors, entry.name) for entry in SHOWN}
        for results in inputs.values()
    }


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
        _errors(table, inputs, SHOWN, ALL_FEATURES),
        "Seeds re-split the same models, so the paired t-test (p, Benjamini-Hochberg over benchmarks) tests the noise "
        "of the splits, not new models. The next table is about new models: the test corrected for overlapping "
        "training sets (Nadeau and Bengio, on the random folds) and, apart from it, the improvement on model families "
        "held out whole. *Predictable*: a lower error than the median's on those families.",
        "## What survives",
        _new_families(table, inputs),
        *(_verdict(table, inputs, entry) for entry in SELECTED),
    ]
    if any(results.nested for results in inputs.values()):
        sections += ["## Selection repeated inside every outer training fold", _nested(table, inputs)]
    else:
        sections += [
            "The features were selected on the models that are scored here, which flatters them: `select.nested: true` "
            "repeats the selection inside every training fold and shows that error here (docs/paper.md has it)."
        ]
    if {entry.name for entry in CROSS_CHECKS} <= set(table["predictor"]):
        sections += ["## The same with LightGBM", _errors(table, inputs, CROSS_CHECKS, ALL_FEATURES_LIGHTGBM)]
    sections += ["## Selected features, in the order they were added", _selected(inputs)]
    if any(shares for results in inputs.values() for shares in results.stability.values()):
        sections += ["## How often resampled model sets choose a feature (80 % of the models each)", _stability(inputs)]
    sections += ["## Coverage of the prediction intervals", _coverage(inputs)]
    for title, text in studies.items():
        sections += [f"## {title}", text]
    return "\n\n".join(sections) + "\n"


def _row_of(table: pd.DataFrame, benchmark: str, entry: Entry) -> pd.Series:
    return table[(table["benchmark"] == benchmark) & (table["predictor"] == entry.name)].iloc[0]


def _errors(table: pd.DataFrame, inputs: Mapping[str, Inputs], entries: Sequence[Entry], candidate: Entry) -> str:
    rows = []
    for benchmark, results in inputs.items():
        row = {"benchmark": results.target.title}
        for entry in entries:
            errors = _row_of(table, benchmark, entry)
            half = (errors["mae_high"] - errors["mae_low"]) / 2
            row[entry.title] = f"{errors['mae']:.4f} ± {half:.4f}"
        comparison = _row_of(table, benchmark, candidate)
        row["all features over scale only"] = f"{comparison['improvement_pct']:+.1f} %"
        row["p (BH)"] = f"{comparison['p_bh']:.1e}"
        rows.append(row)
    return markdown_table(rows)


def _new_families(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, results in inputs.items():
        row = {"benchmark": results.target.title}
        for entry in (MEDIAN, SCALE_ONLY, *SELECTED, LAW_PLUS_TREES):
            row[f"{entry.title}, new families"] = f"{_row_of(table, benchmark, entry)['family_mae']:.4f}"
        for entry in SELECTED:
            comparison = _row_of(table, benchmark, entry)
            row[f"{entry.label}: improvement on new families"] = f"{comparison['family_improvement_pct']:+.1f} %"
            row[f"{entry.label}: corrected p (BH)"] = f"{comparison['p_corrected_bh']:.3f}"
        predictable = beats_median(results.errors, SELECTED_DESIGN.name)
        row["verdict"] = "predictable" if predictable else "not predictable from design"
        rows.append(row)
    return markdown_table(rows)


def _verdict(table: pd.DataFrame, inputs: Mapping[str, Inputs], entry: Entry) -> str:
    rows = table[table["predictor"] == entry.name]
    titles = rows["benchmark"].map(lambda benchmark: inputs[benchmark].target.title)
    better = rows["improvement_pct"] > 0
    over_seeds = better & (rows["p_bh"] < ALPHA)
    corrected = better & (rows["p_corrected_bh"] < ALPHA)
    on_families = rows["family_improvement_pct"] > 0
    return (
        f"**{entry.title}** has a lower mean error than scale only on {better.sum()} of {len(rows)} benchmarks; the "
        f"paired t-test over seeds calls {over_seeds.sum()} of them significant. With the Nadeau-Bengio correction "
        f"{_listed(list(titles[corrected]))} remain. On held-out families it is better on {on_families.sum()} of "
        f"{len(rows)}. Significant after correction and better on held-out families: "
        f"{_listed(list(titles[corrected & on_families]))}."
    )


def _listed(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "none"


def _nested(table: pd.DataFrame, inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for benchmark, results in inputs.items():
        row = {"benchmark": results.target.title}
        row["scale only"] = f"{_row_of(table, benchmark, SCALE_ONLY)['mae']:.4f}"
        for entry in SELECTED:
            row[entry.title] = f"{_row_of(table, benchmark, entry)['mae']:.4f}"
            inside = (results.nested or {}).get(entry.selection)
            row[f"{entry.name}, selected inside"] = f"{np.mean(inside):.4f}" if inside else "not run"
        rows.append(row)
    return markdown_table(rows)


def _selected(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for results in inputs.values():
        row = {"benchmark": results.target.title}
        for entry in SELECTED:
            added = [name for name in results.selected[entry.selection] if name not in SCALE]
            row[entry.title] = ", ".join(added) or "(none beyond scale)"
        rows.append(row)
    return markdown_table(rows)


def _stability(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for results in inputs.values():
        row = {"benchmark": results.target.title}
        for entry in SELECTED:
            shares = sorted(results.stability.get(entry.selection, {}).items(), key=lambda item: (-item[1], item[0]))
            row[entry.title] = ", ".join(f"{name} {share:.0%}" for name, share in shares) or "(not run)"
        rows.append(row)
    return markdown_table(rows)


def _coverage(inputs: Mapping[str, Inputs]) -> str:
    rows = []
    for results in inputs.values():
        row = {"benchmark": results.target.title, "nominal": f"{results.coverage['level']:.0%}"}
        measured = schemes_covered(results.coverage)
        for scheme in Scheme:  # a benchmark with too few models for a cut-off lacks one
            row[scheme.held_out] = f"{measured[scheme]['coverage']:.1%}" if scheme in measured else "-"
        rows.append(row | {"mean width": f"{results.coverage[Scheme.RANDOM]['mean_width']:.3f}"})
    return markdown_table(rows)
