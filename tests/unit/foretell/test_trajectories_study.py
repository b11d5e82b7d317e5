"""The study on small tables of known make: what goes in must come out, and bad tables are refused."""

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.trajectories import figures
from foretell.trajectories.findings import check_findings
from foretell.trajectories.settings import TraceSettings
from foretell.trajectories.study import item_trajectories, study_curves, trace
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE, findings_table

SETTINGS = TraceSettings(n_bootstrap=100)
STEPS = np.arange(1, 35) * 2385


def item_table(n_items: int = 20) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for model, d_model, n_layers, level in (("a", 256, 4, 4.0), ("b", 512, 8, 3.0), ("c", 1024, 16, 2.5)):
        for benchmark in ("hellaswag", "mmlu"):
            slopes = rng.choice([0.0, -0.3, 0.2], n_items)
            for item in range(n_items):
                losses = level + slopes[item] * np.log(STEPS / STEPS[-1]) + 0.02 * rng.standard_normal(len(STEPS))
                for step, loss in zip(STEPS, losses, strict=True):
                    rows.append((model, d_model, n_layers, step, step * 2048 * 2048, benchmark, item, loss))
    columns = ["model", "d_model", "n_layers", "step", "tokens", "benchmark", "item", "loss_nats"]
    return pd.DataFrame(rows, columns=columns)


def checkpoint_table() -> pd.DataFrame:
    rng, rows = np.random.default_rng(1), []
    suites = {"opt": (("validation", 0.0), ("task_a", 0.25)), "pythia": (("lambada_openai", 0.0), ("sciq", 0.25),
                                                                        ("piqa", 0.5))}  # fmt: skip
    for suite, benchmarks in suites.items():
        for size in (1e8, 3e8, 1e9, 3e9, 1e10, 3e10, 1e11):
            for step, tokens in enumerate(np.geomspace(1.1e9, 3e11, 12), start=1):
                skill = 1 / (1 + np.exp(-2.0 * (np.log10(size) + np.log10(tokens) - 19)))
                for benchmark, chance in benchmarks:
                    perplexity = 5 + 60 * (1 - skill)
                    row = (suite, f"{suite}-{size:g}", size, step, tokens, benchmark)
                    if benchmark in ("validation", "lambada_openai"):
                        rows.append((*row, "perplexity", perplexity))
                    if benchmark != "validation":
                        score = chance + 0.45 * skill + 0.003 * rng.standard_normal()
                        rows.append((*row, "accuracy", score))
    columns = ["suite", "model", "total_params", "step", "tokens", "benchmark", "metric", "score"]
    table = pd.DataFrame(rows, columns=columns)
    table["score"] = table["score"].clip(lower=0.0)
    return table.assign(n_shot=0, score_stderr=np.where(table["metric"] == "accuracy", 0.004, np.nan))


def curve_table() -> pd.DataFrame:
    rows = []
    for run, params in (("190M-10xC", 1.9e8), ("1B-10xC", 1.3e9)):
        for step, tokens in enumerate(np.geomspace(1e8, params * 200, 40), start=1):
            rows.append(("olmo-ladder", run, params, step, tokens, 20 * params**-0.05 * tokens**-0.05))
    return pd.DataFrame(rows, columns=["study", "run", "params", "step", "tokens", "loss_nats"])


@pytest.fixture(scope="module")
def study():  # type: ignore[no-untyped-def]
    return trace(item_table(), checkpoint_table(), curve_table(), SETTINGS)


def test_sizes_are_twelve_l_d_squared() -> None:
    trajectories, benchmarks, sizes = item_trajectories(item_table())
    assert sizes == {"a": 12 * 4 * 256**2, "b": 12 * 8 * 512**2, "c": 12 * 16 * 1024**2}
    assert trajectories["a"][1].shape == (34, 40)
    assert sorted(set(benchmarks)) == ["hellaswag", "mmlu"]


def test_row_order_does_not_matter(study) -> None:  # type: ignore[no-untyped-def]
    items, checkpoints = item_table().sample(frac=1, random_state=0), checkpoint_table().sample(frac=1, random_state=0)
    again = trace(items, checkpoints, curve_table().sample(frac=1, random_state=0), SETTINGS)
    assert list(again.tables) == list(study.tables)
    for name, table in study.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    assert again.findings == study.findings


