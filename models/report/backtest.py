"""The report's section on the backtest: do forecasts hold after their date? Pure: tables in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from foretell.markdown import markdown_table
from models.backtest.regret import LIKE_COMPUTE
from models.backtest.summary import ALL, LEVEL, VERDICTS
from models.catalogue import CATALOGUE, LOG_LINEAR, POWER_LAW, SCALE_ONLY, Entry
from models.schemes import Scheme

TITLE = "Forecasts that hold after their date"
LABELS = {scheme.value: scheme.label for scheme in Scheme}
LOWEST_COVERAGE = 0.8
"""Coverage of one benchmark below which the text names it."""
UNKNOWN = "-"
PERCENT = f"{100 * LEVEL:.0f} %"
INTRODUCTION = f"""\
No forecast here was made with the model that it is about; over time also not with any model released later, and by size
not with any larger one. Features, settings, blend and intervals were chosen inside the training part. The ratios are
mean absolute errors divided by those of another predictor on the same models, so below 1 is better: {SCALE_ONLY.title},
and the better of {LOG_LINEAR.title} and {POWER_LAW.title}. Coverage is the share of scores that lie inside the
{PERCENT} interval, *lowest* that of the benchmark where it is lowest. The interval score (Winkler) is the width plus
{2 / (1 - LEVEL):.0f} times the distance by which a score lies outside. *Order* is the share of pairs of models put in
the right order. *Regret* is the score lost by taking the model predicted best, among models tested together whose
compute is within a factor of {LIKE_COMPUTE:g}.""".replace("\n", " ")


def backtest_section(
    table: pd.DataFrame,
    whole: pd.DataFrame,
    verdicts: pd.DataFrame,
    registered: Entry,
    titles: Mapping[str, str],
    ahead: Sequence[Scheme],
) -> str:
    """The section in Markdown, without its head.

    Args:
        table: one row per benchmark, scheme, cut-off and predictor, as `models.backtest.summary.summary` gives it.
        whole: over all benchmarks, as `overall` gives it.
        verdicts: by verdict, as `by_verdict` gives it.
        registered: the kind of predictor that is registered.
        titles: a benchmark's slug -> its title.
        ahead: the schemes whose test models lie beyond all that was learnt from (time and size): they come first, and
            are shown per benchmark.
    """
    schemes = [scheme for scheme in dict.fromkeys((*ahead, *Scheme)) if (whole["scheme"] == scheme.value).any()]
    own = table[(table["cutoff"] == ALL) & (table["predictor"] == registered.name)]
    parts = [INTRODUCTION]
    for scheme in schemes:
        of_scheme = whole[whole["scheme"] == scheme.value]
        words = _words(of_scheme, own[own["scheme"] == scheme.value], scheme, registered, titles)
        parts += [f"### {_headed(scheme.label)}", words, _overall_table(of_scheme, registered)]
    parts += [f"### {_headed(registered.title)}, by benchmark", _by_benchmark(own, titles, ahead)]
    parts += ["### By verdict", _verdict_words(verdicts, registered), _verdict_table(verdicts)]
    return "\n\n".join(part for part in parts if part)


def _words(
    of_scheme: pd.DataFrame, own: pd.DataFrame, scheme: Scheme, registered: Entry, titles: Mapping[str, str]
) -> str:
    """What one scheme's figures say about the registered kind."""
    row = of_scheme[of_scheme["predictor"] == registered.name]
    if row.empty:
        return f"No forecast of {registered.title} on {scheme.label}."
    figures = row.iloc[0]
    n = len(own)
    better, than_laws = (int((own[name] < 1).sum()) for name in ("ratio_scale_only", "ratio_best_law"))
    lower = of_scheme[of_scheme["ratio_scale_only"] < figures["ratio_scale_only"]].sort_values("ratio_scale_only")
    words = (
        f"The error of **{registered.title}** is {figures['ratio_scale_only']:.2f} times that of {SCALE_ONLY.title} "
        f"and {figures['ratio_best_law']:.2f} times that of the better law (means over {n} benchmarks); it is smaller "
        f"on {better} and {than_laws} of them. "
    )
    if lower.empty:
        words += "No other predictor has a smaller mean ratio."
    else:
        named = [f"{CATALOGUE[e['predictor']].title} ({e['ratio_scale_only']:.2f})" for _, e in lower.iterrows()]
        words += f"Smaller still: {', '.join(named)}."
    if own["coverage"].isna().all():
        return words
    lowest = own.sort_values("coverage", kind="stable").iloc[0]
    few = own[own["coverage"] < LOWEST_COVERAGE].sort_values("coverage")
    words += (
        f" Its {PERCENT} intervals hold {figures['coverage']:.1%} of {figures['n']:.0f} scores; the lowest is "
        f"{titles[lowest['target']]} with {lowest['coverage']:.1%} of {lowest['n']}. "
    )
    named = [f"{titles[target]} ({share:.1%})" for target, share in zip(few["target"], few["coverage"], strict=True)]
    return words + f"Under {100 * LOWEST_COVERAGE:.0f} %: {', '.join(named) or 'none'}."


