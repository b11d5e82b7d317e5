"""`foretell predict --plot`: every name can be read, no two texts meet, and the verdict is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from known_targets import TARGETS
from matplotlib.figure import Figure

from foretell.answering.answer import Answer
from foretell.answering.comparison import Comparison
from foretell.answering.difference import Difference
from foretell.errors import ConfigError
from pipelines.cli.answer_figure import check_plot, draw_answers, draw_comparisons, write_plot

GROUPS = [target.group for target in TARGETS.values()]
VERDICTS = ("inside", "edge", "outside")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def answers(score: float = 0.5) -> list[Answer]:
    return [
        Answer(
            benchmark=slug,
            title=target.title,
            score=score,
            low=score - 0.1,
            high=score + 0.2,
            level=0.9,
            lower_is_better=target.lower_is_better,
            support=VERDICTS[number % 3],
            support_reason="",
            nearest=(),
            predictable=number != 1,
            contributions={},
        )
        for number, (slug, target) in enumerate(TARGETS.items())
    ]


def comparisons(chance: float = 0.95) -> list[Comparison]:
    of = Difference(0.1, -0.05, 0.25, 0.9, chance, 100)
    return [Comparison(a, b, of, ()) for a, b in zip(answers(), answers(0.6), strict=True)]


def figures() -> dict[str, Figure]:
    names = ("an-organisation/a-model-with-a-long-name-7b-v0.1", "runs/designs/tomorrow.yaml")
    return {
        "answers": draw_answers(answers(), GROUPS),
        "one": draw_answers(answers()[:1], GROUPS[:1]),
        "comparisons": draw_comparisons(comparisons(), GROUPS, names),
        "one comparison": draw_comparisons(comparisons()[:1], GROUPS[:1], names),
    }


@pytest.mark.parametrize("kind", ["answers", "one", "comparisons", "one comparison"])
def test_no_two_texts_meet_and_none_leaves_the_figure(kind: str) -> None:
    figure = figures()[kind]
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in (*axes.texts, axes.xaxis.label)]
    for axes in figure.axes:
        low, high = axes.get_xlim()  # a tick beyond the limits is not drawn
        texts += [label for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    texts += [*figure.axes[0].get_yticklabels(), *figure.legends[0].get_texts()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    within = figure.bbox
    for number, (name, box) in enumerate(boxes):
        assert within.x0 <= box.x0 and box.x1 <= within.x1 and within.y0 <= box.y0 and box.y1 <= within.y1, name
        assert [other for other, its in boxes[number + 1 :] if box.overlaps(its)] == [], name


def test_every_target_and_group_has_its_line() -> None:
    labels = [label.get_text().removesuffix(" *") for label in figures()["answers"].axes[0].get_yticklabels()]
    assert sorted(labels) == sorted([*(target.title for target in TARGETS.values()), *set(GROUPS)])


def test_the_marker_is_filled_by_the_verdict() -> None:
    axes = figures()["answers"].axes[0]
    markers = [line for line in axes.lines if line.get_marker() == "o"]
    shown = [(line.get_fillstyle(), line.get_markerfacecolor() == "white") for line in markers[:3]]
    assert shown == [("full", False), ("left", False), ("full", True)]


@pytest.mark.parametrize(("chance", "winner"), [(0.95, "B 95%"), (0.05, "A 95%"), (0.5, " 50%")])
def test_who_is_better_stands_beside_the_difference(chance: float, winner: str) -> None:
    one = replace(comparisons(chance)[0], first=replace(answers()[0], lower_is_better=False))
    figure = draw_comparisons([one], GROUPS[:1], ("a", "b"))
    assert winner in [text.get_text() for text in figure.axes[1].texts]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_equal_figures_are_equal_files(tmp_path: Path, suffix: str) -> None:
    files = [tmp_path / f"{number}{suffix}" for number in (0, 1)]
    for file in files:
        check_plot(file)
        write_plot(file, draw_answers(answers()[:3], GROUPS[:3]))
    assert files[0].stat().st_size > 1000
    assert files[0].read_bytes() == files[1].read_bytes()
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("path", "said"), [("x.jpg", "written as .png, .svg, .pdf"), ("no/x.png", "no folder no")])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_asked(path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_plot(Path(path))
