"""Tables of loss against share and of effects: closed forms, noise-free seeds, faults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.figures_shares import share_figure
from foretell.experiments.shares import (
    CODE,
    LOWERS,
    NATURAL_LANGUAGE,
    NO_EFFECT,
    RAISES,
    effect,
    effect_table,
    loss_table,
    share_losses,
)

SHARES = (0, 10, 20, 40, 60, 80, 100)


def recorded(noise: Callable[[int, int], float] = lambda share, seed: 0.0) -> pd.DataFrame:
    """Metrics of 3 seeds: code's loss falls by 0.01 per point, books' rises by 0.02, the manuals' stays."""
    domains = {CODE: lambda s: 4 - 0.01 * s, "books": lambda s: 2 + 0.02 * s, "manuals": lambda s: 3.0}
    rows = [
        (
            "code_share",
            f"code={share}",
            seed,
            step,
            f"{domain}/bits_per_byte",
            loss(share) + noise(share, seed) + (step == 0),
        )
        for share in SHARES
        for seed in (1, 2, 3)
        for step in (0, 260)
        for domain, loss in domains.items()
    ]
    table = pd.DataFrame(rows, columns=["experiment", "setting", "seed", "step", "metric", "value"])
    other = table.head(3).assign(experiment="grokking", metric="test_accuracy")
    return pd.concat([table, other, table.head(3).assign(metric="accuracy")], ignore_index=True)


def test_losses_are_those_of_the_last_step_and_language_is_their_mean() -> None:
    losses = share_losses(recorded())
    assert len(losses) == 4 * len(SHARES) * 3
    at_40 = losses[losses["share"] == 40].groupby("domain")["loss"].mean()
    assert dict(at_40) == pytest.approx({CODE: 3.6, "books": 2.8, "manuals": 3.0, NATURAL_LANGUAGE: 2.9})


def test_seeds_without_noise_give_intervals_without_width() -> None:
    losses = share_losses(recorded())
    table = loss_table(losses, 0.95)
    np.testing.assert_allclose(table["high"] - table["low"], 0, atol=1e-12)
    effects = effect_table(losses, 0.95)
    np.testing.assert_allclose(effects["high"] - effects["low"], 0, atol=1e-12)
    by_domain = effects.groupby("domain")
    np.testing.assert_allclose(by_domain["effect"].mean()[[CODE, "books", "manuals"]], [-0.1, 0.2, 0.0], atol=1e-12)
    assert {name: set(rows["sign"]) for name, rows in by_domain} == {
        CODE: {LOWERS},
        "books": {RAISES},
        "manuals": {NO_EFFECT},
        NATURAL_LANGUAGE: {RAISES},
    }


def test_a_seed_that_is_worse_at_every_share_does_not_widen_an_effect() -> None:
    losses = share_losses(recorded(lambda share, seed: 0.5 * seed))
    table = loss_table(losses, 0.95)
    # t interval of 0.5, 1.0, 1.5 above the mean: 4.3027 x 0.5 / sqrt(3)
    np.testing.assert_allclose(table["high"] - table["loss"], 4.302653 * 0.5 / np.sqrt(3), rtol=1e-6)
    effects = effect_table(losses, 0.95)
    np.testing.assert_allclose(effects["high"] - effects["low"], 0, atol=1e-12)


def test_an_effect_within_the_seeds_noise_is_none() -> None:
    losses = share_losses(recorded(lambda share, seed: (seed - 2) * (-1) ** SHARES.index(share)))
    assert set(effect_table(losses, 0.95)["sign"]) == {NO_EFFECT}


def test_an_effect_between_shares_that_were_not_run_is_interpolated() -> None:
    losses = share_losses(recorded())
    row = effect(losses, "books", (25, 55), 0.95)
    assert row["effect"] == pytest.approx(0.2)
    assert effect(losses, "books", (55, 25), 0.95)["effect"] == pytest.approx(0.2)  # per 10 points more, either way
    for change in ((50, 50), (-1, 20), (20, 101)):
        with pytest.raises(DataError, match="expected two shares from 0 to 100"):
            effect(losses, "books", change, 0.95)


def test_the_figure_shows_every_loss_and_effect_once() -> None:
    losses = share_losses(recorded(lambda share, seed: 0.1 * seed))
    table, effects = loss_table(losses, 0.95), effect_table(losses, 0.95)
    left, right = share_figure(table, effects).axes
    for axes, rows, column in ((left, table, "loss"), (right, effects, "effect")):
        shown = [container.lines[0].get_ydata() for container in axes.containers]
        np.testing.assert_array_equal(np.concatenate(shown), rows.sort_values("domain", kind="stable")[column])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda m: m.drop(columns="seed"), "no columns seed"),
        (lambda m: m[m["experiment"] != "code_share"], "no row of experiment code_share"),
        (lambda m: m.replace("code=20", "share=20"), "'share=20', expected code="),
        (lambda m: m[(m["setting"] != "code=20") | (m["step"] == 0) | (m["seed"] != 2)], "end at different steps"),
        (lambda m: m[(m["setting"] != "code=20") | (m["seed"] != 2)], "a seed lacks a share"),
        (lambda m: m[m["seed"] == 1], "1 seeds, 7 shares"),
        (lambda m: pd.concat([m, m.tail(9)]).query("metric != 'x'").pipe(lambda t: pd.concat([t, t])), "there twice"),
    ],
)
def test_faulty_metrics_are_refused(damage: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(DataError, match=message):
        share_losses(damage(recorded()))
