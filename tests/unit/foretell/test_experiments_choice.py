"""Option losses become the arrays of `choice_split`, and the verdict follows its rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.choice import accuracy_through_gap, choice_losses, split_curve, split_table
from foretell.trajectories.steering import choice_split
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE


def _table(right: np.ndarray, wrong: np.ndarray, **keys: object) -> pd.DataFrame:
    """Rows from right (steps, items) and wrong (steps, items, n_wrong); NaN: no such option."""
    rows = []
    for step, item in np.ndindex(right.shape):
        losses = [(True, right[step, item]), *((False, loss) for loss in wrong[step, item])]
        rows += [
            {"step": 100 * (step + 1), "task": "t", "item": str(item), "option": number, "is_right": is_right}
            | {"loss_nats_per_token": loss} | keys
            for number, (is_right, loss) in enumerate(losses)
            if np.isfinite(loss)
        ]  # fmt: skip
    return pd.DataFrame(rows)


RNG = np.random.default_rng(0)
RIGHT, WRONG = RNG.uniform(1, 4, (5, 30)), RNG.uniform(1, 4, (5, 30, 3))


def test_the_arrays_come_back_whatever_the_order_of_rows() -> None:
    losses = choice_losses(_table(RIGHT, WRONG).sample(frac=1.0, random_state=1))
    order = np.argsort([str(item) for item in range(30)], kind="stable")  # items by name
    assert losses.steps.tolist() == [100, 200, 300, 400, 500]
    np.testing.assert_array_equal(losses.right_nats, RIGHT[:, order])
    np.testing.assert_array_equal(losses.wrong_nats, WRONG[:, order])


def test_a_missing_option_changes_neither_the_best_wrong_loss_nor_the_mean() -> None:
    wrong = WRONG.copy()
    wrong[:, 7, 2] = np.nan
    losses = choice_losses(_table(RIGHT, wrong))
    place = sorted(str(item) for item in range(30)).index("7")
    np.testing.assert_allclose(losses.wrong_nats[:, place].min(axis=1), np.nanmin(wrong[:, 7], axis=1))
    np.testing.assert_allclose(losses.wrong_nats[:, place].mean(axis=1), np.nanmean(wrong[:, 7], axis=1))


def test_of_several_right_options_the_best_counts() -> None:
    table = _table(RIGHT, WRONG)
    table.loc[table.option == 1, "is_right"] = True
    np.testing.assert_array_equal(
        np.sort(choice_losses(table).right_nats, axis=1), np.sort(np.minimum(RIGHT, WRONG[:, :, 0]), axis=1)
    )


def test_tables_that_cannot_be_split_are_refused() -> None:
    table = _table(RIGHT, WRONG)
    with pytest.raises(DataError, match="is_right"):
        choice_losses(table.drop(columns="is_right"))
    with pytest.raises(DataError, match="there twice"):
        choice_losses(pd.concat([table, table.head(1)]))
    with pytest.raises(DataError, match="not there at every step"):
        choice_losses(table.iloc[1:])
    with pytest.raises(DataError, match="a right and a wrong"):
        choice_losses(table[table.is_right | (table["item"] != "3")])
    with pytest.raises(DataError, match="no rows"):
        split_table(table.head(0), ["model"])


def test_split_per_group_is_choice_split() -> None:
    table = pd.concat([_table(RIGHT, WRONG, model="a"), _table(RIGHT + 1, WRONG, model="b")])
    curve, split = split_curve(table, ["model"]), split_table(table, ["model"])
    for model, right in (("a", RIGHT), ("b", RIGHT + 1)):
        expected = choice_split(right, WRONG)
        rows = curve[curve.model == model]
        np.testing.assert_allclose(rows.accuracy, expected.accuracy)
        np.testing.assert_allclose(rows.gap_nats, expected.gap_nats)
        row = split[split.model == model].iloc[0]
        assert row.gain_gap_nats == pytest.approx(row.gain_from_right_nats + row.gain_from_wrong_nats)
        assert row.r2_gap == pytest.approx(expected.r2_gap)
        change = (right[-1] < WRONG[-1].min(axis=1)).astype(float) - (right[0] < WRONG[0].min(axis=1))
        assert row.gain_stderr == pytest.approx(change.std(ddof=1) / np.sqrt(30))


def _splits(r2_gap: list[float], r2_right: float = 0.6, gain: float = 0.3) -> pd.DataFrame:
    n = len(r2_gap)
    return pd.DataFrame(
        {
            "run": range(n), "n_checkpoints": 5, "accuracy_first": 0.25, "accuracy_last": 0.25 + gain,
            "gain_stderr": 0.05, "gain_from_right_nats": 1.0, "gain_from_wrong_nats": -0.7, "r2_right": r2_right,
            "r2_wrong": 0.5, "r2_gap": r2_gap,
        }
    )  # fmt: skip


def test_the_verdict_follows_the_sign_tests() -> None:
    """Six of six runs: p = 1/64 <= 0.025; five of six: 7/64."""
    finding = accuracy_through_gap(_splits([0.9] * 6), ["run"], "models of 3M parameters")
    assert finding.verdict == CONFIRMED
    assert "gap 0.90, right option 0.60, best wrong option 0.50" in finding.figure
    assert "3M parameters" in finding.figure
    assert accuracy_through_gap(_splits([0.9] * 5 + [0.55]), ["run"], "tiny").verdict == NOT_CONFIRMED
    assert accuracy_through_gap(_splits([0.9] * 6, r2_right=0.95), ["run"], "tiny").verdict == NOT_CONFIRMED


def test_runs_whose_accuracy_did_not_rise_do_not_speak() -> None:
    for few in (_splits([0.9] * 5), _splits([0.9] * 20, gain=0.09), _splits([0.9] * 20).assign(n_checkpoints=4)):
        finding = accuracy_through_gap(few, ["run"], "tiny")
        assert finding.verdict == NOT_TESTABLE
        assert finding.figure == ""
        assert "tiny" in finding.reason


def test_sources_of_a_run_are_one_vote() -> None:
    rows = _splits([0.9] * 12).assign(run=[0] * 12)
    assert accuracy_through_gap(rows, ["run"], "tiny").verdict == NOT_TESTABLE
    with pytest.raises(DataError, match="setting"):
        accuracy_through_gap(rows, ["run", "setting"], "tiny")
