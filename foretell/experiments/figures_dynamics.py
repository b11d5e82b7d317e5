"""Figures of the learning dynamics: one per experiment, from the recorded metrics, without a display, and with equal
bytes for equal tables. Thin lines are seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foretell.experiments.dynamics import LEARNED, curves_of, skill_losses
from foretell.trajectories.learning import composed_accuracy

COLOURS = ("#00798c", "#d1495b", "#edae49", "#30638e", "#7a5195", "#6a994e")
N_SHOWN = 14  # skills drawn one by one
FORMATS = {"plain": "plain", "reversed": "reversed", "scratchpad": "scratchpad"}
ORDERS = {"ordered": "1, 2, 3 in order", "mixed": "mixed", "alone": "3 alone"}
LAYOUTS = {"one_by_one": "numbers shown one by one", "all_first": "all numbers shown first"}


def dynamics_figures(metrics: pd.DataFrame, learning: pd.DataFrame) -> dict[str, Figure]:
    """Name -> figure, one per experiment. `metrics`: the recorded metrics; `learning`: the table of
    `dynamics.study_dynamics`."""
    return {
        "grokking": grokking_figure(curves_of(metrics, "grokking")),
        "format": format_figure(curves_of(metrics, "format"), learning),
        "curriculum": curriculum_figure(curves_of(metrics, "curriculum")),
        "quanta": quanta_figure(curves_of(metrics, "quanta")),
        "steps": steps_figure(curves_of(metrics, "steps")),
    }


def grokking_figure(curves: pd.DataFrame) -> Figure:
    """Training (dashed) and test accuracy over steps: a panel for the weight decays and one for the learning rates."""
    cells = curves["setting"].str.extract(r"lr=(?P<rate>[^,]+),wd=(?P<decay>.+)").astype(float)
    table = curves.assign(**cells)
    base_rate, base_decay = (cells.drop_duplicates()[name].mode().max() for name in ("rate", "decay"))
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    parts = (
        (panels[0], "decay", table[table["rate"] == base_rate], f"weight decay (learning rate {base_rate:g})"),
        (panels[1], "rate", table[table["decay"] == base_decay], f"learning rate (weight decay {base_decay:g})"),
    )
    for axes, column, rows, title in parts:
        for colour, (value, cell) in zip(COLOURS, rows.groupby(column, sort=True), strict=False):
            for _, run in cell.groupby("seed"):
                axes.plot(run["step"], run["train_accuracy"], "--", color=colour, lw=0.8, alpha=0.5)
                axes.plot(run["step"], run["test_accuracy"], color=colour, lw=1.3)
            axes.plot([], [], color=colour, label=f"{value:g}")
        axes.set_title(title, fontsize=10)
        _accuracy_axes(axes, "steps")
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    panels[0].set_ylabel("accuracy")
    figure.legend(
        handles=[Line2D([], [], color="black", ls="--", lw=0.8, label="training pairs"),
                 Line2D([], [], color="black", lw=1.3, label="test pairs")],
        loc="outside upper center", ncols=2, frameon=False,
    )  # fmt: skip
    return figure


def _accuracy_axes(axes: Axes, unit: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(unit)
    axes.set_ylim(-0.03, 1.03)
    axes.axhline(LEARNED, color="#999999", lw=0.8, ls=":")
    axes.grid(alpha=0.3)


def _runs(axes: Axes, curves: pd.DataFrame, metric: str, names: dict[str, str]) -> None:
    """One line per seed of `metric` over tokens, a colour and a label per setting."""
    for colour, (setting, label) in zip(COLOURS, names.items(), strict=False):
        for _, run in curves[curves["setting"] == setting].groupby("seed"):
            axes.plot(run["tokens"], run[metric], color=colour, lw=1.2)
        axes.plot([], [], color=colour, label=label)


def format_figure(curves: pd.DataFrame, learning: pd.DataFrame) -> Figure:
    """Share of exact sums over tokens (left), and problems and tokens to 90 % (right; a run that did not get there has
    no point)."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _runs(left, curves, "exact_accuracy", FORMATS)
    _accuracy_axes(left, "training tokens")
    left.set_ylabel("exact sums")
    left.legend(frameon=False, loc="upper left")
    rows = learning[learning["experiment"] == "format"]
    for unit, marker, fill, shift in (("problems", "o", True, -0.12), ("tokens", "s", False, 0.12)):
        for at, (colour, setting) in enumerate(zip(COLOURS, FORMATS, strict=False)):
            values = rows[rows["setting"] == setting][f"{unit}_to_90_percent"].to_numpy(float)
            right.plot(np.full(len(values), at + shift), values, marker, color=colour, ls="none", ms=6,
                       mfc=colour if fill else "white")  # fmt: skip
        right.plot([], [], marker, color="black", mfc="black" if fill else "white", label=unit)
    right.set_xticks(range(len(FORMATS)), list(FORMATS.values()))
    right.set_xlim(-0.5, len(FORMATS) - 0.5)
    if rows[["problems_to_90_percent", "tokens_to_90_percent"]].notna().any(axis=None):
        right.set_yscale("log")
    right.set_ylabel("to 90 % exact sums")
    right.grid(axis="y", alpha=0.3)
    right.legend(frameon=False, loc="best")
    return figure


