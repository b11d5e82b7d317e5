"""Figures of the token study: drawn from its tables, without a display, and with equal bytes for equal tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foretell.experiments.tokens import CODE, LANGUAGE
from foretell.trajectories.figures import TREND_COLOURS, stack_trends

KIND_TITLES = {
    "held_out": "held-out text",
    "true_statements": "true statements",
    "false_statements": "false statements",
    "shuffled_words": "shuffled words",
    "random_tokens": "random tokens",
    "small_over_large": "texts that the smallest model\nprefers to the largest",
}


def _size(parameters: float) -> str:
    return f"{parameters / 1e6:.2g}M"


def token_shares_figure(shares: pd.DataFrame, stages: pd.DataFrame) -> Figure:
    """Shares of trend classes of tokens by size (left, corrected over tokens) and by stage of training (right,
    uncorrected), means over runs, with the stagnated share that a constant slope would show."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = shares[(shares["items"] == "all") & (shares["stderr"] == "ols")]
    trends = list(TREND_COLOURS)
    by_size = rows.groupby("parameters", sort=True)[trends].mean()
    stack_trends(left, by_size)
    left.set_xticks(np.arange(len(by_size)), [_size(n) for n in by_size.index])
    left.set_xlabel("parameters")
    left.set_ylabel("share of tokens")
    left.set_title("whole training after the skipped part", fontsize=10)
    means = stages.groupby(["start", "end"], sort=True)[[*trends, "stagnated_if_slope_constant"]].mean()
    stack_trends(right, means)
    at = np.arange(len(means))
    right.hlines(means["stagnated_if_slope_constant"], at - 0.35, at + 0.35, color="black", lw=2,
                 label="stagnated, were each slope constant in log step")  # fmt: skip
    right.set_xticks(at, [f"{a:.0%}-{b:.0%}" for a, b in means.index])
    right.set_xlabel("stage of training (mean over runs)")
    right.set_title("within a stage", fontsize=10)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def stagnated_classes_figure(classes: pd.DataFrame) -> Figure:
    """Which tokens stagnate: each word class's share among stagnated tokens minus its share among all tokens of its
    domain, with intervals, by size; runs of a size are drawn side by side."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    sizes = sorted(classes["parameters"].unique())
    for axes, domain in zip(panels, (LANGUAGE, CODE), strict=True):
        rows = classes[(classes["domain"] == domain) & ~classes["class"].str.contains(" and ")]
        names = list(dict.fromkeys(rows["class"]))
        models = list(dict.fromkeys(rows.sort_values(["parameters", "model"])["model"]))
        for number, model in enumerate(models):
            one = rows[rows["model"] == model].set_index("class").loc[names]
            at = np.arange(len(names)) + (number - (len(models) - 1) / 2) * 0.8 / len(models)
            ends = [one["difference"] - one["difference_low"], one["difference_high"] - one["difference"]]
            shade = 0.25 + 0.75 * sizes.index(one["parameters"].iloc[0]) / max(1, len(sizes) - 1)
            first = number == 0 or one["parameters"].iloc[0] != rows[rows["model"] == models[number - 1]][
                "parameters"].iloc[0]  # fmt: skip
            axes.errorbar(one["difference"], at, xerr=np.maximum(ends, 0), fmt="o", ms=3.5, lw=1,
                          color=(0.0, 0.47, 0.55, shade),
                          label=_size(one["parameters"].iloc[0]) if first else None)  # fmt: skip
        axes.axvline(0, color="black", lw=0.8)
        axes.set_yticks(np.arange(len(names)), [name.split(": ")[1] for name in names])
        axes.invert_yaxis()
        axes.xaxis.set_major_locator(MaxNLocator(6))  # more labels than this touch
        axes.set_title("natural language" if domain == LANGUAGE else "code", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
    figure.supxlabel(
        "share among stagnated tokens minus share among all tokens (95 % interval over texts)", fontsize=10
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=8, frameon=False, title="parameters")
    return figure


def token_overlap_figure(overlap: pd.DataFrame) -> Figure:
    """Jaccard overlap of the stagnated tokens of every two runs of one seed, and of two seeds of a size, against
    chance."""
    pair = overlap["small"].str.extract(r"seed (\d+)$")[0] == overlap["large"].str.extract(r"seed (\d+)$")[0]
    two_seeds = overlap["small_parameters"] == overlap["large_parameters"]
    rows = overlap[pair | two_seeds].assign(two_seeds=two_seeds)
    rows = rows.sort_values(["two_seeds", "small_parameters", "large_parameters"], kind="stable")
    figure = Figure(figsize=(8, 0.26 * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(rows))
    labels = [
        f"{_size(small)}, two seeds" if both else f"{_size(small)} / {_size(large)}, seed {name.rsplit(' ', 1)[-1]}"
        for small, large, both, name in zip(rows["small_parameters"], rows["large_parameters"], rows["two_seeds"],
                                            rows["small"], strict=True)
    ]  # fmt: skip
    axes.hlines(at, rows["jaccard_by_chance"], rows["jaccard"], color="#999999")
    axes.plot(rows["jaccard_by_chance"], at, "o", mfc="white", color="#555555", label="by chance")
    axes.plot(rows["jaccard"], at, "o", color="#00798c", label="measured")
    axes.set_yticks(at, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("Jaccard overlap of stagnated tokens, smaller / larger model")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def text_curves_figure(curves: pd.DataFrame) -> Figure:
    """Mean loss per token over training of every kind of text, by size: one line a run, one panel a kind."""
    kinds = [kind for kind in KIND_TITLES if kind in set(curves["kind"])]
    figure = Figure(figsize=(10.5, 3.0 * -(-len(kinds) // 3)), layout="constrained")
    grid = figure.subplots(-(-len(kinds) // 3), 3, squeeze=False, sharex=True).ravel()
    sizes = sorted(curves["parameters"].unique())
    for axes, kind in zip(grid, kinds, strict=False):
        part = curves[curves["kind"] == kind]
        for number, size in enumerate(sizes):
            shade = 0.25 + 0.75 * number / max(1, len(sizes) - 1)
            for seed, one in part[part["parameters"] == size].groupby("seed", sort=True):
                first = seed == part["seed"].min()
                axes.plot(one["step"], one["loss_nats"], lw=1.2, ls="-" if first else "--",
                          color=(0.0, 0.47, 0.55, shade), label=_size(size) if first else None)  # fmt: skip
        axes.set_title(KIND_TITLES[kind], fontsize=10)
        axes.grid(alpha=0.3)
    for axes in grid[len(kinds) :]:
        axes.set_axis_off()
    figure.supxlabel("optimiser step (dashed: other seeds)", fontsize=10)
    figure.supylabel("loss (nats per token)", fontsize=10)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=8, frameon=False, title="parameters")
    return figure
