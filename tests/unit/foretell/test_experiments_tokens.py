"""Token trends on losses whose truth is planted, and the verdicts that rest on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments import figures_tokens as figures
from foretell.experiments import tokens as module
from foretell.experiments.findings_tokens import check_tokens
from foretell.experiments.tokens import model_sizes, share_difference, stagnated_classes, study_texts, study_tokens
from foretell.trajectories.settings import TraceSettings
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED, XIA

SETTINGS = TraceSettings(n_bootstrap=200)
STEPS = np.round(400 * np.linspace(0.1, 1.0, 13)).astype(int)
N = 240
WORDS = ["the", ",", "moon", "river"]
RUNS = pd.DataFrame(
    [("a", seed, 1_000_000) for seed in (1, 2)] + [("b", seed, 4_000_000) for seed in (1, 2)],
    columns=["setting", "seed", "parameters"],
)


def items_table() -> pd.DataFrame:
    """Function words, punctuation and content words by turns, twelve texts, the last two of code."""
    item = np.arange(N)
    domain = np.where(item >= 200, "code", "language")
    return pd.DataFrame(
        {"item": item, "domain": domain, "source": domain, "text_index": item // 20, "position": item % 20,
         "token": "x", "word": np.array(WORDS)[item % 4]}
    )  # fmt: skip


def losses_table(still: np.ndarray, up: np.ndarray, rise_then_fall: np.ndarray, noise: float = 0.02) -> pd.DataFrame:
    """Losses of four runs: tokens of `still` keep their loss and the rest fall with log step; in the small models
    those of `up` rise, in the large ones those of `rise_then_fall` rise, then fall."""
    x = np.log(STEPS / STEPS[0])[:, None]
    rows = []
    for run, (setting, seed) in enumerate(zip(RUNS["setting"], RUNS["seed"], strict=True)):
        losses = 5.0 - 0.8 * x * ~still[None]
        if setting == "a":
            losses = np.where(up, 5.0 + 0.8 * x, losses)
        else:
            losses = np.where(rise_then_fall, 5.0 + 2.0 * x * (x.max() - x), losses)
        losses = losses + noise * np.random.default_rng(run).standard_normal(losses.shape)
        columns = [module.loss_column(number) for number in range(1, len(STEPS) + 1)]
        frame = pd.DataFrame(losses.T, columns=columns)
        rows.append(frame.assign(setting=setting, seed=seed, item=np.arange(N)).sample(frac=1, random_state=run))
    return pd.concat(rows, ignore_index=True)


def texts_table(small: dict[str, float], large: dict[str, float], contrast_rise: float) -> pd.DataFrame:
    """Losses of ten texts of each kind: constant, but those of the contrast, which fall and, in the large models,
    rise again by `contrast_rise`."""
    rows = []
    for setting, seed in zip(RUNS["setting"], RUNS["seed"], strict=True):
        levels = small if setting == "a" else large
        for text in range(10):
            for number, step in enumerate(STEPS):
                common = {"setting": setting, "seed": seed, "step": step, "text_index": text, "n_tokens": 20}
                spread = 0.01 * ((text * 7 + (setting == "a") * 3) % 5)
                rows += [{**common, "kind": kind, "loss_nats": level + spread} for kind, level in levels.items()]
                path = 6.0 - 2.0 * min(number, 6) / 6
                if setting == "b" and number > 6:
                    path += contrast_rise * (number - 6) / 6
                rows.append({**common, "kind": "small_over_large", "loss_nats": path + 0.01 * (text % 3)})
    return pd.DataFrame(rows)


HIGH = {"random_tokens": 9.0, "shuffled_words": 7.0, "false_statements": 6.0}
LOW = {kind: loss - 0.5 for kind, loss in HIGH.items()}
ITEM = np.arange(N)
STILL = (ITEM % 4 < 2) & (ITEM % 3 > 0)  # function words and punctuation only
UP = (ITEM % 12 == 3) & (ITEM < 200)


def test_planted_trends_are_found_and_the_findings_confirmed() -> None:
    tables = study_tokens(losses_table(STILL, UP, UP), items_table(), texts_table(HIGH, LOW, 1.0), RUNS, SETTINGS)
    shares = tables["trend_shares"].query("items == 'all' and stderr == 'ols'").set_index("model")
    assert list(shares.index) == ["a, seed 1", "a, seed 2", "b, seed 1", "b, seed 2"]
    assert shares["stagnated"].to_numpy() == pytest.approx(STILL.mean(), abs=0.03)  # of 0.05 false discoveries
    assert shares["upward"].to_numpy()[:2] == pytest.approx(UP.mean(), abs=0.01)
    overlap = tables["overlap"]
    assert len(overlap) == 6 and (overlap["small_parameters"] <= overlap["large_parameters"]).all()
    pair = overlap[(overlap["small"] == "a, seed 1") & (overlap["large"] == "b, seed 1")].iloc[0]
    assert pair["jaccard"] > 0.9 and pair["p_value"] < 1e-6
    # By chance a set of share s shares about s^2 / (2 s - s^2) = s / (2 - s) with another.
    assert pair["jaccard_by_chance"] == pytest.approx(STILL.mean() / (2 - STILL.mean()), abs=0.02)
    found = {finding.name: finding for finding in check_tokens(tables, SETTINGS.alpha)}
    assert all(finding.source == XIA and "1M to 4M parameters" in finding.reason for finding in found.values())
    for name in ("stagnated_are_function_words", "stagnated_in_small_stagnated_in_large_tokens",
                 "double_descent_tokens", "noise_and_false_prompts", "small_models_keep_hallucinations"):  # fmt: skip
        assert found[name].verdict == CONFIRMED, found[name]
    # Tokens stagnated in the large model are stagnated in the small one here: less often downward than all tokens.
    assert found["stagnated_in_large_downward_in_small_tokens"].verdict == NOT_CONFIRMED
    assert "4 of 4 pairs of sizes above chance" in found["stagnated_in_small_stagnated_in_large_tokens"].figure
    assert "between two seeds of a size" in found["stagnated_in_small_stagnated_in_large_tokens"].figure


def test_the_opposite_is_not_confirmed() -> None:
    content = (ITEM % 4 == 2) & (ITEM % 3 > 0)
    nothing = np.zeros(N, dtype=bool)
    texts = texts_table(LOW, HIGH, contrast_rise=0.0)
    tables = study_tokens(losses_table(content, UP, nothing), items_table(), texts, RUNS, SETTINGS)
    found = {finding.name: finding for finding in check_tokens(tables, SETTINGS.alpha)}
    for name in ("stagnated_are_function_words", "double_descent_tokens", "noise_and_false_prompts",
                 "small_models_keep_hallucinations"):  # fmt: skip
        assert found[name].verdict == NOT_CONFIRMED, found[name]
    assert "the smallest better on 20 of 20 texts" in found["noise_and_false_prompts"].figure


def test_which_classes_stagnate_is_compared_with_all_tokens() -> None:
    items, losses = items_table(), losses_table(STILL, UP, UP)
    sizes = model_sizes(losses, RUNS)
    table = stagnated_classes(
        module.token_trajectories(losses, texts_table(HIGH, LOW, 1.0), items, sizes), items, sizes, SETTINGS
    )
    row = table[(table["model"] == "b, seed 1") & (table["class"] == "language: function words and punctuation")].iloc[
        0
    ]
    assert row["n"] == 100 and row["share_of_all"] == pytest.approx(0.5)
    assert row["share_of_stagnated"] > 0.9 and 0 < row["difference_low"] <= row["difference"] <= row["difference_high"]
    parts = table[(table["model"] == "b, seed 1") & table["class"].isin([f"language: {c}" for c in
                  ("function word", "punctuation", "content word", "number", "white space")])]  # fmt: skip
    assert parts["share_of_stagnated"].sum() == pytest.approx(1.0) and parts["n"].sum() == 200


def test_the_difference_of_shares_by_hand() -> None:
    member = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
    chosen = np.array([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    texts = np.repeat([0, 1, 2, 3], 2)
    found = share_difference(member, chosen, texts, SETTINGS)
    assert found.estimate == pytest.approx(2 / 3 - 3 / 8)
    same = share_difference(member, np.ones(8, dtype=bool), texts, SETTINGS)
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)
    assert np.isnan(share_difference(member, np.zeros(8, dtype=bool), texts, SETTINGS).estimate)
    assert np.isnan(share_difference(member, chosen, np.repeat([0, 1], 4), SETTINGS).low)


def test_paths_of_texts_by_hand() -> None:
    rows = [("a", 1, step, "k", text, 5, loss + text) for step, loss in ((1, 6.0), (2, 4.0), (3, 4.5))
            for text in range(3)]  # fmt: skip
    rows += [("b", 1, step, "k", text, 5, 4.0 + 0.5 * (text == 2)) for step in (1, 2, 3) for text in range(3)]
    frame = pd.DataFrame(rows, columns=module.TEXTS)
    tables = study_texts(frame, {"a, seed 1": 1_000_000, "b, seed 1": 4_000_000})
    path = tables["text_paths"].set_index("model").loc["a, seed 1"]
    assert (path["lowest_step"], path["fall_nats"], path["rise_nats"]) == (2, 2.0, 0.5)
    assert path["first_nats"] == pytest.approx(7.0) and path["last_nats"] == pytest.approx(5.5)
    (pair,) = tables["text_sizes"].to_dict("records")
    assert pair["gap_nats"] == pytest.approx(5.5 - 12.5 / 3) and pair["n_small_better"] == 0
    assert pair["gap_nats_low"] < pair["gap_nats"] < pair["gap_nats_high"]


def test_tables_that_do_not_fit_are_refused() -> None:
    items, texts = items_table(), texts_table(HIGH, LOW, 1.0)
    losses = losses_table(STILL, UP, UP)
    with pytest.raises(DataError, match="does not hold every token"):
        study_tokens(losses.iloc[1:], items, texts, RUNS, SETTINGS)
    with pytest.raises(DataError, match="12 columns of losses, its texts 13 steps"):
        study_tokens(losses.drop(columns="loss_13"), items, texts, RUNS, SETTINGS)
    with pytest.raises(DataError, match="does not hold every token"):
        study_tokens(pd.concat([losses, losses.iloc[:1]]), items, texts, RUNS, SETTINGS)
    with pytest.raises(DataError, match=r"missing: \['b, seed 2'\]"):
        study_tokens(losses, items, texts, RUNS.iloc[:3], SETTINGS)
    with pytest.raises(DataError, match=r"items: no columns \['word'\]"):
        study_tokens(losses, items.drop(columns="word"), texts, RUNS, SETTINGS)
    with pytest.raises(DataError, match="texts: no rows"):
        study_tokens(losses, items, texts.iloc[:0], RUNS, SETTINGS)
    with pytest.raises(DataError, match="tables without rows"):
        check_tokens({}, 0.05)


def test_figures_show_every_size_class_and_pair() -> None:
    tables = study_tokens(losses_table(STILL, UP, UP), items_table(), texts_table(HIGH, LOW, 1.0), RUNS, SETTINGS)
    shares = figures.token_shares_figure(tables["trend_shares"], tables["stage_shares"])
    assert [label.get_text() for label in shares.axes[0].get_xticklabels()] == ["1M", "4M"]
    classes = figures.stagnated_classes_figure(tables["stagnated_classes"])
    assert next(label.get_text() for label in classes.axes[0].get_yticklabels()) == "function word"
    overlap = figures.token_overlap_figure(tables["overlap"])
    labels = [label.get_text() for label in overlap.axes[0].get_yticklabels()]
    assert labels == ["1M / 4M, seed 1", "1M / 4M, seed 2", "1M, two seeds", "4M, two seeds"]
    curves = figures.text_curves_figure(tables["text_curves"])
    drawn = [axes.get_title() for axes in curves.axes if axes.lines]
    assert drawn == ["false statements", "shuffled words", "random tokens", figures.KIND_TITLES["small_over_large"]]
    assert all(len(axes.lines) == 4 for axes in curves.axes if axes.lines)
