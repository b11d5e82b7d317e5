"""Three figures of a fitted law and its runs, drawn without a display: loss at fixed compute against size (the isoFLOP
valleys), loss against each axis, and predicted against observed loss. Each returns a matplotlib figure."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from foretell.arrays import Floats
from foretell.laws.fitted import LawFit
from foretell.laws.joint import JointLaw
from foretell.laws.runs import Runs

INK = "#1f2430"
MUTED = "#6b7280"
GRID = "#e5e7eb"
ACCENT = "#b91c1c"
COLOURS = "viridis"
COLOUR_STOP = 0.88  # the map's last tenth is too pale on white
SAME_BUDGET = 0.15  # runs within 15 % of a budget are drawn on its valley
NEAR_BUDGET = 0.6
FEWEST_BUDGETS = 3
FEWEST_RUNS = 3
MOST_BUDGETS = 6
MOST_CURVES = 5


def isoflop_figure(fit: LawFit[JointLaw], runs: Runs) -> Figure:
    """Loss (nats per token) against parameters at up to six fixed compute budgets: curves are the law, crosses its
    optimum, points the runs near a budget, moved onto it along the law (each keeps its own ratio of observed to
    predicted loss). Near is 15 %, or 60 % for a study that was not run at fixed budgets (Hoffmann et al. 2022,
    fig. 3)."""
    figure, axes = _panel()
    flops = 6 * runs.params * runs.tokens
    ratio = runs.loss / np.asarray(fit.law.predict(runs.params, runs.tokens))
    width = SAME_BUDGET
    budgets = _budgets(flops, width)
    if budgets.size < FEWEST_BUDGETS:
        width = NEAR_BUDGET
        budgets = _budgets(flops, width)
    colours = _colours(len(budgets))
    for budget, colour in zip(budgets, colours, strict=True):
        near = np.abs(np.log(flops / budget)) < np.log1p(width)
        best = float(fit.law.compute_optimal_params(budget))
        low, high = min(runs.params[near].min(), best) / 1.6, max(runs.params[near].max(), best) * 1.6
        grid = np.geomspace(low, high, 200)
        curve = np.asarray(fit.law.value(grid, budget / (6 * grid)))
        axes.plot(grid, curve, color=colour, linewidth=1.6, zorder=2)
        size = runs.params[near]
        moved = ratio[near] * np.asarray(fit.law.value(size, budget / (6 * size)))
        axes.scatter(size, moved, s=16, color=colour, edgecolors="white", linewidths=0.5, zorder=3)
        axes.scatter(
            [best],
            [float(fit.law.value(np.float64(best), np.float64(budget / (6 * best))))],
            s=44,
            marker="x",
            color=ACCENT,
            linewidths=1.6,
            zorder=4,
        )
        axes.plot([], [], color=colour, linewidth=3, label=_scientific(budget))
    axes.scatter([], [], s=44, marker="x", color=ACCENT, linewidths=1.6, label="optimum")
    _log_axis(axes, "parameters")
    axes.set_ylabel("loss (nats per token)")
    axes.legend(
        title="training FLOPs",
        frameon=False,
        fontsize=8,
        title_fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
    )
    _style(axes)
    return _titled(figure, f"{runs.name}: loss at fixed compute")


def axes_figure(fit: LawFit[JointLaw], runs: Runs) -> Figure:
    """Loss against parameters (curves at a few token counts), against tokens (at a few sizes) and against compute (the
    law's frontier, the least loss any split of the budget gives). Points are the runs."""
    figure = Figure(figsize=(11.5, 4.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, axis, other, label, name in (
        (panels[0], runs.params, runs.tokens, "parameters", "tokens"),
        (panels[1], runs.tokens, runs.params, "tokens", "parameters"),
    ):
        norm = LogNorm(other.min(), other.max() ** (1 / COLOUR_STOP) / other.min() ** (1 / COLOUR_STOP - 1))
        dots = axes.scatter(axis, runs.loss, c=other, norm=norm, cmap=COLOURS, s=14, edgecolors="white", linewidths=0.3)
        grid = np.geomspace(axis.min() / 1.3, axis.max() * 1.3, 100)
        for held in _levels(other):
            pair = (grid, np.full_like(grid, held)) if label == "parameters" else (np.full_like(grid, held), grid)
            axes.plot(grid, np.asarray(fit.law.value(*pair)), color=dots.to_rgba(held), linewidth=1.3, zorder=1)
        bar = figure.colorbar(dots, ax=axes, location="top", pad=0.02, aspect=30)
        bar.set_label(name, fontsize=8, color=MUTED)
        bar.ax.tick_params(labelsize=7, colors=MUTED)
        bar.outline.set_visible(False)
        bar.ax.set_xlim(other.min(), other.max())
        _log_ticks(bar.ax)
        _style(axes)
        _log_axis(axes, label)
    flops = 6 * runs.params * runs.tokens
    grid = np.geomspace(flops.min(), flops.max(), 100)
    best = np.asarray(fit.law.compute_optimal_params(grid))
    panels[2].scatter(flops, runs.loss, s=14, color=MUTED, edgecolors="white", linewidths=0.3, label="runs")
    panels[2].plot(
        grid, np.asarray(fit.law.value(best, grid / (6 * best))), color=ACCENT, linewidth=1.6, label="frontier"
    )
    panels[2].legend(frameon=False, fontsize=8, loc="upper right")
    _style(panels[2])
    _log_axis(panels[2], "training FLOPs")
    panels[0].set_ylabel("loss (nats per token)")
    margin = 0.05 * (runs.loss.max() - runs.loss.min())
    panels[0].set_ylim(runs.loss.min() - margin, runs.loss.max() + margin)
    return _titled(figure, f"{runs.name}: loss against each axis")


def fit_figure(fit: LawFit[JointLaw], runs: Runs) -> Figure:
    """Predicted against observed loss with the line of equality, and the relative residual against compute with the
    band that holds 90 % of the runs."""
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    predicted = np.asarray(fit.law.predict(runs.params, runs.tokens))
    ends = [min(predicted.min(), runs.loss.min()) * 0.98, max(predicted.max(), runs.loss.max()) * 1.02]
    left.plot(ends, ends, color=MUTED, linewidth=1)
    left.scatter(runs.loss, predicted, s=14, color="#2563eb", edgecolors="white", linewidths=0.3)
    left.set(xlim=ends, ylim=ends, xlabel="observed loss (nats per token)", ylabel="predicted loss (nats per token)")
    left.set_aspect("equal")
    left.xaxis.set_major_locator(MaxNLocator(6))
    left.yaxis.set_major_locator(MaxNLocator(6))
    residual = 100 * (runs.loss / predicted - 1)
    low, high = np.quantile(residual, [0.05, 0.95])
    right.axhspan(low, high, color="#2563eb", alpha=0.10, linewidth=0, label="90 % of the runs")
    right.axhline(0, color=MUTED, linewidth=1)
    right.scatter(6 * runs.params * runs.tokens, residual, s=14, color="#2563eb", edgecolors="white", linewidths=0.3)
    right.set_ylabel("observed over predicted (%)")
    _log_axis(right, "training FLOPs")
    right.legend(frameon=False, fontsize=8, loc="best")
    for axes in (left, right):
        _style(axes)
    return _titled(figure, f"{runs.name}: fit against points ({type(fit.law).__name__})")


def _budgets(flops: Floats, near_share: float) -> Floats:
    """Up to six budgets that most runs sit on: repeatedly the run with the most free neighbours, three at least."""
    logs, width = np.log(flops), np.log1p(near_share)
    free = np.ones(logs.size, dtype=bool)
    chosen: list[float] = []
    while free.any() and len(chosen) < MOST_BUDGETS:
        near = (np.abs(logs[:, None] - logs[None, :]) < width) & free[None, :]
        count = np.where(free, near.sum(axis=1), 0)
        i = int(np.argmax(count))
        if count[i] < FEWEST_RUNS and chosen:
            break
        chosen.append(float(np.exp(np.median(logs[near[i]]))))
        free &= np.abs(logs - logs[i]) >= 2 * width
    return np.sort(np.array(chosen))


def _levels(values: Floats) -> Floats:
    """A few values to draw curves at: the distinct ones when there are few, else spread over their logarithms."""
    distinct = np.unique(values)
    if distinct.size <= MOST_CURVES:
        return distinct
    spread: Floats = np.exp(np.quantile(np.log(values), np.linspace(0.03, 0.97, MOST_CURVES)))
    return spread


def _colours(count: int) -> list[tuple[float, float, float, float]]:
    return [colormaps[COLOURS](value) for value in np.linspace(0, COLOUR_STOP, count)]


def _scientific(value: float) -> str:
    exponent = int(np.floor(np.log10(value)))
    mantissa = value / 10**exponent
    if mantissa > 9.95:
        mantissa, exponent = 1.0, exponent + 1
    return rf"${mantissa:.1f}\times10^{{{exponent}}}$"


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    return figure, figure.subplots()


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _log_axis(axes: Axes, label: str) -> None:
    """A logarithmic x axis called `label`."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    _log_ticks(axes)
    axes.set_xlim(low, high)
    axes.set_xlabel(label)


def _log_ticks(axes: Axes) -> None:
    """About five labelled ticks: at 1-2-5 or 1-3 where decades are few, else at decades; none between."""
    low, high = axes.get_xlim()
    exponents = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    decades = np.log10(high / low)
    steps = (1, 2, 5) if decades < 1.2 else (1, 3) if decades < 2.6 else (1,)
    ticks = [s * 10.0**e for e in exponents for s in steps if low <= s * 10.0**e <= high]
    if len(ticks) > 6:
        ticks = ticks[:: len(ticks) // 5]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if unit <= value < 1000 * unit and value < 1e15:
            return f"{value / unit:g}{letter}"
    return f"$10^{{{round(np.log10(value))}}}$" if np.isclose(np.log10(value) % 1, 0) else _scientific(value)


def _titled(figure: Figure, title: str) -> Figure:
    figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left")
    return figure