def curriculum_figure(curves: pd.DataFrame) -> Figure:
    """Accuracy on each skill over tokens, a panel per skill."""
    figure = Figure(figsize=(11, 4.0), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for skill, axes in enumerate(panels, start=1):
        _runs(axes, curves, f"accuracy_skill_{skill}", ORDERS)
        _accuracy_axes(axes, "training tokens")
        axes.set_title(f"skill {skill}: addition of {('one', 'two', 'three')[skill - 1]}-digit numbers", fontsize=10)
    panels[0].set_ylabel("exact sums")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def quanta_figure(curves: pd.DataFrame) -> Figure:
    """Loss of some skills of one run, equally far apart in log rank (left), and the mean loss of every run with
    logarithmic axes (right)."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    seed = curves["seed"].min()
    run = curves[curves["seed"] == seed]
    losses = skill_losses(run)
    shown = np.unique(np.rint(np.geomspace(1, losses.shape[1], N_SHOWN)).astype(int)) - 1
    for i, loss in enumerate(losses.T[shown]):
        part = i / max(1, len(shown) - 1)
        left.plot(run["tokens"], loss, lw=0.9, color=(0.1 + 0.75 * part, 0.45 + 0.3 * part, 0.55 + 0.3 * part))
    left.plot(run["tokens"], run["mean_loss_nats"], color="#d1495b", lw=2.2, label="mean, weighted by frequency")
    left.plot([], [], color=(0.1, 0.45, 0.55), lw=0.9, label=f"{len(shown)} of {losses.shape[1]} skills (paler: rarer)")
    left.set_xscale("log")
    left.set_ylabel("loss (nats)")
    left.set_ylim(-0.03 * losses[0].max(), 1.45 * losses[0].max())  # room for the legend
    left.set_title(f"seed {seed}", fontsize=10)
    left.legend(frameon=False, fontsize=9, loc="upper left")
    for colour, (number, one) in zip(COLOURS, curves.groupby("seed"), strict=False):
        right.plot(one["tokens"], one["mean_loss_nats"], color=colour, lw=1.4, label=f"seed {number}")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_ylabel("mean loss (nats)")
    right.set_title("mean loss of every run", fontsize=10)
    right.legend(frameon=False, fontsize=9, loc="lower left")
    for axes in (left, right):
        axes.set_xlabel("training tokens")
        axes.grid(alpha=0.3, which="both" if axes is right else "major")
    return figure


def steps_figure(curves: pd.DataFrame) -> Figure:
    """Accuracy of chains against that of the single step, with the curves p^k, a panel per layout."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = sorted((c for c in curves.columns if c.startswith("accuracy_k")), key=lambda c: int(c[10:]))[1:]
    p = np.linspace(0, 1, 101)
    for axes, (layout, title) in zip(panels, LAYOUTS.items(), strict=True):
        rows = curves[curves["setting"] == layout]
        for colour, name in zip(COLOURS, names, strict=False):
            k = int(name.removeprefix("accuracy_k"))
            axes.plot(p, composed_accuracy(p, k), color=colour, lw=1)
            axes.plot(rows["accuracy_k1"], rows[name], "o", color=colour, ms=3.5, alpha=0.7, label=f"{k} steps")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("accuracy of a single step, p")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    panels[0].set_ylabel("accuracy of the chain (line: p^k)")
    return figure
