"""Figures of the backtest: errors over cut-offs, and last year's models as they were forecast. Each function returns a
matplotlib figure, with equal bytes for equal tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from foretell.errors import DataError
from models.backtest.summary import ALL, overall
from models.catalogue import CATALOGUE, LOG_LINEAR, POWER_LAW, SCALE_ONLY, Entry
from models.report.backtest import PERCENT
from models.report.figures import BLUE, GREY, ORANGE, PALETTE
from models.schemes import Scheme

MOST_LINES = 8
REFERENCES = (SCALE_ONLY, LOG_LINEAR, POWER_LAW)
LAST_YEAR = 12  # months
NAME_LENGTH = 26  # characters of a model's name
NAMES_PER_PANEL = 20
NAME_SPACE = 0.7  # width of the space for names, as a share of the width of the scores


def error_over_cutoffs(table: pd.DataFrame, registered: Entry, schemes: Sequence[Scheme]) -> Figure:
    """Mean over benchmarks of the error relative to the trees on scale alone, at each cut-off, for the registered kind,
    the references and the predictors with the smallest errors on the first of `schemes` (eight lines at most); a panel
    for each of `schemes`. Below 1 is better. `table` as `models.backtest.summary.summary` gives it. Raises DataError
    where it has no row of a scheme."""
    for scheme in schemes:
        if not (table["scheme"] == scheme.value).any():
            raise DataError(f"backtest.csv: no row of the scheme {scheme}: the figure of errors has nothing to show")
    shown = _shown(table, schemes[0], registered)
    colours = dict(zip((e for e in shown if e != registered), (c for c in PALETTE if c != BLUE), strict=False))
    figure = Figure(figsize=(5.6 * len(schemes), 4.6), layout="constrained")
    for axes, scheme in zip(figure.subplots(1, len(schemes), sharey=True, squeeze=False)[0], schemes, strict=True):
        of_scheme = table[(table["scheme"] == scheme.value) & (table["cutoff"] != ALL)]
        cutoffs = list(dict.fromkeys(of_scheme["cutoff"]))
        n_targets = of_scheme.groupby("cutoff")["target"].nunique()
        ratios = of_scheme.groupby(["predictor", "cutoff"])["ratio_scale_only"].mean()
        for entry in shown:
            if entry.name not in ratios:
                continue
            style = {"color": BLUE, "lw": 2.6, "ms": 6} if entry == registered else {"color": colours[entry], "ms": 4}
            style["ls"] = "--" if entry in REFERENCES else "-"
            values = ratios[entry.name].reindex(cutoffs).to_numpy()
            axes.plot(range(len(cutoffs)), values, marker="o", label=entry.title, **style)
        sizes = _sizes(cutoffs)
        words = cutoffs if sizes is None else [f"{size / 1e9:.3g}B" for size in sizes]
        ticks = [f"{word}\n({n_targets[cutoff]})" for word, cutoff in zip(words, cutoffs, strict=True)]
        axes.set_xticks(range(len(cutoffs)), ticks)
        axes.tick_params(axis="x", labelsize=8)
        meaning = "first month of the models forecast" if sizes is None else "largest size learnt from, in parameters"
        axes.set_xlabel(f"{meaning}\n(number of benchmarks)")
        axes.set_title(scheme.label, fontsize="medium")
        _ratio_axis(axes)
    first = figure.axes[0]
    first.set_ylabel(f"error / error of {SCALE_ONLY.title}\n(mean over benchmarks)")
    figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _sizes(cutoffs: Sequence[str]) -> list[float] | None:
    """The cut-offs as numbers of parameters; None where they are months."""
    try:
        return [float(cutoff) for cutoff in cutoffs]
    except ValueError:
        return None


def _ratio_axis(axes: Axes) -> None:
    """A logarithmic axis of ratios with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 4, 6]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color="#edf2f7")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _shown(table: pd.DataFrame, scheme: Scheme, registered: Entry) -> list[Entry]:
    """The predictors with a line: the registered kind, the references, and the others by their mean ratio."""
    of_scheme = overall(table[table["scheme"] == scheme.value]).sort_values(["ratio_scale_only", "predictor"])
    there = [CATALOGUE[name] for name in of_scheme["predictor"]]
    first = [entry for entry in dict.fromkeys((registered, *REFERENCES)) if entry in there]
    return [*first, *(entry for entry in there if entry not in first)][:MOST_LINES]


def last_year(
    forecasts: Mapping[str, pd.DataFrame], registered: Entry, released: pd.Series, scheme: Scheme
) -> dict[str, pd.DataFrame]:
    """A benchmark's slug -> the rows of its table of forecasts that `registered` made on `scheme` of models released
    in the last twelve months, up to the newest model that any benchmark has a forecast of.

    `released` is the month of release ("2024-11") by model_id. Raises DataError where it lacks a model.
    """
    own = {
        target: table[(table["predictor"] == registered.name) & (table["scheme"] == scheme.value)]
        for target, table in forecasts.items()
    }
    missing = sorted({model for table in own.values() for model in table["model_id"]} - set(released.dropna().index))
    if missing:
        raise DataError(f"no month of release for {', '.join(missing[:3])}; data/raw/models.csv has release_month")
    months = {
        target: pd.PeriodIndex(table["model_id"].map(released), freq="M").astype("int64").to_numpy()
        for target, table in own.items()
    }
    newest = max((int(known.max()) for known in months.values() if len(known)), default=0)
    return {target: table[months[target] > newest - LAST_YEAR] for target, table in own.items()}


