"""Figures of the trajectory study: drawn from its tables, without a display, and with equal bytes for equal tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

TREND_COLOURS = {"stagnated": "#bbbbbb", "upward": "#d1495b", "downward": "#00798c"}


def _millions(value: float) -> str:
    return f"{value / 1e9:.3g}B" if value >= 0.9995e9 else f"{value / 1e6:.0f}M"


def trend_shares_figure(shares: pd.DataFrame, stages: pd.DataFrame) -> Figure:
    """Shares of trend classes by size (left, corrected over items) and by stage of training (right, uncorrected), with
    the stagnated share that a constant slope would show."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = shares[(shares["items"] == "all") & (shares["stderr"] == "ols")].sort_values("non_embedding_params")
    stack_trends(left, rows)
    left.set_xticks(np.arange(len(rows)), [_millions(n) for n in rows["non_embedding_params"]])
    left.set_xlabel("parameters without embeddings")
    left.set_ylabel("share of items")
    left.set_title("whole training after the skipped part", fontsize=10)
    means = stages.groupby(["start", "end"], sort=True)[["stagnated", "upward", "downward",
                                                         "stagnated_if_slope_constant"]].mean()  # fmt: skip
    stack_trends(right, means)
    at = np.arange(len(means))
    right.hlines(means["stagnated_if_slope_constant"], at - 0.35, at + 0.35, color="black", lw=2,
                 label="stagnated, were each slope constant in log step")  # fmt: skip
    right.set_xticks(np.arange(len(means)), [f"{a:.0%}-{b:.0%}" for a, b in means.index])
    right.set_xlabel("stage of training (mean over models)")
    right.set_title("within a stage", fontsize=10)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def stack_trends(axes, rows: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    """One stacked bar per row of `rows`, whose columns are the shares (0-1) of the trend classes."""
    bottom = np.zeros(len(rows))
    for trend, colour in TREND_COLOURS.items():
        axes.bar(np.arange(len(rows)), rows[trend], bottom=bottom, color=colour, label=trend, width=0.7)
        bottom = bottom + rows[trend].to_numpy()


def overlap_figure(overlap: pd.DataFrame) -> Figure:
    """Jaccard overlap of the stagnated sets of every two sizes, against chance."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(overlap))
    labels = [f"{a.removeprefix('gemstone-')} / {b.removeprefix('gemstone-')}"
              for a, b in zip(overlap["small"], overlap["large"], strict=True)]  # fmt: skip
    axes.hlines(at, overlap["jaccard_by_chance"], overlap["jaccard"], color="#999999")
    axes.plot(overlap["jaccard_by_chance"], at, "o", mfc="white", color="#555555", label="by chance")
    axes.plot(overlap["jaccard"], at, "o", color="#00798c", label="measured")
    axes.set_yticks(at, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("Jaccard overlap of stagnated items, smaller / larger model (width x depth)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def scores_figure(mean_scores: pd.DataFrame) -> Figure:
    """Mean zero-shot accuracy of every checkpoint against perplexity and against compute, coloured by size."""
    suites = sorted(mean_scores["suite"].unique())
    names = {"opt": "validation perplexity", "pythia": "LAMBADA perplexity"}
    figure = Figure(figsize=(10, 4.3 * len(suites)), layout="constrained")
    grid = figure.subplots(len(suites), 2, squeeze=False, sharey="row")
    for row, suite in zip(grid, suites, strict=True):
        part = mean_scores[mean_scores["suite"] == suite]
        part = part[part["n_benchmarks"] == part["n_benchmarks"].max()]
        sizes = sorted(part["total_params"].unique())
        shades = np.linspace(0.15, 1.0, len(sizes))
        for shade, size in zip(shades, sizes, strict=True):
            one = part[part["total_params"] == size]
            colour = (0.0, 0.25 + 0.3 * (1 - shade), 0.35 + 0.3 * (1 - shade), 0.25 + 0.75 * shade)
            style = {"color": colour, "ls": "none", "marker": "o", "ms": 4, "label": _millions(size)}
            row[0].plot(one["perplexity"], one["mean_score"], **style)
            row[1].plot(6.0 * one["total_params"] * one["tokens"], one["mean_score"], **style)
        row[0].set_xscale("log")
        row[0].invert_xaxis()
        row[0].xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        low, high = part["perplexity"].min(), part["perplexity"].max()
        if high < 100 * low:  # less than two decades: label the steps within a decade too
            row[0].set_xticks([v for v in (10, 15, 20, 30, 40, 50, 60, 80) if low <= v <= high])
        row[0].xaxis.set_minor_formatter(FuncFormatter(lambda v, _: ""))
        row[0].set_xlabel(f"{names.get(suite, 'perplexity')} (falling)")
        row[1].set_xscale("log")
        row[1].set_xlabel("training compute 6 N D (FLOPs)")
        row[0].set_ylabel(f"{suite}: mean zero-shot accuracy")
        row[1].legend(title="parameters", fontsize=8, loc="upper left", frameon=False, ncols=2)
        for axes in row:
            axes.grid(alpha=0.3)
    return figure


def learning_figure(learning: pd.DataFrame) -> Figure:
    """Tokens to half of the way from chance to each model's final accuracy, by size, one panel a benchmark."""
    rows = learning[learning["tokens_to_acquire"].notna()]
    benchmarks = sorted(rows["benchmark"].unique())
    columns = 4
    height = -(-len(benchmarks) // columns)
    figure = Figure(figsize=(11, 3.0 * height), layout="constrained")
    grid = figure.subplots(height, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, benchmark in zip(grid, benchmarks, strict=False):
        one = rows[rows["benchmark"] == benchmark].sort_values("total_params")
        tokens = one["tokens_to_acquire"]
        ends = [tokens - one["tokens_to_acquire_low"], one["tokens_to_acquire_high"] - tokens]
        axes.errorbar(one["total_params"], tokens / 1e9, yerr=np.maximum(ends, 0) / 1e9, fmt="o", ms=4, capsize=2,
                      color="#00798c")  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(benchmark, fontsize=10)
        axes.grid(alpha=0.3)
    for axes in grid[len(benchmarks) :]:
        axes.set_axis_off()
    figure.supxlabel("parameters", fontsize=10)
    figure.supylabel("tokens to acquire (billions, 95 % interval)", fontsize=10)
    return figure


def steering_figure(steering: pd.DataFrame) -> Figure:
    """How often one checkpoint of each of two models orders them rightly, by benchmark."""
    rows = steering.sort_values("pair_agreement")
    figure = Figure(figsize=(8, 0.32 * len(rows) + 1.4), layout="constrained")
    axes = figure.subplots()
    colours = np.where(rows["too_noisy"], "#d1495b", "#00798c")
    at = np.arange(len(rows))
    axes.barh(at, rows["pair_agreement"], color=colours)
    axes.set_yticks(at, [f"{b} ({s})" for b, s in zip(rows["benchmark"], rows["suite"], strict=True)])
    for y, value, ratio in zip(at, rows["pair_agreement"], rows["signal_to_noise"], strict=True):
        axes.text(float(value) + 0.005, float(y), f"{ratio:.0f}", va="center", fontsize=8)
    axes.set_xlim(0.5, 1.05)
    axes.set_xlabel("share of pairs that one checkpoint each orders rightly\n(number: signal / noise, red: noisy)")
    return figure


def curves_figure(curves: pd.DataFrame) -> Figure:
    """C4 loss over tokens of each size's longest run; the area under a curve is the code length of those tokens."""
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.subplots()
    last = curves.groupby(["params", "run"], sort=True)["tokens"].max().reset_index()
    longest = last.sort_values(["params", "tokens"]).drop_duplicates("params", keep="last")["run"]
    for run in longest:
        one = curves[curves["run"] == run].sort_values("tokens")
        axes.plot(one["tokens"] / 1e9, one["loss_nats"], lw=1.2, label=run)
    axes.set_xscale("log")
    axes.set_xlabel("training tokens (billions)")
    axes.set_ylabel("C4 validation loss (nats per token)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
