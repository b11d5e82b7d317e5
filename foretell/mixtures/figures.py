"""Figures of the mixture study: drawn from its tables, without a display, and with equal bytes for equal tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

DISTANCES = {"kl": "KL divergence (nats)", "tv": "total variation", "euclidean": "Euclidean distance"}
TRANSFER_COLOURS = ("#00798c", "#7fbcc7", "#d1495b", "#edae49")
COLOURS = {"linear": "#8c8c8c", "exponential": "#d1495b", "lightgbm": "#00798c"}


def held_out_figure(held_out: pd.DataFrame) -> Figure:
    """Rank correlation on held-out mixtures by domain and predictor, with intervals."""
    figure = Figure(figsize=(8.5, 6), layout="constrained")
    axes = figure.subplots()
    losses = list(dict.fromkeys(held_out["loss"]))
    for offset, (name, rows) in zip((-0.22, 0.0, 0.22), held_out.groupby("predictor", sort=True), strict=False):
        rows = rows.set_index("loss").loc[losses]
        at = np.arange(len(losses)) + offset
        ends = [rows["spearman"] - rows["spearman_low"], rows["spearman_high"] - rows["spearman"]]
        axes.errorbar(
            rows["spearman"], at, xerr=np.maximum(ends, 0.0), fmt="o", ms=5, capsize=2, color=COLOURS[str(name)],
            label=str(name),
        )  # fmt: skip
    axes.set_yticks(np.arange(len(losses)), losses)
    axes.invert_yaxis()
    axes.set_xlabel("Spearman correlation of predicted and measured loss, held-out mixtures (95 % interval)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def transfer_figure(transfer: pd.DataFrame, predictor: str) -> Figure:
    """Rank correlation of what the small scale says and losses at larger scales, by domain: its own losses of the same
    mixtures where there are some, and the `predictor` fitted to it."""
    figure = Figure(figsize=(8.5, 6), layout="constrained")
    axes = figure.subplots()
    losses = list(dict.fromkeys(transfer["loss"]))
    shown = transfer[transfer["ranked_by"].isin(["measured", predictor])]
    groups = [(float(str(params)), str(by), rows) for (params, by), rows in shown.groupby(["params_to", "ranked_by"])]
    offsets = np.linspace(-0.25, 0.25, max(len(groups), 2))
    for (params, by, rows), offset, colour in zip(groups, offsets, TRANSFER_COLOURS, strict=False):
        rows = rows.set_index("loss").loc[losses]
        ends = [rows["spearman"] - rows["spearman_low"], rows["spearman_high"] - rows["spearman"]]
        how = "losses of the same mixtures" if by == "measured" else by
        axes.errorbar(
            rows["spearman"], np.arange(len(losses)) + offset, xerr=np.maximum(ends, 0.0), fmt="o", ms=4, capsize=2,
            color=colour, label=f"{how} at {transfer['params_from'].iloc[0]:,.0f} parameters, held against "
            f"{params:,.0f} ({rows['n_mixtures'].iloc[0]} mixtures)",
        )  # fmt: skip
    axes.set_yticks(np.arange(len(losses)), losses)
    axes.invert_yaxis()
    axes.set_xlabel("Spearman correlation with losses measured at the larger scale (95 % interval)")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=1, frameon=False)
    return figure


def mixture_figure(best: pd.DataFrame) -> Figure:
    """Natural mix, the cap by repetition, and each predictor's best mixture with its spread over refits."""
    figure = Figure(figsize=(8.5, 7.5), layout="constrained")
    axes = figure.subplots()
    first = best[best["predictor"] == best["predictor"].iloc[0]].sort_values("natural", ascending=False)
    domains = first["domain"].tolist()
    at = np.arange(len(domains))
    axes.barh(at, 100 * first["natural"], height=0.85, color="#dddddd", label="natural mix")
    axes.plot(100 * np.minimum(first["most_by_repetition"], 1), at, "|", ms=14, color="black", label="repetition cap")
    for offset, (name, rows) in zip((-0.25, 0.0, 0.25), best.groupby("predictor", sort=True), strict=False):
        rows = rows.set_index("domain").loc[domains]
        ends = [rows["weight"] - rows["weight_low"], rows["weight_high"] - rows["weight"]]
        axes.errorbar(
            100 * rows["weight"], at + offset, xerr=100 * np.maximum(ends, 0.0), fmt="o", ms=4, capsize=2,
            color=COLOURS[str(name)], label=f"best by {name}",
        )  # fmt: skip
    most = 100 * max(float(best["weight_high"].max()), float(best["weight"].max()), float(best["natural"].max()))
    axes.set_xlim(-0.5, 1.1 * most)
    axes.set_yticks(at, domains)
    axes.invert_yaxis()
    axes.set_xlabel("share of training tokens (percent); bars: spread over refits")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def frontier_figure(frontier: pd.DataFrame, kind: str) -> Figure:
    """Predicted gain over the natural mix against the distance allowed from it, by the law and by the trees."""
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in ("exponential", "lightgbm"):
        if f"gain_{name}_nats" not in frontier:  # LightGBM could not be used
            continue
        axes.plot(
            frontier["distance"], frontier[f"gain_{name}_nats"], "o-", color=COLOURS[name], label=f"judged by {name}"
        )
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel(f"{DISTANCES[kind]} of the mixture from the natural mix")
    axes.set_ylabel("predicted gain (nats)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, title="mixtures chosen by the exponential law")
    return figure
