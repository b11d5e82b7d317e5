"""Figures of the ledger. Each function returns a matplotlib figure, with equal bytes for equal tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from foretell.errors import DataError
from models.ledger.replay import SOURCE, farthest_outside
from models.ledger.report import NOTHING, REGISTERED_SOURCE
from models.ledger.scores import ALL
from models.report.backtest_figures import short_name, spread
from models.report.figures import BLUE, GREEN, GREY, ORANGE

COLUMNS = 4
NAMES_PER_PANEL = 9
NAME_SPACE = 0.8  # width of the space for names, as a share of the width of the scores
COLOURS = {SOURCE: BLUE, REGISTERED_SOURCE: GREEN}


def replay_figure(rows: pd.DataFrame, table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Forecasts against what came: a panel per cut-off with every benchmark's forecasts, the farthest outside by name,
    and below them the share inside by quarter. `rows` as `models.ledger.replay.replay` gives them, `table` their
    calibration, `titles` by slug. Without a row the figure says so."""
    if rows.empty:
        figure = Figure(figsize=(6, 1))
        figure.text(0.5, 0.5, NOTHING, ha="center", va="center", fontsize=9)
        return figure
    cutoffs = list(dict.fromkeys(rows["cutoff"]))
    columns = min(COLUMNS, len(cutoffs))
    n_rows = -(-len(cutoffs) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.5 * n_rows + 3.0), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[3.5 * n_rows, 3.0], squeeze=False).ravel()
    ends = rows[["actual", "predicted", "low", "high"]].to_numpy(dtype=np.float64)
    margin = 0.03 * max(float(ends.max() - ends.min()), 1e-3)
    limits = float(ends.min()) - margin, float(ends.max()) + margin
    grid = above.subplots(n_rows, columns, squeeze=False).ravel()
    for axes, cutoff in zip(grid, cutoffs, strict=False):
        _panel(axes, rows[rows["cutoff"] == cutoff], limits, titles)
    for axes in grid[len(cutoffs) :]:
        axes.set_visible(False)
    above.supxlabel("measured score (line: forecast equal to it)", fontsize="medium")
    above.supylabel("forecast (bar: interval; orange: the score fell outside)", fontsize="medium")
    _shares(below.subplots(1, 1), table)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, limits: tuple[float, float], titles: Mapping[str, str]) -> None:
    low, high = limits
    inside = rows["inside"].to_numpy(dtype=bool)
    axes.plot([low, high], [low, high], color=GREY, lw=0.8, zorder=0)
    for part, colour, strength in ((rows[inside], BLUE, 0.12), (rows[~inside], ORANGE, 0.35)):
        axes.vlines(part["actual"], part["low"], part["high"], color=colour, alpha=strength, lw=0.7)
        axes.plot(part["actual"], part["predicted"], "o", color=colour, ms=2.2, alpha=0.8, mew=0)
    named = farthest_outside(rows, NAMES_PER_PANEL).sort_values(["predicted", "target", "model_id"])
    heights = spread(named["predicted"].to_numpy(), (high - low) / (NAMES_PER_PANEL + 1), limits)
    start = high + 0.05 * (high - low)
    for (_, row), height in zip(named.iterrows(), heights, strict=True):
        axes.plot([row["actual"], start], [row["predicted"], height], color=ORANGE, lw=0.4, alpha=0.6, clip_on=False)
        words = f" {short_name(row['model_id'])}\n {titles[row['target']]}"
        axes.text(start, height, words, fontsize=5.5, va="center", linespacing=1.1, clip_on=False)
    axes.set(xlim=(low, high + NAME_SPACE * (high - low)), ylim=limits)
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.spines["bottom"].set_bounds(low, high)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    first = rows.iloc[0]
    models = f"{rows['model_id'].nunique()} models, learnt from up to {rows['n_train'].max():.0f}"
    axes.set_title(
        f"from {first['cutoff']}: {inside.mean():.0%} of {len(rows)} inside\n{models}", fontsize=8.5, loc="left"
    )


def calibration_figure(table: pd.DataFrame) -> Figure:
    """The share of scores inside their interval by quarter, with its Wilson interval, against the nominal level, and
    below it the mean interval score and CRPS. `table` as `models.ledger.scores.calibration` gives it. Raises DataError
    where it has no row."""
    if table.empty:
        raise DataError("no forecast is settled or replayed: the figure has nothing to show")
    figure = Figure(figsize=(9, 6), layout="constrained")
    shares, means = figure.subplots(2, 1, sharex=True)
    _shares(shares, table)
    shares.set_xlabel("")
    periods = _periods(table)
    for source, own in table[table["period"] != ALL].groupby("source"):
        at = [periods.index(period) for period in own["period"]]
        for column, style in (("interval_score", "-"), ("crps", ":")):
            words = f"{column.replace('_', ' ') if column != 'crps' else 'CRPS'}, {source}"
            means.plot(at, own[column], style, marker="o", ms=4, color=COLOURS.get(str(source), GREY), label=words)
    means.set_ylim(bottom=0)
    means.set_ylabel("mean, in scores (lower is better)")
    _quiet(means)
    means.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def _periods(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["period"]) - {ALL})


def _shares(axes: Axes, table: pd.DataFrame) -> None:
    """The share inside by period, a colour per source, with the number of scores above the axis."""
    periods = _periods(table)
    own = table[table["period"] != ALL]
    sources = sorted(own["source"].unique())
    for number, source in enumerate(sources):
        rows = own[own["source"] == source]
        at = np.array([periods.index(period) for period in rows["period"]]) + 0.12 * (number - (len(sources) - 1) / 2)
        ends = np.abs(rows[["inside_low", "inside_high"]].to_numpy().T - rows["inside"].to_numpy())
        colour = COLOURS.get(source, GREY)
        axes.errorbar(at, rows["inside"], ends, fmt="o", color=colour, capsize=2, ms=5, lw=1.2, label=source)
    for level in sorted(own["level"].unique()):
        axes.axhline(level, color=GREY, ls="--", lw=1)
    axes.text(len(periods) - 0.45, float(own["level"].max()), "nominal", fontsize=8, color="#4a5568", va="bottom")
    counts = own.groupby("period")["n"].sum()
    axes.set_xticks(range(len(periods)), [f"{period}\n({counts[period]})" for period in periods], fontsize=8)
    axes.set_xlim(-0.5, len(periods) - 0.5 + 0.06 * len(periods))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("scores inside their interval")
    axes.set_xlabel("quarter (number of scores)")
    _quiet(axes)
    if len(sources) > 1:
        axes.legend(frameon=False, fontsize=8)


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#edf2f7")
    axes.set_axisbelow(True)
