"""Figures of the runs that differ in their share of code: drawn from the tables of `shares` and `best_share`, without a
display, and with equal bytes for equal tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foretell.experiments.shares import CODE, NATURAL_LANGUAGE

COLOURS = {CODE: "#d1495b", NATURAL_LANGUAGE: "#222222"}
OTHERS = ("#00798c", "#edae49", "#7a5195", "#6a994e", "#30638e")
SHARE = "share of code in the training tokens (percent)"


def share_figure(table: pd.DataFrame, effects: pd.DataFrame) -> Figure:
    """Loss of every domain against the share of code (left, from `loss_table`) and what 10 more points of code change
    between two neighbouring shares (right, from `effect_table`), with intervals over seeds."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    domains = sorted(table["domain"].unique())
    others = [domain for domain in domains if domain not in COLOURS]
    colours = COLOURS | dict(zip(others, OTHERS, strict=False))
    for place, domain in enumerate(domains):
        rows = table[table["domain"] == domain]
        shown = {"color": colours[domain], "lw": 2.0 if domain == NATURAL_LANGUAGE else 1.2, "ms": 4}
        _bars(left, rows["share"], rows["loss"], rows, shown | {"label": domain})
        part = effects[effects["domain"] == domain]
        middle = (part["share_from"] + part["share_to"]) / 2 + 0.9 * (place - (len(domains) - 1) / 2)
        _bars(right, middle, part["effect"], part, shown | {"lw": 0.8})
    for axes in (left, right):
        axes.set_xlabel(SHARE)
        axes.set_xlim(-3, 103)
        axes.grid(alpha=0.3)
    left.set_ylabel("held-out loss (bits per byte)")
    right.set_ylabel("change of the loss per 10 points more (bits per byte)")
    right.axhline(0, color="black", lw=0.8)
    right.set_yscale("symlog", linthresh=0.02)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(domains), frameon=False)
    return figure


def best_share_figure(best: pd.DataFrame) -> Figure:
    """The best share of code against the weight of code's loss, from `best_share_table` with weightings whose names
    are that weight in percent; a ringed mark is an end of the shares that were run."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    rows = best.assign(weight=best["weighting"].astype(float)).sort_values("weight")
    rows = rows[rows["share"].notna()]
    shown = {"color": COLOURS[CODE], "lw": 1.2, "ms": 5}
    _bars(axes, rows["weight"], rows["share"], rows, shown)
    edge = rows[rows["at_edge"]]
    axes.plot(edge["weight"], edge["share"], "o", mfc="white", color=COLOURS[CODE], ms=7, label="end of the shares run")
    axes.set_xlabel("weight of code's loss, the rest on natural language (percent)")
    axes.set_ylabel("best share of code (percent)")
    axes.set_xlim(-3, 103)
    axes.set_ylim(-3, 103)
    axes.grid(alpha=0.3)
    if len(edge):
        axes.legend(frameon=False, loc="lower right")
    return figure


def _bars(axes: Axes, x: pd.Series, y: pd.Series, ends: pd.DataFrame, shown: dict[str, object]) -> None:
    reach = [np.maximum(y - ends["low"], 0), np.maximum(ends["high"] - y, 0)]
    axes.errorbar(x, y, yerr=reach, fmt="o-", capsize=2, **shown)  # type: ignore[arg-type]
