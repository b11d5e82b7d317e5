"""The forecast: what it recovers where the law is known, what it must not see, and what it stores."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from simulated import FEATURES, SLOPE, simulated_task

from foretell.answering.boosters import contributions, predict_rows
from foretell.answering.intervals import bounded
from foretell.answering.predictor import Predictor
from models.catalogue import FORECAST, LINE_BOOSTED_TREES, LINE_EXTRA_TREES, MEMBERS
from models.fitting import card, fit_blend
from models.forecast.fitting import FittedForecast, blend_weights, fit_forecast, out_of_fold, queries_of
from models.forecast.folds import inner_folds
from models.forecast.members import FORESTED, Inputs, fit_line, fit_members, predict_members
from models.forecast.merging import below, merge
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import Scheme
from models.splits import Fold, Splits
from models.task import Task

PROTOCOL = Protocol(max_depth=(3,), learning_rate=(0.1,), n_estimators=(100,))


def later(task: Task) -> Splits:
    """The rolling origin of a task."""
    [split] = Scheme.TIME.splits(task, 1, PROTOCOL)
    return split


def mean_error(task: Task, fold: Fold) -> float:
    """Mean absolute error of the members' mean on one fold."""
    mean = predict_members(Inputs(task, FEATURES), fold.train, fold.test).mean(axis=1)
    return float(np.abs(1 / (1 + np.exp(-mean)) - task.scores[fold.test]).mean())


def error_of_trees_on_scale(task: Task, splits: Splits) -> float:
    """The same of trees on parameters and tokens, over the outer folds of `splits`."""
    predicted = nested_cv(Problem.of(task, FEATURES[:2], [splits], PROTOCOL)).predictions[0]
    tested = np.concatenate([fold.test for fold in splits.outer])
    return float(np.abs(predicted[tested] - task.scores[tested]).mean())


@pytest.fixture(scope="module")
def task() -> Task:
    return simulated_task(0)


@pytest.fixture(scope="module")
def fitted(task: Task) -> FittedForecast:
    return fit_forecast(Inputs(task, FEATURES), later(task).outer[2].train)


def test_the_line_recovers_the_law(task: Task) -> None:
    line = fit_line(Inputs(task, FEATURES), np.arange(len(task.scores)))
    assert line.slope == pytest.approx(SLOPE, rel=0.2)


def test_later_models_are_forecast_better_than_by_trees_on_scale(task: Task) -> None:
    """Later models are larger: trees on scale repeat their outermost answer there, and the forecast goes on."""
    folds = later(task)
    forecast = np.average([mean_error(task, fold) for fold in folds.outer], weights=[f.test.size for f in folds.outer])
    assert forecast < 0.7 * error_of_trees_on_scale(task, folds)


def test_what_months_teach_is_lost_when_they_are_shuffled() -> None:
    """Where scores rise from month to month, knowing the months helps, and months dealt anew do not: what a month is
    worth comes from the dates, not from the models that are predicted."""
    gains = []
    for shuffle_dates in (False, True):
        dated = simulated_task(0, progress=0.06, shuffle_dates=shuffle_dates)
        undated = replace(dated, design=dated.design.drop(columns="release_month"))
        folds = Scheme.RANDOM.splits(dated, 1, PROTOCOL)[0].outer
        with_months, without = (np.mean([mean_error(each, fold) for fold in folds]) for each in (dated, undated))
        gains.append(1 - with_months / without)
    assert gains[0] > 0.15
    assert gains[1] < 0.05


def test_what_comes_later_changes_nothing(task: Task, fitted: FittedForecast) -> None:
    fold = later(task).outer[2]
    scores = task.scores.copy()
    unseen = np.setdiff1d(np.arange(scores.size), fold.train)
    scores[unseen] = scores[unseen][::-1]
    other = fit_forecast(Inputs(Task(task.target, task.design, scores, task.encoding), FEATURES), fold.train)
    queries = queries_of(Inputs(task, FEATURES), fold.test)
    np.testing.assert_array_equal(
        fitted.model.blend.scores(queries.encoded, queries.months),
        other.model.blend.scores(queries.encoded, queries.months),
    )
    pd.testing.assert_frame_equal(fitted.errors, other.errors)
    assert fitted.weights == other.weights


def test_inner_folds_hold_out_what_they_say(task: Task) -> None:
    rows = later(task).outer[2].train
    months, families = task.release_months, np.array(task.families)
    kinds = {}
    for each in inner_folds(task, rows):
        kinds.setdefault(each.scheme, []).append(each.fold)
        assert not set(each.fold.train) & set(each.fold.test)
        assert set(each.fold.train) | set(each.fold.test) <= set(rows)
    for fold in kinds[Scheme.FAMILY]:
        assert not set(families[fold.train]) & set(families[fold.test])
    for fold in kinds[Scheme.TIME]:
        assert months[fold.train].max() <= months[fold.test].min()
    tested = np.sort(np.concatenate([fold.test for fold in kinds[Scheme.FAMILY]]))
    np.testing.assert_array_equal(tested, np.sort(rows))


def test_intervals_hold_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(2):
        other = simulated_task(seed)
        inputs = Inputs(other, FEATURES)
        for fold in later(other).outer[1::4]:
            made = fit_forecast(inputs, fold.train)
            queries = queries_of(inputs, fold.test)
            raw = made.model.answers(queries, made.support.verdicts(queries.encoded), 0.9)
            _, low, high = bounded(raw.score, raw.low, raw.high, (0.0, 1.0))
            held += ((low <= other.scores[fold.test]) & (other.scores[fold.test] <= high)).tolist()
    assert 0.8 < np.mean(held) <= 1.0


