"""Figures of errors, predictions and explanations. Each function returns a matplotlib figure and draws one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.catalogue import MEDIAN, Entry

if TYPE_CHECKING:
    from foretell.stats import Interval

Array = NDArray[np.float64]
BLUE, ORANGE, GREY, GREEN, RED = "#2b6cb0", "#dd6b20", "#a0aec0", "#2f855a", "#c53030"
PALETTE = (GREY, "#718096", ORANGE, "#90cdf4", BLUE, GREEN, "#805ad5", RED)
LOG_FEATURES = {"total_params": "log total_params", "tokens_billions": "log tokens_billions"}


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def error_by_benchmark(table: Mapping[str, Mapping[Entry, Interval]], groups: Mapping[str, str]) -> Figure:
    """Mean MAE relative to the median predictor, one row of dots per benchmark (`table`: its title -> predictor ->
    interval), in two columns of whole groups (`groups`: title -> group). Left is better; 1 is the median."""
    columns = _balanced_columns([groups[title] for title in table])
    tallest = max(sum(1 + sum(groups[title] == group for title in table) for group in column) for column in columns)
    size = (6.6 * len(columns), 0.47 * tallest + 1.5)
    figure, axes = plt.subplots(1, len(columns), figsize=size, layout="constrained", squeeze=False, sharex=True)
    for axis, column in zip(axes[0], columns, strict=True):
        axis.spines[["top", "right"]].set_visible(False)
        names: list[str] = []
        for group in column:
            names.append(group)
            for title in [title for title in table if groups[title] == group]:
                _error_row(axis, len(names), table[title])
                names.append(title)
        axis.set_yticks(range(len(names)), names)
        for label, name in zip(axis.get_yticklabels(), names, strict=True):
            label.set_fontweight("bold" if name in column else "normal")
        axis.tick_params(axis="y", length=0)
        axis.set_ylim(tallest - 0.5, -0.5)
    figure.supxlabel(
        "mean absolute error / error of the median (nested cross-validation, bar: 95 % interval over seeds)",
        fontsize="medium",
    )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return figure


def _error_row(axis: Axes, row: int, intervals: Mapping[Entry, Interval]) -> None:
    """One benchmark's dots; each predictor has its own line, so that no dot hides another."""
    base = intervals[MEDIAN].estimate
    axis.axhspan(row - 0.44, row + 0.44, color="#edf2f7", lw=0, zorder=0)
    offsets = np.linspace(-0.34, 0.34, len(intervals))
    for (predictor, interval), colour, offset in zip(intervals.items(), PALETTE, offsets, strict=False):
        label = predictor.title if row == 1 else None
        axis.plot(interval.estimate / base, row + offset, "o", color=colour, ms=3.5, label=label)
        axis.plot([interval.low / base, interval.high / base], [row + offset] * 2, color=colour, lw=1.5)


def _balanced_columns(groups: Sequence[str]) -> list[list[str]]:
    """The groups in their order, cut in two where the halves have the most equal number of rows; one column for one."""
    names = list(dict.fromkeys(groups))
    if len(names) == 1:
        return [names]

    def tallest(cut: int) -> int:
        return max(sum(1 + groups.count(name) for name in half) for half in (names[:cut], names[cut:]))

    best = min(range(1, len(names)), key=tallest)
    return [names[:best], names[best:]]


def predicted_against_actual(predictions: pd.DataFrame, title: str) -> Figure:
    """Out-of-fold predictions against actual scores: a dot per model (mean over seeds), a bar from lowest to highest.
    `predictions` has columns model_id, actual, predicted."""
    per_model = predictions.groupby("model_id").agg(
        actual=("actual", "first"), mean=("predicted", "mean"), low=("predicted", "min"), high=("predicted", "max")
    )
    figure, axes = _axes(5.6, 5.2)
    low = min(per_model["actual"].min(), per_model["low"].min())
    high = max(per_model["actual"].max(), per_model["high"].max())
    axes.plot([low, high], [low, high], color=GREY, lw=1)
    axes.vlines(per_model["actual"], per_model["low"], per_model["high"], color=BLUE, alpha=0.25, lw=1)
    axes.plot(per_model["actual"], per_model["mean"], "o", color=BLUE, ms=4)
    axes.set(
        xlabel="actual score (line: prediction equal to it)",
        ylabel="predicted when held out (bar: range over seeds)",
        title=title,
    )
    return figure


