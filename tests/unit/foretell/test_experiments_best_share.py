"""The best share: a parabola gives its minimum, edges and flat curves are said to be so, intervals cover the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.best_share import (
    FLAT,
    best_share,
    best_share_table,
    code_weightings,
    lowest,
)
from foretell.experiments.figures_shares import best_share_figure
from foretell.experiments.settings import BestShareSettings

SHARES = np.array([0.0, 10, 20, 40, 60, 80, 100])
SETTINGS = BestShareSettings(level=0.95, n_bootstrap=500, seed=0)


def losses(noise: float = 0.0, seed: int = 0, **curves: Callable[[float], float]) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = [
        (domain, share, run, curve(share) + 0.3 * run + noise * random.normal())
        for domain, curve in curves.items()
        for share in SHARES
        for run in (1, 2, 3)
    ]
    return pd.DataFrame(rows, columns=["domain", "share", "seed", "loss"])


def test_a_parabola_gives_its_minimum_exactly() -> None:
    table = losses(code=lambda s: 1.0 + (s - 37.0) ** 2 / 1000)
    best = best_share(table, {"code": 2.0}, SETTINGS)
    assert best.share == pytest.approx((37.0, 37.0, 37.0))
    assert best.loss == pytest.approx((1.6, 1.6, 1.6))  # the seeds' mean offset is 0.6
    assert (best.at_edge, best.reason) == (False, "")


def test_weights_move_the_best_share_between_the_domains_minima() -> None:
    table = losses(code=lambda s: (s - 70) ** 2 / 1000, books=lambda s: (s - 10) ** 2 / 1000)
    for weight in (0.25, 0.5, 0.8):
        best = best_share(table, {"code": 10 * weight, "books": 10 * (1 - weight)}, SETTINGS)
        assert best.share.estimate == pytest.approx(10 + 60 * weight)


def test_a_falling_loss_is_lowest_at_the_edge() -> None:
    best = best_share(losses(code=lambda s: 5 - s / 50), {"code": 1.0}, SETTINGS)
    assert best.share == (100.0, 100.0, 100.0)
    assert best.at_edge and "largest share that was run, 100 %" in best.reason


def test_a_flat_loss_has_no_best_share() -> None:
    for noise in (0.0, 0.05):
        best = best_share(losses(noise, code=lambda s: 2.0), {"code": 1.0}, SETTINGS)
        assert best.reason == FLAT and np.isnan(best.share.estimate)


def test_intervals_cover_the_true_minimum() -> None:
    covered = 0
    for seed in range(60):
        table = losses(0.15, seed, code=lambda s: (s - 47.0) ** 2 / 1000)
        covered += best_share(table, {"code": 1.0}, SETTINGS).share.contains(47.0)
    assert covered >= 50  # of 60; 95 % are 57, and 50 or fewer happen about once in ten thousand


def test_an_interval_that_reaches_an_edge_says_so() -> None:
    best = best_share(losses(0.05, code=lambda s: (s - 89.9) ** 2 / 3000), {"code": 1.0}, SETTINGS)
    assert best.share.high == 100.0 and "largest share" in best.reason


def test_lowest_of_uneven_places() -> None:
    x = np.array([0.0, 1.0, 4.0, 5.0])
    curves = np.array([(x - 2.5) ** 2 + 1, -x, x])
    place, value = lowest(x, curves)
    np.testing.assert_allclose(place, [2.5, 5.0, 0.0])
    np.testing.assert_allclose(value, [1.0, -5.0, 0.0], atol=1e-12)


def test_the_table_has_a_row_per_weighting_and_the_weight_of_code_moves_it() -> None:
    curves = {"code": lambda s: (s - 70) ** 2 / 1000, "natural language": lambda s: (s - 10) ** 2 / 1000}
    table = best_share_table(losses(**curves), code_weightings(25), SETTINGS)
    assert table["weighting"].tolist() == ["0", "25", "50", "75", "100"]
    np.testing.assert_allclose(table["share"], [10, 25, 40, 55, 70])
    axes = best_share_figure(table).axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), dtype=float), table["share"])


@pytest.mark.parametrize("weights", [{"code": -1.0, "books": 2.0}, {"code": 0.0}])
def test_impossible_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(DataError, match="expected none below 0"):
        best_share(losses(code=lambda s: s, books=lambda s: s), weights, SETTINGS)


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(DataError, match="no domain 'web'"):
        best_share(losses(code=lambda s: s), {"web": 1.0}, SETTINGS)