def test_weights_are_convex_and_shrunk_towards_equal_ones(task: Task, fitted: FittedForecast) -> None:
    weights = np.array(list(fitted.weights.values()))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0.8 / 3 - 1e-9).all()
    rows = later(task).outer[2].train
    out = out_of_fold(Inputs(task, FEATURES), rows)
    exact = np.tile(np.log(task.scores / (1 - task.scores))[out.row][:, None], (1, 3))
    exact[:, 1:] += 5.0  # members that are far off
    chosen = blend_weights(type(out)(out.row, out.fold, out.scheme, exact, out.train), task.scores, (0.0, 1.0))
    assert chosen.tolist() == pytest.approx([0.2 + 0.8 / 3, 0.8 / 3, 0.8 / 3])


def test_merged_trees_answer_as_their_members_do(task: Task) -> None:
    inputs, fold = Inputs(task, FEATURES), later(task).outer[2]
    with_gaps = inputs.encoded.copy()
    with_gaps[::4, 2] = np.nan  # what is unknown goes the way that scikit-learn sends it
    inputs.__dict__["encoded"] = with_gaps
    _, trees = fit_members(inputs, fold.train)
    columns = inputs.columns(fold.test, inputs.newest(fold.train))
    answers = trees.predict(columns)
    booster = merge(trees.forest, np.array([0.3, 0.5]), trees.boosted, 0.2)
    expected = 0.3 * answers[FORESTED[0]] + 0.5 * answers[FORESTED[1]] + 0.2 * answers[LINE_BOOSTED_TREES]
    np.testing.assert_allclose(predict_rows(booster, columns.astype(float)), expected, atol=2e-6)
    np.testing.assert_allclose(contributions(booster, columns.astype(float)).sum(axis=1), expected, atol=2e-6)


def test_a_threshold_in_float64_sends_the_same_float32_left() -> None:
    thresholds = np.array([0.1, 1.0, 1 / 3, -2.5, 7e9, np.inf])
    bounds = below(thresholds).astype(np.float32)
    for threshold, bound in zip(thresholds, bounds, strict=True):
        nearest = np.float32(threshold)
        for x in (np.nextafter(nearest, np.float32(-np.inf)), nearest, np.nextafter(nearest, np.float32(np.inf))):
            if np.isfinite(x):
                assert bool(x < bound) == bool(np.float64(x) <= threshold)


def test_a_stored_forecast_answers_as_the_fitted_one(task: Task, tmp_path: Path) -> None:
    made = fit_blend(task, FEATURES)
    for name, booster in made.boosters.items():
        (tmp_path / name).write_bytes(booster.save_raw("ubj"))
    for name, table in {"training.csv": made.training, **made.tables}.items():
        table.to_csv(tmp_path / name, index=False)
    with (tmp_path / "predictor.yaml").open("w") as stream:
        YAML().dump(card(task, FORECAST.name, FEATURES, made, 0.9, True).to_dict(), stream)
    stored = Predictor.load(tmp_path)
    designs = task.design[[*FEATURES, "release_month"]].iloc[:5]
    answers = stored.predict(designs)
    own = fit_forecast(Inputs(task, FEATURES), np.arange(len(task.scores)))
    queries = queries_of(Inputs(task, FEATURES), np.arange(5))
    np.testing.assert_allclose(answers["score"], own.model.blend.scores(queries.encoded, queries.months), atol=1e-6)
    parts = [name for name in answers if name.startswith("contribution_")]
    np.testing.assert_allclose(answers[parts].sum(axis=1), answers["score"], atol=1e-6)
    assert "contribution_release_month" in parts
    one = stored.predict({"total_params": 1e10, "tokens_billions": 1000.0, "activation": "swiglu"})
    larger = stored.predict({"total_params": 1e12, "tokens_billions": 20000.0, "activation": "swiglu"})
    assert one.low <= one.score <= one.high
    assert larger.score > one.score  # beyond every model the offsets go on
    assert larger.support == "outside"
    assert larger.high - larger.low > one.high - one.low or larger.high == 1.0
    both = stored.compare(
        {"total_params": 1e10, "tokens_billions": 1000.0}, {"total_params": 2e10, "tokens_billions": 1e3}
    )
    assert both.difference.difference > 0


def test_members_are_predicted_in_the_order_of_the_catalogue(task: Task) -> None:
    fold = later(task).outer[2]
    inputs = Inputs(task, FEATURES)
    offsets, trees = fit_members(inputs, fold.train)
    answers = trees.predict(inputs.columns(fold.test, inputs.newest(fold.train)))
    position = MEMBERS.index(LINE_EXTRA_TREES)
    np.testing.assert_allclose(
        predict_members(inputs, fold.train, fold.test)[:, position],
        offsets[LINE_EXTRA_TREES][fold.test] + answers[LINE_EXTRA_TREES],
    )


def test_long_tables_are_answered_without_contributions(task: Task, fitted: FittedForecast) -> None:
    inputs = Inputs(task, FEATURES)
    stored = Predictor(
        card(task, FORECAST.name, FEATURES, fit_blend(task, FEATURES), 0.9, True),
        fitted.model,
        pd.DataFrame({"model_id": inputs.task.model_ids}),
        fitted.support,
    )
    designs = task.design[list(FEATURES)].iloc[:4]
    with_parts, alone = stored.predict(designs), stored.predict(designs, contributions=False)
    parts = [name for name in with_parts if name.startswith("contribution_")]
    pd.testing.assert_frame_equal(with_parts.drop(columns=parts), alone)
