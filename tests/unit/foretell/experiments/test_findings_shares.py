"""Whether the mixture that ends best is learned fastest: curves whose answer is known."""

from __future__ import annotations

import pandas as pd
import pytest

from foretell.errors import DataError
from foretell.experiments.findings_shares import mixture_speed, weighted_curves
from foretell.trajectories.verdict import CONFIRMED, NOT_CONFIRMED

SUFFIX = "/bits_per_byte"
TOKENS = (100, 200, 400)


def rows(losses: dict[str, tuple[float, float, float]], seeds: int = 2) -> pd.DataFrame:
    """The same loss of code and of two other domains, whose mean counts once, at TOKENS."""
    table = [
        ("code_share", setting, seed, tokens, f"{domain}{SUFFIX}", value + shift)
        for setting, values in losses.items()
        for seed in range(seeds)
        for tokens, value in zip(TOKENS, values, strict=True)
        for domain, shift in (("code", 0.0), ("books", -1.0), ("manuals", 1.0))
    ]
    return pd.DataFrame(table, columns=["experiment", "setting", "seed", "tokens", "metric", "value"])


def test_code_weighs_as_much_as_all_other_domains_together() -> None:
    table = rows({"code=0": (4.0, 3.0, 2.0)}, seeds=1)
    table.loc[table["metric"] == f"code{SUFFIX}", "value"] += 2.0
    assert weighted_curves(table, SUFFIX)["loss"].tolist() == [5.0, 4.0, 3.0]


def test_the_lowest_all_along_is_learned_faster() -> None:
    losses = {"code=0": (5.0, 4.0, 3.0), "code=40": (4.0, 3.0, 2.0), "code=80": (6.0, 5.0, 4.0)}
    finding = mixture_speed(rows(losses), SUFFIX)
    assert finding.verdict == CONFIRMED
    assert "0.50 to 0.50" in finding.figure  # loss 3, where the median mixture ends, at 200 of 400 tokens
    assert "code=40" in finding.reason


def test_the_best_that_was_behind_at_half_of_the_tokens_is_not() -> None:
    losses = {"code=0": (5.0, 4.0, 3.0), "code=40": (7.0, 6.0, 2.0), "code=80": (6.0, 5.0, 4.0)}
    assert mixture_speed(rows(losses), SUFFIX).verdict == NOT_CONFIRMED


def test_two_mixtures_are_too_few() -> None:
    with pytest.raises(DataError, match="at least three"):
        mixture_speed(rows({"code=0": (5.0, 4.0, 3.0), "code=40": (4.0, 3.0, 2.0)}), SUFFIX)


def test_other_experiments_do_not_count() -> None:
    with pytest.raises(DataError, match="code_share"):
        weighted_curves(rows({"code=0": (4.0, 3.0, 2.0)}).assign(experiment="sizes"), SUFFIX)