def seed_distribution(per_seed: Mapping[str, Array], title: str) -> Figure:
    """Histogram of the MAE over seeds for one or more predictors (name -> errors [seeds])."""
    figure, axes = _axes(6, 3.4)
    everything = np.concatenate(list(per_seed.values()))
    bins = np.linspace(everything.min(), everything.max() + 1e-12, 26).tolist()
    for (name, values), colour in zip(per_seed.items(), (BLUE, ORANGE, GREEN), strict=False):
        axes.hist(values, bins=bins, color=colour, alpha=0.65, label=f"{name}: mean {values.mean():.4f}")
    axes.set(xlabel="mean absolute error of a seed", ylabel="seeds", title=title)
    figure.legend(loc="outside lower center", frameon=False)
    return figure


def bar(importance: pd.DataFrame, title: str, most: int = 15) -> Figure:
    """Mean |SHAP| per feature, most important on top (columns feature, mean_abs_shap)."""
    top = importance.head(most).iloc[::-1]
    figure, axes = _axes(6.4, 0.32 * len(top) + 1.4)
    axes.barh([LOG_FEATURES.get(name, name) for name in top["feature"]], top["mean_abs_shap"], color=BLUE)
    axes.set(xlabel="mean |SHAP| on held-out rows (score units)", title=title)
    return figure


def beeswarm(shap_values: pd.DataFrame, values: pd.DataFrame, title: str, most: int = 15) -> Figure:
    """SHAP beeswarm: a dot per model and feature; colour is the feature's value (grey = unknown). Both tables are
    [models, features], means over seeds and folds."""
    import shap

    names = [LOG_FEATURES.get(str(name), str(name)) for name in shap_values.columns]
    explanation = shap.Explanation(shap_values.to_numpy(), data=values.to_numpy(), feature_names=names)
    plt.close("all")
    height = 0.36 * min(len(names), most) + 1.8
    state = np.random.get_state()  # noqa: NPY002 - shap jitters with the global generator
    np.random.seed(0)  # noqa: NPY002 - so that equal values make equal pictures
    try:
        shap.plots.beeswarm(explanation, max_display=most, show=False, plot_size=(7.5, height))
    finally:
        np.random.set_state(state)  # noqa: NPY002
    figure = plt.gcf()
    figure.axes[0].set_title(title)
    figure.axes[0].xaxis.set_major_locator(MaxNLocator(6))
    figure.axes[0].set_xlabel("SHAP value on held-out rows (score units); grey: value unknown")
    figure.tight_layout()
    return figure


def dependence(shap_values: pd.DataFrame, feature: str, title: str, band: Sequence[float] = (15, 25)) -> Figure:
    """SHAP of one percentage feature against its value, a dot per model (mean over seeds), with the paper's 15-25 %
    band for code; models whose value is unknown are drawn at the left as grey crosses."""
    of_feature = shap_values[shap_values["feature"] == feature]
    per_model = of_feature.groupby("model_id").agg(value=("value", "first"), shap=("shap", "mean"))
    known, unknown = per_model.dropna(), per_model[per_model["value"].isna()]
    figure, axes = _axes(6.4, 3.8)
    if feature == "pct_code":
        axes.axvspan(*band, color=ORANGE, alpha=0.12, label=f"{band[0]:g}-{band[1]:g} %")
    axes.axhline(0, color=GREY, lw=1)
    axes.plot(known["value"], known["shap"], "o", color=BLUE, ms=4.5, alpha=0.8, label=f"{len(known)} models")
    if len(unknown):
        at = np.full(len(unknown), -5.0)
        axes.plot(at, unknown["shap"], "x", color=GREY, ms=4.5, label=f"{len(unknown)} unknown")
    axes.set(xlabel=f"{feature} (percent of pretraining tokens)", ylabel="SHAP (score units)", title=title)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
