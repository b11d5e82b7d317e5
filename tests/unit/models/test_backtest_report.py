"""The report's section and figures of the backtest: numbers come from the tables, labels can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from foretell.errors import DataError
from models.backtest.summary import by_verdict, overall, summary
from models.catalogue import PREDICTORS, SCALE_ONLY, SELECTED_DESIGN
from models.report.backtest import backtest_section
from models.report.backtest_figures import (
    MOST_LINES,
    NAME_LENGTH,
    NAMES_PER_PANEL,
    error_over_cutoffs,
    forecasts_against_actual,
    last_year,
    short_name,
    spread,
)
from models.schemes import Scheme
from pipelines.files import write_figure

OWN = SELECTED_DESIGN
AHEAD = (Scheme.FAMILY, Scheme.RANDOM)  # any two schemes: the first with months as cut-offs, the second with sizes
IDS = [f"organisation/model-number-{i:02d}-base" for i in range(40)]
COMPUTE = pd.Series(10.0 ** np.linspace(20, 24, 40), index=IDS)
RELEASED = pd.Series([f"{2022 + i // 12}-{i % 12 + 1:02d}" for i in range(40)], index=IDS)  # until 2025-04
TITLES = {"one": "First | benchmark", "two": "Second benchmark"}


def table(seed: int, verdict: str = "inside") -> pd.DataFrame:
    """Every predictor on time and size, with intervals of the registered kind that hold about half."""
    rng = np.random.default_rng(seed)
    actual = rng.random(40)
    parts = []
    cutoffs = {AHEAD[0]: ("2023-04", "2023-07", "2023-10"), AHEAD[1]: ("3e+09", "8e+09", "1.5e+10")}
    for scheme, names in cutoffs.items():
        for cutoff, test in zip(names, np.array_split(np.arange(10, 40), 3), strict=True):
            for entry in PREDICTORS:
                predicted = actual[test] + rng.normal(0, 0.05 if entry == OWN else 0.1, len(test))
                half = 0.035 if entry == OWN else np.nan
                rows = pd.DataFrame({"model_id": np.array(IDS)[test], "actual": actual[test], "predicted": predicted})
                rows = rows.assign(scheme=scheme.value, seed=0, cutoff=cutoff, predictor=entry.name)
                said = verdict if entry == OWN else ""
                parts.append(rows.assign(low=predicted - half, high=predicted + half, support=said))
    return pd.concat(parts, ignore_index=True)


FORECASTS = {"one": table(0), "two": table(1, "outside")}
SUMMARY = summary(FORECASTS, COMPUTE, set())
OVERALL = overall(SUMMARY)


def section(verdicts: pd.DataFrame) -> str:
    return backtest_section(SUMMARY, OVERALL, verdicts, OWN, TITLES, AHEAD)


def test_the_numbers_of_the_section_are_those_of_the_tables() -> None:
    text = section(by_verdict(FORECASTS, OWN))
    own = OVERALL[OVERALL["predictor"] == OWN.name].set_index("scheme")
    for scheme in AHEAD:
        figures = own.loc[scheme.value]
        assert f"{figures['ratio_scale_only']:.2f} times that of {SCALE_ONLY.title}" in text
        assert f"hold {figures['coverage']:.1%} of 60 scores" in text
        assert f"### {scheme.label.capitalize()}" in text
    assert text.index(f"### {AHEAD[0].label.capitalize()}") < text.index(f"### {AHEAD[1].label.capitalize()}")
    assert "First \\| benchmark" in text
    assert "nan" not in text.lower()
    assert text.index(OWN.title, text.index("| ---")) < text.index(SCALE_ONLY.title, text.index("| ---"))
    assert "edge" not in text.split("### By verdict")[1]  # never given


def test_a_changed_error_changes_the_words() -> None:
    worse = {name: rows.copy() for name, rows in FORECASTS.items()}
    for rows in worse.values():
        own = rows["predictor"] == OWN.name
        rows.loc[own, "predicted"] += 0.5
    changed = summary(worse, COMPUTE, set())
    text = backtest_section(changed, overall(changed), by_verdict(worse, OWN), OWN, TITLES, AHEAD)
    assert "No other predictor has a smaller mean ratio" in section(by_verdict(FORECASTS, OWN))
    assert "No other predictor has a smaller mean ratio" not in text
    assert "Smaller still: " in text


def test_without_verdicts_or_forecasts_the_section_says_so() -> None:
    none = {name: rows.assign(support="") for name, rows in FORECASTS.items()}
    assert "came with a verdict" in section(by_verdict(none, OWN))
    others = {name: rows[rows["predictor"] != OWN.name] for name, rows in FORECASTS.items()}
    table = summary(others, COMPUTE, set())
    text = backtest_section(table, overall(table), by_verdict(others, OWN), OWN, TITLES, AHEAD)
    assert f"No forecast of {OWN.title}" in text


def panels(seed: int | None = None) -> dict[str, pd.DataFrame]:
    rows = last_year(FORECASTS, OWN, RELEASED, AHEAD[0])
    return {TITLES[k]: v if seed is None else v.sample(frac=1, random_state=seed) for k, v in rows.items()}


def test_last_year_is_twelve_months_up_to_the_newest_forecast() -> None:
    released = pd.concat([RELEASED, pd.Series({"never/forecast": "2031-01"})])
    kept = last_year(FORECASTS, OWN, released, AHEAD[0])["one"]
    assert sorted(kept["model_id"]) == IDS[28:]  # 2024-05 to 2025-04
    assert set(kept["predictor"]) == {OWN.name}
    assert set(kept["scheme"]) == {AHEAD[0].value}
    only_older = {"one": FORECASTS["one"], "two": FORECASTS["two"][FORECASTS["two"]["model_id"] < IDS[20]]}
    assert last_year(only_older, OWN, RELEASED, AHEAD[0])["two"].empty
    with pytest.raises(DataError, match="no month of release for organisation/model-number-39"):
        last_year(FORECASTS, OWN, RELEASED.drop(IDS[39]), AHEAD[0])


def test_equal_tables_make_equal_bytes(tmp_path: Path) -> None:
    shuffled = {name: rows.sample(frac=1, random_state=1) for name, rows in FORECASTS.items()}
    for name, tables, seed in (("as they are", FORECASTS, None), ("shuffled", shuffled, 2)):
        write_figure(
            tmp_path / name / "cut.png", error_over_cutoffs(summary(tables, COMPUTE, set()), OWN, AHEAD), dpi=60
        )
        write_figure(tmp_path / name / "year.png", forecasts_against_actual(panels(seed)), dpi=60)
    for figure in ("cut.png", "year.png"):
        assert (tmp_path / "as they are" / figure).read_bytes() == (tmp_path / "shuffled" / figure).read_bytes()


def test_error_figure_has_a_panel_per_scheme_and_few_lines() -> None:
    figure = error_over_cutoffs(SUMMARY, OWN, AHEAD)
    assert len(figure.axes) == 2
    lines = figure.axes[0].get_lines()
    assert len(lines) == MOST_LINES < len(PREDICTORS)
    assert [line.get_label() for line in lines][:2] == [OWN.title, SCALE_ONLY.title]
    np.testing.assert_allclose(lines[1].get_ydata(), 1)
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert ticks == [["2023-04\n(2)", "2023-07\n(2)", "2023-10\n(2)"], ["3B\n(2)", "8B\n(2)", "15B\n(2)"]]
    of_time = SUMMARY[(SUMMARY["scheme"] == AHEAD[0].value) & (SUMMARY["predictor"] == OWN.name)]
    first = of_time[of_time["cutoff"] == "2023-04"]["ratio_scale_only"].mean()
    np.testing.assert_allclose(lines[0].get_ydata()[0], first)
    with pytest.raises(DataError, match="no row of the scheme family"):
        error_over_cutoffs(SUMMARY[SUMMARY["scheme"] == AHEAD[1].value], OWN, AHEAD)


@pytest.mark.parametrize("half", [0.02, 0.0])
def test_names_do_not_overlap_and_are_those_outside_their_interval(half: float) -> None:
    rng = np.random.default_rng(3)
    actual = np.r_[0.5 + 0.001 * rng.random(30), rng.random(10)]  # thirty that lie almost on one point
    rows = pd.DataFrame({"model_id": IDS, "actual": actual, "predicted": actual + rng.normal(0, 0.03, 40)})
    rows = rows.assign(low=rows["predicted"] - half, high=rows["predicted"] + half)
    figure = forecasts_against_actual({f"benchmark {i}": rows for i in range(3)}, columns=2)
    FigureCanvasAgg(figure).draw()
    missed = rows[(rows["actual"] < rows["low"]) | (rows["actual"] > rows["high"])]
    axes = figure.axes[0]
    names = [text for text in axes.texts if "model-number" in text.get_text()]
    assert {text.get_text().strip() for text in names} <= {short_name(model) for model in missed["model_id"]}
    assert len(names) == min(len(missed), NAMES_PER_PANEL)
    assert any("more" in text.get_text() for text in axes.texts) == (len(missed) > NAMES_PER_PANEL)
    boxes = [text.get_window_extent() for text in axes.texts if isinstance(text, Text)]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    next_panel = figure.axes[1].get_tightbbox()
    assert all(not box.overlaps(next_panel) for box in boxes)
    assert f"{40 - len(missed)} of 40" in axes.get_title(loc="left")


def test_a_panel_without_intervals_names_nobody_and_no_panel_is_refused() -> None:
    rows = pd.DataFrame(
        {"model_id": IDS[:2], "actual": [0.5, 0.5], "predicted": [0.5, 0.9], "low": np.nan, "high": np.nan}
    )
    figure = forecasts_against_actual({"a": rows, "b": rows.iloc[:0]})
    assert len(figure.axes) == 1
    assert not figure.axes[0].texts
    with pytest.raises(DataError, match="nothing to show"):
        forecasts_against_actual({"b": rows.iloc[:0]})


def test_labels_are_spread_in_order_within_bounds() -> None:
    np.testing.assert_allclose(spread([0.2, 0.5], 0.1, (0, 1)), [0.2, 0.5])
    np.testing.assert_allclose(spread([0.5, 0.5, 0.5], 0.1, (0, 1)), [0.4, 0.5, 0.6])
    np.testing.assert_allclose(spread([-1, 0.01, 0.99, 2], 0.1, (0, 1)), [0.05, 0.15, 0.85, 0.95])
    assert spread([], 0.1, (0, 1)).size == 0
    rng = np.random.default_rng(0)
    for n in (1, 5, 10):
        places = spread(np.sort(rng.normal(0.5, 0.5, n)), 0.1, (0, 1))
        assert (np.diff(places) > 0.1 - 1e-12).all()
        assert places.min() > 0.05 - 1e-12
        assert places.max() < 0.95 + 1e-12
    with pytest.raises(DataError, match="11 labels"):
        spread(np.full(11, 0.5), 0.1, (0, 1))


def test_long_names_keep_both_ends() -> None:
    assert short_name("org/small") == "small"
    long = short_name("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T")
    assert len(long) <= NAME_LENGTH
    assert long.startswith("TinyLlama-1")
    assert long.endswith("1431k-3T")