def test_known_answers_come_out(study) -> None:  # type: ignore[no-untyped-def]
    found = {finding.name: finding for finding in study.findings}
    assert len(found) == len(study.findings)
    assert {finding.verdict for finding in study.findings} == {CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE}
    # The scores were made from compute, and so was perplexity: both must rank perfectly, and size alone cannot.
    assert found["perplexity_beats_size_pythia"].verdict == CONFIRMED
    assert found["score_follows_perplexity"].verdict == CONFIRMED
    # The curves are power laws in N and D: the larger model needs fewer tokens and compresses more.
    assert found["larger_models_learn_faster_loss"].verdict == CONFIRMED
    assert found["aggregate_follows_power_law"].verdict == CONFIRMED
    assert found["area_is_code_length"].verdict == CONFIRMED
    # No item was given a hill, and slopes were drawn anew for every model.
    assert found["double_descent"].verdict == NOT_CONFIRMED
    assert found["stagnated_in_small_stagnated_in_large"].verdict == NOT_CONFIRMED
    assert all(f.figure and f.reason for f in study.findings if f.verdict != NOT_TESTABLE)
    assert all(f.reason for f in study.findings)


def test_the_exponent_of_the_curves_comes_back(study) -> None:  # type: ignore[no-untyped-def]
    np.testing.assert_allclose(study.tables["code_length"]["exponent"], -0.05, atol=1e-6)


def test_shares_sum_to_one(study) -> None:  # type: ignore[no-untyped-def]
    for name in ("trend_shares", "stage_shares"):
        sums = study.tables[name][["stagnated", "upward", "downward"]].sum(axis=1)
        np.testing.assert_allclose(sums, 1.0)


def test_a_checkpoint_without_perplexity_is_left_out_and_named() -> None:
    checkpoints = checkpoint_table()
    gone = (checkpoints["benchmark"] == "validation") & (checkpoints["step"] == 7)
    found = trace(item_table(), checkpoints[~gone], curve_table(), SETTINGS).tables["left_out"]
    assert len(found) == 7  # one task, seven sizes
    assert set(found["step"]) == {7}
    assert set(found["reason"]) == {"no validation perplexity at this checkpoint"}


def test_broken_tables_are_refused() -> None:
    items, checkpoints, curves = item_table(), checkpoint_table(), curve_table()
    with pytest.raises(DataError, match="item_losses: no rows"):
        trace(items.iloc[:0], checkpoints, curves, SETTINGS)
    with pytest.raises(DataError, match="model a has no loss of a hellaswag item at step 2385"):
        trace(items.iloc[1:], checkpoints, curves, SETTINGS)
    with pytest.raises(DataError, match="other items"):
        trace(items[(items["model"] != "b") | (items["item"] != 3)], checkpoints, curves, SETTINGS)
    with pytest.raises(DataError, match="no perplexity named"):
        trace(items, checkpoints.assign(suite="other"), curves, SETTINGS)
    with pytest.raises(DataError, match="losses_nats"):
        study_curves(curves.assign(loss_nats=np.nan), SETTINGS)
    with pytest.raises(DataError, match="tables without rows"):
        check_findings({})
    with pytest.raises(DataError, match="none given"):
        findings_table([])


def test_figures_are_drawn_with_units(study) -> None:  # type: ignore[no-untyped-def]
    tables = study.tables
    drawn = [
        figures.trend_shares_figure(tables["trend_shares"], tables["stage_shares"]),
        figures.overlap_figure(tables["overlap"]),
        figures.scores_figure(tables["mean_scores"]),
        figures.learning_figure(tables["learning"]),
        figures.steering_figure(tables["steering"]),
        figures.curves_figure(curve_table()),
    ]
    labels = " ".join(axes.get_xlabel() + axes.get_ylabel() for figure in drawn for axes in figure.axes)
    for unit in ("FLOPs", "billions", "nats per token", "share of items"):
        assert unit in labels
