"""Does a ranking of mixtures seen at a small scale hold at a larger one? Losses measured at the small scale, and
predictors fitted to them, are held against losses measured at larger scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foretell.arrays import Floats, finite
from foretell.errors import DataError
from foretell.mixtures.predict import DomainLoss, checked_mixtures, held_out_rank
from foretell.stats import pair_order_accuracy

MEASURED = "measured"  # ranked by the small scale's own losses of the same mixtures


@dataclass(frozen=True)
class AtScale:
    """Mixtures and their losses at one scale: `weights` [n, domains], `losses_nats` [n, losses], and `ids`, which name
    the same mixture at every scale."""

    params: float
    ids: Sequence[object]
    weights: Floats
    losses_nats: Floats


def transfer_table(
    small: AtScale, larger: Sequence[AtScale], predictors: Mapping[str, DomainLoss], names: Sequence[str],
    n_bootstrap: int = 500, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """How well the small scale orders mixtures at larger ones, one row per larger scale, way of ranking and loss (the
    losses called `names`, and their plain mean).

    `ranked_by` is MEASURED (the small scale's losses of the same mixtures; only where the scales share them) or the
    name of a predictor fitted at the small scale. Columns: params_from, params_to, n_mixtures, ranked_by, loss,
    spearman with its 95 % interval, order_accuracy (share of pairs ordered rightly), regret_nats (what the mixture that
    ranks first gives up against the best one), random_nats (what a mixture picked at random gives up on average),
    spread_ratio (standard deviation of the losses at the larger scale over that at the small one; MEASURED only).

    Raises DataError where a scale has fewer than 3 mixtures or other weights for the same mixture, and on bad arrays.
    """
    rows = []
    at = {identity: row for row, identity in enumerate(small.ids)}
    for scale in larger:
        weights = checked_mixtures(scale.weights)
        losses = _with_mean(finite("losses_nats", scale.losses_nats, (len(weights), len(names))))
        if len(weights) < 3:
            raise DataError(f"{scale.params:g} parameters: {len(weights)} mixtures; at least 3 are needed")
        picks = np.random.default_rng(seed).integers(0, len(weights), (n_bootstrap, len(weights)))
        guesses = {name: _with_mean(predictor.predict(weights)) for name, predictor in predictors.items()}
        if all(identity in at for identity in scale.ids):
            if not np.array_equal(scale.weights, small.weights[[at[identity] for identity in scale.ids]]):
                raise DataError(f"{scale.params:g} parameters: a mixture with other weights than at {small.params:g}")
            guesses = {MEASURED: _with_mean(small.losses_nats[[at[identity] for identity in scale.ids]]), **guesses}
        for ranked_by, guess in guesses.items():
            for column, loss in enumerate([*names, "mean"]):
                truth, own = losses[:, column], guess[:, column]
                rank = held_out_rank(ranked_by, loss, own, truth, picks, 0.95).spearman
                ratio = float(truth.std() / own.std()) if ranked_by == MEASURED else float("nan")
                rows.append(
                    {
                        "params_from": small.params,
                        "params_to": scale.params,
                        "n_mixtures": len(weights),
                        "ranked_by": ranked_by,
                        "loss": loss,
                        "spearman": rank.estimate,
                        "spearman_low": rank.low,
                        "spearman_high": rank.high,
                        "order_accuracy": pair_order_accuracy(truth, own),
                        "regret_nats": float(truth[int(own.argmin())] - truth.min()),
                        "random_nats": float(truth.mean() - truth.min()),
                        "spread_ratio": ratio,
                    }
                )
    return pd.DataFrame(rows)


def _with_mean(losses: ArrayLike) -> Floats:
    values = np.asarray(losses, dtype=np.float64)
    return np.column_stack([values, values.mean(axis=1)])