def _overall_table(of_scheme: pd.DataFrame, registered: Entry) -> str:
    """One row per predictor, the registered kind first, then by error."""
    order = of_scheme.assign(later=of_scheme["predictor"] != registered.name).sort_values(["later", "ratio_scale_only"])
    rows = [
        {
            "predictor": CATALOGUE[row["predictor"]].title,
            "/ scale only": _number(row["ratio_scale_only"], ".2f"),
            "/ better law": _number(row["ratio_best_law"], ".2f"),
            "coverage": _number(row["coverage"], ".1%"),
            "lowest": _number(row["coverage_lowest"], ".1%"),
            "width": _number(row["width"], ".3f"),
            "interval score": _number(row["interval_score"], ".3f"),
            "order": _number(row["order_accuracy"], ".3f"),
            "regret": _number(row["regret"], ".4f"),
            "forecasts": f"{row['n']:.0f}",
        }
        for _, row in order.iterrows()
    ]
    return markdown_table(rows, right=set(rows[0]) - {"predictor"})


def _by_benchmark(own: pd.DataFrame, titles: Mapping[str, str], ahead: Sequence[Scheme]) -> str:
    """The registered kind's figures per benchmark, on the schemes `ahead`."""
    rows = []
    for target in dict.fromkeys(own["target"]):
        row = {"benchmark": titles[target]}
        for scheme in ahead:
            of_scheme = own[(own["target"] == target) & (own["scheme"] == scheme.value)]
            figures = of_scheme.iloc[0] if len(of_scheme) else pd.Series(float("nan"), index=own.columns)
            row[f"{scheme}: forecasts"] = _number(figures["n"], ".0f")
            row[f"{scheme}: MAE"] = _number(figures["mae"], ".3f")
            row[f"{scheme}: / scale only"] = _number(figures["ratio_scale_only"], ".2f")
            row[f"{scheme}: / better law"] = _number(figures["ratio_best_law"], ".2f")
            row[f"{scheme}: coverage"] = _number(figures["coverage"], ".0%")
            row[f"{scheme}: width"] = _number(figures["width"], ".3f")
        rows.append(row)
    return markdown_table(rows, right=set(rows[0]) - {"benchmark"}) if rows else ""


def _verdict_words(verdicts: pd.DataFrame, registered: Entry) -> str:
    """Whether the verdict `inside` is the better answer, per scheme."""
    if verdicts.empty:
        return f"No forecast of {registered.title} came with a verdict."
    said = ["Whether a question lies inside what the training models show is said with every answer."]
    inside = VERDICTS[0]
    for scheme in dict.fromkeys(verdicts["scheme"]):
        by_support = verdicts[verdicts["scheme"] == scheme].set_index("support")
        errors = by_support["mae"]
        figures = ", ".join(
            f"{verdict} {row['mae']:.3f} ({_number(row['coverage'], '.0%')} covered)"
            for verdict, row in by_support.iterrows()
        )
        sentence = f"On {LABELS[scheme]}, mean absolute error by verdict: {figures}"
        if inside in errors and len(errors) > 1:
            smallest = bool((errors.drop(inside) > errors[inside]).all())
            sentence += f"; `{inside}` has {'the smallest error' if smallest else 'not the smallest error'}"
        said.append(f"{sentence}.")
    return " ".join(said)


def _verdict_table(verdicts: pd.DataFrame) -> str:
    rows = [
        {
            "held out": LABELS[row["scheme"]],
            "verdict": row["support"],
            "forecasts": row["n"],
            "MAE": f"{row['mae']:.3f}",
            "/ scale only": _number(row["ratio_scale_only"], ".2f"),
            "coverage": _number(row["coverage"], ".1%"),
            "width": _number(row["width"], ".3f"),
            "interval score": _number(row["interval_score"], ".3f"),
        }
        for _, row in verdicts.iterrows()
    ]
    return markdown_table(rows, right=set(rows[0]) - {"held out", "verdict"}) if rows else ""


def _number(value: float, form: str) -> str:
    """`value` in the format `form`; a dash where it is NaN."""
    return UNKNOWN if pd.isna(value) else format(value, form)


def _headed(words: str) -> str:
    """`words` as a heading begins: with a capital, the rest as it is."""
    return words[:1].upper() + words[1:]
