"""The mixture study on a table made from a known law: the law wins, the limits hold, broken tables are refused."""

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.mixtures import figures
from foretell.mixtures.predict import ExponentialMixing
from foretell.mixtures.settings import MixSettings
from foretell.mixtures.study import MixStudy, mix
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE

NAMES = ("web", "code", "books")
LAW = ExponentialMixing(np.array([1.5, 2.0]), np.array([[-2.0, 0.5, 1.0], [0.3, -3.0, 0.8]]))
SETTINGS = MixSettings(refits=5, tree_refits=5, candidates=300, n_bootstrap=100, budget_gib=100.0, max_distance=0.1)
DOMAINS = pd.DataFrame({"domain": NAMES, "natural_pct": [45.0, 20.0, 10.0], "raw_size_gib": [500.0, 15.0, 90.0]})


def table(n_train: int = 80, n_test: int = 30) -> pd.DataFrame:
    w = np.random.default_rng(0).dirichlet(np.ones(3), n_train + n_test)
    frame = pd.DataFrame(w, columns=[f"weight_{name}" for name in NAMES])
    losses = pd.DataFrame(LAW.predict(w), columns=["loss_nats_web", "loss_nats_code"])
    split = ["train"] * n_train + ["test"] * n_test
    return pd.concat([frame, losses], axis=1).assign(
        split=split, proxy_params=1_000_000, mixture_id=range(1, n_train + n_test + 1)
    )


@pytest.fixture(scope="module")
def study() -> MixStudy:
    return mix(table(), DOMAINS, SETTINGS)


def test_the_law_that_made_the_table_ranks_first(study: MixStudy) -> None:
    ranks = study.tables["held_out"]
    assert ranks["predictor"].iloc[0] == "exponential"
    assert ranks.set_index(["predictor", "loss"]).loc[("exponential", "mean"), "spearman"] == pytest.approx(1.0)


def test_choices_keep_the_repetition_cap_and_the_distance(study: MixStudy) -> None:
    best = study.tables["best_mixtures"]
    assert best.groupby("predictor")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert best.loc[best["domain"] == "code", "weight"].max() <= 0.6 + 1e-6  # 4 epochs of 15 GiB in 100
    assert best["natural"].head(3).to_numpy() == pytest.approx([0.6, 0.8 / 3, 0.4 / 3])
    assert study.tables["best_losses"]["distance"].max() <= 0.1 + 1e-6


def test_other_scales_change_nothing_but_the_transfer_and_its_verdict(study: MixStudy) -> None:
    small = table()
    larger = small[small["split"] == "test"].assign(proxy_params=60_000_000)
    larger = larger.assign(loss_nats_web=larger["loss_nats_web"] - 0.5)
    reversed_order = larger.assign(loss_nats_web=10 - larger["loss_nats_web"])
    kept, lost = (
        mix(pd.concat([small, rows], ignore_index=True), DOMAINS, SETTINGS) for rows in (larger, reversed_order)
    )
    for name in ("held_out", "best_mixtures", "smallest_changes", "own_weight"):
        pd.testing.assert_frame_equal(kept.tables[name], study.tables[name])
    measured = kept.tables["transfer"].query("ranked_by == 'measured'").set_index("loss")
    assert measured["spearman"].to_numpy() == pytest.approx(1.0)
    assert measured.loc["web", "regret_nats"] == 0
    assert measured.loc["web", "spread_ratio"] == pytest.approx(1.0)
    by_verdict = [{f.name: f.verdict for f in s.findings}["small_scale_effects_vanish"] for s in (kept, lost)]
    assert by_verdict == [NOT_CONFIRMED, CONFIRMED]


def test_smallest_changes_reach_what_was_asked_or_say_why_not(study: MixStudy) -> None:
    changes = study.tables["smallest_changes"]
    reached = changes["reason"] == ""
    assert reached.any()
    assert (changes.loc[reached, "largest_reduction_nats"] >= changes.loc[reached, "reduction_nats"]).all()
    assert changes.loc[~reached, "distance_tv"].isna().all()


def test_the_scale_is_named_and_nothing_is_claimed_beyond_it(study: MixStudy) -> None:
    assert "1,000,000 parameters only" in study.scale.statement
    verdicts = {finding.name: finding.verdict for finding in study.findings}
    assert verdicts["small_scale_effects_vanish"] == NOT_TESTABLE
    assert verdicts["downweighted_domain_learned_less"] == CONFIRMED


def test_a_farther_mixture_is_never_promised_less(study: MixStudy) -> None:
    assert (np.diff(study.tables["frontier"]["gain_exponential_nats"]) >= -1e-8).all()


def test_figures_are_drawn_with_units(study: MixStudy) -> None:
    drawn = [
        figures.held_out_figure(study.tables["held_out"]),
        figures.mixture_figure(study.tables["best_mixtures"]),
        figures.frontier_figure(study.tables["frontier"], "kl"),
    ]
    labels = " ".join(axes.get_xlabel() + axes.get_ylabel() for figure in drawn for axes in figure.axes)
    assert "percent" in labels
    assert "nats" in labels


def test_broken_tables_are_refused() -> None:
    with pytest.raises(DataError, match="both splits"):
        mix(table(n_test=0), DOMAINS, SETTINGS)
    with pytest.raises(DataError, match="no natural weight of books"):
        mix(table(), DOMAINS.iloc[:2], SETTINGS)
    with pytest.raises(DataError, match="weights"):
        mix(table().assign(weight_web=0.9), DOMAINS, SETTINGS)
