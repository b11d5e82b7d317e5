"""`foretell predict --plot FILE`: every answer with its interval in one figure; of two designs also the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from foretell.answering.answer import Answer
from foretell.answering.comparison import Comparison
from foretell.answering.words import shown_chance
from foretell.errors import ConfigError
from foretell.files import atomic
from models.report.figures import BLUE, GREY, ORANGE

FORMATS = (".png", ".svg", ".pdf")
SHADE = "#edf2f7"
FILL = {"inside": "full", "edge": "left", "outside": "full"}  # of the marker, by the verdict
MEANING = {
    "inside": "inside what the models show",
    "edge": "at the edge of what the models show",
    "outside": "outside what the models show",
}
QUIET = "#718096"
ROW, SURE = 0.27, 0.9  # inches; from this probability on a difference is drawn in full colour


def check_plot(path: Path) -> None:
    """Raise ConfigError where a figure cannot be written to `path`."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--plot {path}: a figure is written as {', '.join(FORMATS)}; end the name with one of them")
    if not path.parent.is_dir():
        raise ConfigError(f"--plot {path}: there is no folder {path.parent}")


def write_plot(path: Path, figure: Figure) -> None:
    """Write the figure in the format of the file's ending, and close it."""
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower(), {})
    with atomic(path) as temporary, mpl.rc_context({"svg.hashsalt": "foretell"}):  # equal figures are equal files
        figure.savefig(temporary, dpi=150, format=path.suffix.lower()[1:], metadata=dated)
    plt.close(figure)


def draw_answers(answers: Sequence[Answer], groups: Sequence[str]) -> Figure:
    """A row per answer, by `groups` [answers]: score and interval, the marker filled by the verdict of support."""
    figure, axes = _rows(1, answers, groups)
    for row, answer in zip(_positions(groups), answers, strict=True):
        _draw(axes[0], row, answer, BLUE)
        _at_the_right(axes[0], row, f"{answer.score:.3f}", QUIET)
    axes[0].set_xlabel(f"predicted score and {answers[0].level:.0%} interval{_notes(answers)}")
    _legend(figure, answers, [])
    return figure


def draw_comparisons(comparisons: Sequence[Comparison], groups: Sequence[str], names: tuple[str, str]) -> Figure:
    """A row per target: both designs' answers at the left, the difference with its interval at the right, in full
    colour where its sign is sure."""
    answers = [comparison.first for comparison in comparisons]
    figure, axes = _rows(2, answers, groups)
    scores, differences = axes
    differences.axvline(0, color="black", lw=0.8)
    for row, comparison in zip(_positions(groups), comparisons, strict=True):
        _draw(scores, row - 0.17, comparison.first, BLUE)
        _draw(scores, row + 0.17, comparison.second, ORANGE)
        of = comparison.difference
        chance = comparison.chance_better
        sure = max(chance, 1 - chance)
        winner, colour = ("B", ORANGE) if chance > 0.5 else ("A", BLUE) if chance < 0.5 else ("", GREY)
        colour = colour if sure >= SURE else GREY
        differences.plot([of.low, of.high], [row, row], color=colour, lw=1.5)
        differences.plot(of.difference, row, "o", color=colour, ms=4.5)
        _at_the_right(differences, row, f"{winner} {shown_chance(sure)}", QUIET if colour == GREY else colour)
    _at_the_right(differences, 0, "better", QUIET)
    level = comparisons[0].difference.level
    scores.set_xlabel(f"predicted score and {level:.0%} interval{_notes(answers)}")
    differences.set_xlabel(f"B - A and its {level:.0%} interval")
    designs = [
        Line2D([], [], color=colour, marker="o", label=f"{letter}: {name}", ms=5)
        for letter, name, colour in zip("AB", names, (BLUE, ORANGE), strict=True)
    ]
    _legend(figure, [side for c in comparisons for side in (c.first, c.second)], designs)
    return figure


def _rows(n_columns: int, answers: Sequence[Answer], groups: Sequence[str]) -> tuple[Figure, Sequence[Axes]]:
    """A figure with a line per target and per group's name, shaded in turn, so that no label meets another."""
    names: list[tuple[str, str]] = []  # what stands at a line, and its weight
    for group, members in groupby(zip(groups, answers, strict=True), key=lambda pair: pair[0]):
        names += [(group, "bold"), *((_name(answer), "normal") for _, answer in members)]
    size = (3.4 + 3.8 * n_columns, ROW * len(names) + 1.6)
    figure, grid = plt.subplots(1, n_columns, figsize=size, layout="constrained", sharey=True, squeeze=False)
    axes = list(grid[0])
    for axis in axes:
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axis.grid(axis="x", color=SHADE, lw=0.8)
        axis.set_axisbelow(True)
        for line, (_, weight) in enumerate(names):
            if weight == "bold":
                axis.axhspan(line - 0.5, line + 0.5, color=SHADE, lw=0, zorder=0)
    axes[0].set_yticks(range(len(names)), [name for name, _ in names])
    for label, (_, weight) in zip(axes[0].get_yticklabels(), names, strict=True):
        label.set_fontweight(weight)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return figure, axes


def _name(answer: Answer) -> str:
    return answer.title + ("" if answer.predictable else " *")


def _notes(answers: Sequence[Answer]) -> str:
    """What a reader of the axis must know besides: where a lower score is better, and what a star means."""
    notes = ["Brier: lower is better"] if any(answer.lower_is_better for answer in answers) else []
    notes += [] if all(answer.predictable for answer in answers) else ["*: not predictable from design"]
    return "".join(f"\n{note}" for note in notes)


def _positions(groups: Sequence[str]) -> Iterator[int]:
    """The line of each target: its group's name stands above its first."""
    headings, before = 0, None
    for position, group in enumerate(groups):
        headings += group != before
        before = group
        yield position + headings


def _draw(axis: Axes, row: float, answer: Answer, colour: str) -> None:
    axis.plot([answer.low, answer.high], [row, row], color=colour, lw=1.5, alpha=0.75, solid_capstyle="butt")
    axis.plot(answer.score, row, "o", color=colour, ms=6, **_marker(answer.support))


def _at_the_right(axis: Axes, row: float, text: str, colour: str) -> None:
    """Text beside the axes, at the height of a row."""
    place = ("axes fraction", "data")
    axis.annotate(text, (1.02, row), xycoords=place, va="center", fontsize="small", color=colour, annotation_clip=False)


def _marker(support: str) -> dict[str, Any]:
    hollow = {"markerfacecolor": "white"} if support == "outside" else {}
    return {"fillstyle": FILL[support], "markerfacecoloralt": "white"} | hollow


def _legend(figure: Figure, answers: Sequence[Answer], designs: list[Line2D]) -> None:
    """Designs, then what the fillings of the markers that occur mean, below the axes."""
    verdicts = [verdict for verdict in FILL if any(answer.support == verdict for answer in answers)]
    handles = [
        Line2D([], [], color="#4a5568", marker="o", ls="", ms=6, label=MEANING[verdict], **_marker(verdict))
        for verdict in verdicts
    ]
    figure.legend(handles=[*designs, *handles], loc="outside lower center", ncols=2, frameon=False, fontsize="small")
