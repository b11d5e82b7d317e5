"""Loss against the share of code in the training data, all else fixed: from the recorded metrics of the runs of
`code_share` to tables of losses and effects with intervals over seeds. A seed fixes a run's first weights and the order
of its data at every share, so that shares are compared within seeds (paired).

All losses are bits per byte of held-out text; shares are percentages of the training tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.stats import benjamini_hochberg, mean_interval, paired_t

EXPERIMENT = "code_share"
SETTING = r"code=(\d+(?:\.\d+)?)"
COLUMNS = ("experiment", "setting", "seed", "step", "metric", "value")
CODE = "code"
NATURAL_LANGUAGE = "natural language"
"""The plain mean over the domains that are not code."""
RAISES, LOWERS, NO_EFFECT = "raises", "lowers", "no effect"
POINTS = 10.0
"""Effects are stated per this many percentage points of code."""


def share_losses(metrics: pd.DataFrame, suffix: str = "/bits_per_byte") -> pd.DataFrame:
    """Final held-out losses: one row per `domain`, `share` and `seed` with its `loss`.

    `metrics` are rows of recorded metrics (COLUMNS); those of EXPERIMENT whose metric is a domain's name and `suffix`
    are taken, at each run's last step. A domain NATURAL_LANGUAGE is added. Raises DataError when there are none, when a
    setting is not `code=<percent>`, when runs end at different steps, when a loss is missing, or when there are fewer
    than 2 seeds or 3 shares.
    """
    missing = [column for column in COLUMNS if column not in metrics]
    if missing:
        raise DataError(f"metrics: no columns {', '.join(missing)}")
    rows = metrics[(metrics["experiment"] == EXPERIMENT) & metrics["metric"].astype(str).str.endswith(suffix)]
    if rows.empty:
        raise DataError(f"metrics: no row of experiment {EXPERIMENT} with a metric <domain>{suffix}")
    shares = rows["setting"].str.extract(f"^{SETTING}$")[0]
    if shares.isna().any():
        raise DataError(f"metrics: setting {rows['setting'][shares.isna()].iloc[0]!r}, expected code=<percent>")
    rows = rows.assign(share=shares.astype(float), domain=rows["metric"].str.removesuffix(suffix))
    last = rows.groupby(["share", "seed"])["step"].max()
    if last.nunique() > 1:
        raise DataError(f"metrics: runs end at different steps ({last.min()} to {last.max()}); finish all of them")
    losses = rows[rows["step"] == last.iloc[0]][["domain", "share", "seed", "value"]].rename(columns={"value": "loss"})
    language = losses[losses["domain"] != CODE].groupby(["share", "seed"], as_index=False)["loss"].mean()
    losses = pd.concat([losses, language.assign(domain=NATURAL_LANGUAGE)], ignore_index=True)
    for domain in losses["domain"].unique():
        seeds_by_shares(losses, domain)
    ordered: pd.DataFrame = losses.sort_values(["domain", "share", "seed"], ignore_index=True)
    return ordered


def seeds_by_shares(losses: pd.DataFrame, domain: str) -> tuple[Floats, Floats]:
    """A domain's shares (n_shares,), increasing, and its losses (n_seeds, n_shares) from rows of `share_losses`. Raises
    DataError unless every seed has one finite loss at every share, with at least 2 seeds and 3 shares."""
    rows = losses[losses["domain"] == domain]
    if rows.empty:
        raise DataError(f"losses: no domain {domain!r}; expected one of {', '.join(sorted(set(losses['domain'])))}")
    if rows.duplicated(["share", "seed"]).any():
        raise DataError(f"losses of {domain}: a share and a seed are there twice")
    wide = rows.pivot(index="seed", columns="share", values="loss").sort_index().sort_index(axis=1)
    values = wide.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"losses of {domain}: a seed lacks a share or a loss is not finite; run every seed at each")
    if len(wide) < 2 or wide.shape[1] < 3:
        raise DataError(f"losses of {domain}: {len(wide)} seeds, {wide.shape[1]} shares; at least 2 and 3 are needed")
    return wide.columns.to_numpy(dtype=np.float64), values


def loss_table(losses: pd.DataFrame, level: float) -> pd.DataFrame:
    """Mean loss of each domain at each share with its t interval over seeds: columns `domain`, `share`, `loss`, `low`,
    `high`, `seeds`."""
    table = []
    for domain in losses["domain"].unique():
        shares, values = seeds_by_shares(losses, domain)
        for share, column in zip(shares, values.T, strict=True):
            mean, low, high = mean_interval(column, level)
            table.append((domain, share, mean, low, high, len(column)))
    return pd.DataFrame(table, columns=["domain", "share", "loss", "low", "high", "seeds"])


def effect_table(losses: pd.DataFrame, level: float) -> pd.DataFrame:
    """What POINTS more points of code do to each domain's loss between every two neighbouring shares.

    Columns `domain`, `share_from`, `share_to`, `effect` (bits per byte per 10 points, positive: the loss rises), `low`,
    `high` (t interval of the differences within seeds), `p_value` of the paired t-test, `q_value` (Benjamini-Hochberg
    over the whole table) and `sign`: what the interval says, RAISES or LOWERS the loss, NO_EFFECT where it contains 0.
    """
    table = []
    for domain in losses["domain"].unique():
        shares, _ = seeds_by_shares(losses, domain)
        table += [effect(losses, domain, change, level) for change in pairwise(shares)]
    effects = pd.DataFrame(table)
    effects.insert(len(effects.columns) - 1, "q_value", benjamini_hochberg(effects["p_value"]))
    return effects


def effect(losses: pd.DataFrame, domain: str, change: Sequence[float], level: float) -> dict[str, Any]:
    """A row of `effect_table` (without q) for a change of the share of code from `change[0]` to `change[1]`; a share
    between two that were run is interpolated linearly within each seed. Raises DataError when a share lies outside of
    those that were run, or the two are equal."""
    shares, values = seeds_by_shares(losses, domain)
    start, end = float(change[0]), float(change[1])
    if not (shares[0] <= min(start, end) and max(start, end) <= shares[-1]) or start == end:
        raise DataError(f"change from {start:g} to {end:g}: expected two shares from {shares[0]:g} to {shares[-1]:g}")
    before, after = (np.array([np.interp(share, shares, row) for row in values]) for share in (start, end))
    scale = POINTS / (end - start)
    mean, low, high = mean_interval((after - before) * scale, level)
    return {
        "domain": domain,
        "share_from": start,
        "share_to": end,
        "effect": mean,
        "low": low,
        "high": high,
        "p_value": paired_t(after, before).p,
        "sign": NO_EFFECT if low <= 0 <= high else RAISES if mean > 0 else LOWERS,
    }
