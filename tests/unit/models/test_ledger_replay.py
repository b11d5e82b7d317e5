"""The replay on made-up frames: what is taken, what is refused, and what page and figures show."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from foretell.errors import DataError
from models.ledger.figure import calibration_figure, replay_figure
from models.ledger.replay import farthest_outside, replay
from models.ledger.report import calibration_page, replay_page
from models.ledger.scores import ALL, calibration, crps

CUTOFFS = ("2023-04", "2023-07", "2024-01")
TITLES = {"a_0shot": "A (0-shot)", "b_5shot": "B (5-shot)"}


def frame(n_models: int = 30, seed: int = 0) -> pd.DataFrame:
    """Forecasts of two predictors on two schemes and two seeds; the wanted ones are those of `later`, `own`, seed 0."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n_models):
        actual, error = rng.uniform(0.2, 0.9), rng.normal(0, 0.05)
        about = {"model_id": f"org/m{number}", "cutoff": CUTOFFS[number % 3], "actual": actual, "n_train": 60}
        for scheme in ("later", "shuffled"):
            for predictor in ("own", "other"):
                for repeat in (0, 1):
                    predicted = actual + error + 0.001 * repeat
                    ends = {"predicted": predicted, "low": predicted - 0.08, "high": predicted + 0.1}
                    key = {"scheme": scheme, "predictor": predictor, "seed": repeat, "support": "inside"}
                    rows.append({**about, **ends, **key})
    return pd.DataFrame(rows)


def replayed() -> pd.DataFrame:
    return replay({"b_5shot": frame(30, 1), "a_0shot": frame(12)}, "later", "own", 0.9)


def test_one_row_per_model_and_target() -> None:
    rows = replayed()
    assert len(rows) == 42
    assert not rows.duplicated(["target", "model_id"]).any()
    assert list(dict.fromkeys(rows["period"])) == ["2023 Q2", "2023 Q3", "2024 Q1"]
    assert rows["cutoff"].is_monotonic_increasing
    wanted = frame(12).query("scheme == 'later' and predictor == 'own' and seed == 0").set_index("model_id")
    own = rows[rows["target"] == "a_0shot"].set_index("model_id")
    np.testing.assert_array_equal(own["predicted"], wanted["predicted"].reindex(own.index))
    np.testing.assert_allclose(own["error"], (own["predicted"] - own["actual"]).abs())
    np.testing.assert_allclose(own["crps"], crps(own["actual"], own["predicted"], own["low"], own["high"], 0.9))
    assert (own["inside"] == own["actual"].between(own["low"], own["high"])).all()


def test_the_order_of_rows_and_targets_changes_nothing() -> None:
    shuffled = {"a_0shot": frame(12).sample(frac=1, random_state=1), "b_5shot": frame(30, 1).iloc[::-1]}
    pd.testing.assert_frame_equal(replay(shuffled, "later", "own", 0.9), replayed())


def test_an_interval_that_misses_its_forecast_is_widened_to_it() -> None:
    table = frame(3)
    table["low"] = table["predicted"] + 0.01
    rows = replay({"a_0shot": table}, "later", "own", 0.9)
    assert (rows["low"] == rows["predicted"]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="n_train"), "no column n_train"),
        (lambda t: t.assign(low=np.nan), "no score or interval"),
        (lambda t: t.assign(model_id="org/m"), "org/m is forecast at two cut-offs"),
        (lambda t: t.assign(cutoff="fold 1"), "'fold 1' is no date"),
    ],
)
def test_frames_that_cannot_be_replayed_are_refused(change, said: str) -> None:
    with pytest.raises(DataError, match=said):
        replay({"a_0shot": change(frame(6))}, "later", "own", 0.9)


def test_where_no_cutoff_leaves_enough_models_it_is_said() -> None:
    table = frame(6)
    nothing = replay({"a_0shot": table[table["predictor"] == "other"]}, "later", "own", 0.9)
    assert nothing.empty
    assert list(nothing.columns) == list(replayed().columns)
    table = calibration(nothing)
    assert "nothing could be replayed" in replay_page(nothing, table, TITLES, "replay.png")
    assert png(replay_figure(nothing, table, TITLES))
    assert len(replay({"a_0shot": frame(12).iloc[:0], "b_5shot": frame(30, 1)}, "later", "own", 0.9)) == 30


def test_the_farthest_outside_come_first() -> None:
    rows = replayed().head(3).assign(predicted=0.5, low=0.4, high=0.6)
    rows = rows.assign(actual=[0.65, 0.55, 0.1], inside=[False, True, False])
    farthest = farthest_outside(rows, 5)
    assert farthest["actual"].tolist() == [0.1, 0.65]
    np.testing.assert_allclose(farthest["beyond"], [3.0, 0.5])


def test_the_page_holds_the_figures() -> None:
    rows = replayed()
    table = calibration(rows)
    page = replay_page(rows, table, TITLES, "replay.png")
    whole = table[table["period"] == ALL].iloc[0]
    assert f"{whole['inside']:.1%} lay inside" in page
    assert all(word in page for word in ("2023 Q2", "A (0-shot)", "B (5-shot)", "(replay.png)", "3 cut-offs"))
    assert "Registered forecasts" not in page
    both = pd.concat([table, table.assign(source="registered")])
    assert "Registered forecasts that are settled" in replay_page(rows, both, TITLES, "replay.png")
    report = calibration_page(both, "calibration.png", {"win": (4, 3), "lose": (0, 0)})
    assert "win: 3 of 4 won" in report
    assert "lose" not in report
    assert "None is settled yet" in calibration_page(table, "calibration.png", {})


def png(figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=50, metadata={"Software": None})
    return stream.getvalue()


def test_equal_tables_are_equal_figures_and_labels_do_not_overlap() -> None:
    rows = replayed()
    rows.loc[:20, "actual"] = 0.05
    rows.loc[:20, "inside"] = False
    table = calibration(rows)
    figure = replay_figure(rows, table, TITLES)
    assert png(figure) == png(replay_figure(rows, table, TITLES))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    panels = [axes for axes in figure.axes if axes.get_visible()]
    boxes = [text.get_window_extent(renderer) for axes in panels for text in axes.texts]
    assert len(boxes) > 10
    overlapping = [1 for i, box in enumerate(boxes) for other in boxes[:i] if box.overlaps(other)]
    assert overlapping == []
    assert png(calibration_figure(table)) == png(calibration_figure(table))


def test_nothing_to_draw_is_said() -> None:
    rows = replayed()
    with pytest.raises(DataError, match="nothing to show"):
        calibration_figure(calibration(rows).head(0))
