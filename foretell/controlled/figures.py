"""Figures of the controlled runs: drawn from the study's tables, without a display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

CODE_TASKS = (
    ("hellaswag", "HellaSwag"),
    ("arc_challenge", "ARC-Challenge"),
    ("winogrande", "WinoGrande"),
    ("piqa", "PIQA"),
    ("mean_without_babi", "mean of 18 tasks (all but bAbI)"),
    ("babi", "bAbI"),
)
WEB_TASKS = (("hellaswag", "HellaSwag"), ("lambada", "LAMBADA"), ("arc_challenge", "ARC-Challenge"))
COLOURS = ("#00798c", "#edae49", "#d1495b")
NORMAL = 1.96  # half width of a 95 % interval in standard errors


def code_share_figure(points: pd.DataFrame) -> Figure:
    """Score against the share of code: one panel per task, one line per size and natural-language corpus, with 95 %
    bands; `points` is the study's table of that name."""
    shown = points[points["share"] == "pct_code"]
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True)
    for axis, (task, title) in zip(axes.flat, CODE_TASKS, strict=True):
        groups = shown[shown["task"] == task].groupby(["total_params", "replaced"], sort=True)
        for colour, ((params, replaced), rows) in zip(COLOURS, groups, strict=False):
            label = f"{float(str(params)) / 1e9:g}B on {rows['tokens'].iloc[0] / 1e9:g}B tokens, beside {replaced}"
            axis.plot(rows["percent"], rows["score"], "o-", ms=3.5, color=colour, label=label)
            half = NORMAL * rows["stderr"].fillna(0.0)
            axis.fill_between(rows["percent"], rows["score"] - half, rows["score"] + half, color=colour, alpha=0.18)
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    for axis in axes[1]:
        axis.set_xlabel("Python in the training tokens (%)")
    for axis in axes[:, 0]:
        axis.set_ylabel("rescaled score (0 = chance)")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def web_figure(whole: pd.DataFrame) -> Figure:
    """The effect of more web text over the range that each experiment measured, with 95 % intervals: one panel per
    benchmark, one row per experiment; `whole` is the study's table `web_range`."""
    shown = whole[whole["metric"].isin(["accuracy", "mean over 0 to 5 examples"])]
    shown = shown[~shown["task"].str.endswith("zeroshot")]
    shown = shown.assign(row=[_row(row) for row in shown.to_dict("records")])
    wanted = shown[shown["benchmark"].isin([name for name, _ in WEB_TASKS])]
    order = wanted.sort_values(["study", "replaced", "total_params"])["row"].drop_duplicates().tolist()
    figure = Figure(figsize=(12, 1.2 + 0.26 * len(order)), layout="constrained")
    axes = figure.subplots(1, len(WEB_TASKS), sharey=True)
    for axis, (benchmark, title) in zip(axes, WEB_TASKS, strict=True):
        rows = wanted[wanted["benchmark"] == benchmark].groupby("row")[["effect", "low", "high"]].mean().reindex(order)
        at = np.arange(len(order))
        ends = [rows["effect"] - rows["low"], rows["high"] - rows["effect"]]
        colours = [_colour(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)]
        axis.errorbar(
            rows["effect"], at, xerr=np.maximum(np.nan_to_num(ends), 0), fmt="none", capsize=2, color="#999999"
        )
        axis.scatter(rows["effect"], at, s=22, c=colours, zorder=3)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("points, more minus less web")
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(np.arange(len(order)), order, fontsize=7.5)
    axes[0].invert_yaxis()
    return figure


def _row(row: Mapping[Any, Any]) -> str:
    shares = f"{float(str(row['share_from'])):.0f} to {float(str(row['share_to'])):.0f} %"
    return f"{str(row['replaced']).partition(' [')[0]}, {float(str(row['total_params'])) / 1e9:.2g}B, {shares}"


def _colour(low: float, high: float) -> str:
    if not low * high > 0:
        return "#8c8c8c"
    return COLOURS[0] if low > 0 else COLOURS[2]