def forecasts_against_actual(panels: Mapping[str, pd.DataFrame], columns: int = 4) -> Figure:
    """Forecasts against what came, a panel per benchmark (its title -> rows with model_id, actual, predicted, low,
    high): a dot per model, a bar for its interval, and the names of the models whose score fell outside of it. Panels
    without a row are left out. Raises DataError where none has one."""
    filled = {title: rows for title, rows in panels.items() if len(rows)}
    if not filled:
        raise DataError("no model of the last year was forecast: the figure has nothing to show")
    columns = min(columns, len(filled))
    n_rows = -(-len(filled) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.1 * n_rows + 0.8), layout="constrained")
    grid = figure.subplots(n_rows, columns, squeeze=False).ravel()
    for axes, (title, rows) in zip(grid, filled.items(), strict=False):
        _panel(axes, title, rows)
    for axes in grid[len(filled) :]:
        axes.set_visible(False)
    figure.supxlabel("actual score (line: forecast equal to it)")
    figure.supylabel(f"forecast (bar: {PERCENT} interval; orange, with name: the score fell outside)")
    return figure


def _panel(axes: Axes, title: str, rows: pd.DataFrame) -> None:
    rows = rows.sort_values(["predicted", "model_id"])
    missed = ((rows["actual"] < rows["low"]) | (rows["actual"] > rows["high"])).to_numpy()
    ends = rows[["actual", "predicted", "low", "high"]].to_numpy(dtype=np.float64)
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    margin = 0.04 * max(high - low, 1e-3)
    low, high = low - margin, high + margin
    axes.plot([low, high], [low, high], color=GREY, lw=0.8, zorder=0)
    for part, colour, strength in ((rows[~missed], BLUE, 0.3), (rows[missed], ORANGE, 0.6)):
        axes.vlines(part["actual"], part["low"], part["high"], color=colour, alpha=strength, lw=1)
        axes.plot(part["actual"], part["predicted"], "o", color=colour, ms=3)
    _names(axes, rows[missed], low, high)
    axes.set(xlim=(low, high + NAME_SPACE * (high - low)), ylim=(low, high))
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.spines["bottom"].set_bounds(low, high)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    with_interval = int(rows["low"].notna().sum())
    axes.set_title(f"{title}: {with_interval - missed.sum()} of {with_interval} inside", fontsize=8.5, loc="left")


def _names(axes: Axes, missed: pd.DataFrame, low: float, high: float) -> None:
    """The names of `missed` in a column right of the scores, in the order of their forecasts, each with a line to its
    dot; of too many those that fell farthest outside."""
    beyond = np.maximum(missed["low"] - missed["actual"], missed["actual"] - missed["high"])
    named = missed.assign(beyond=beyond).sort_values(["beyond", "model_id"], ascending=[False, True])
    named = named.head(NAMES_PER_PANEL).sort_values(["predicted", "model_id"])
    heights = spread(named["predicted"].to_numpy(), (high - low) / (NAMES_PER_PANEL + 1), (low, high))
    start = high + 0.06 * (high - low)
    for (_, row), height in zip(named.iterrows(), heights, strict=True):
        axes.plot([row["actual"], start], [row["predicted"], height], color=ORANGE, lw=0.4, alpha=0.6, clip_on=False)
        axes.text(start, height, f" {short_name(row['model_id'])}", fontsize=6.5, va="center", clip_on=False)
    if len(missed) > len(named):
        axes.text(start, high, f" and {len(missed) - len(named)} more", fontsize=6.5, va="bottom", style="italic")


def short_name(model_id: str) -> str:
    """A model's name without its organisation, cut in its middle where it is long."""
    name = model_id.rsplit("/", 1)[-1]
    half = (NAME_LENGTH - 1) // 2
    return name if len(name) <= NAME_LENGTH else f"{name[:half]}…{name[-half:]}"


def spread(
    wanted: Sequence[float] | NDArray[np.float64], gap: float, bounds: tuple[float, float]
) -> NDArray[np.float64]:
    """Positions [n] in the order of the increasing `wanted` [n], near to them, neighbours at least `gap` apart, half a
    gap within `bounds`. Raises DataError where so many do not fit."""
    low, high = bounds[0] + gap / 2, bounds[1] - gap / 2
    n = len(wanted)
    if n and (n - 1) * gap > (high - low) * (1 + 1e-9):
        raise DataError(f"{n} labels at a distance of {gap:g} do not fit between {bounds[0]:g} and {bounds[1]:g}")
    steps = gap * np.arange(n)
    # Less the steps the positions need only not decrease: isotonic regression gives the nearest such in least squares.
    nearest = isotonic_regression(np.asarray(wanted, dtype=np.float64) - steps).x if n else np.empty(0)
    return np.asarray(np.clip(nearest, low, max(low, high - (n - 1) * gap)) + steps)
