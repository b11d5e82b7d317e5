"""What the runs with different shares of code say about a finding of the literature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.experiments.shares import CODE, EXPERIMENT
from foretell.trajectories.learning import tokens_to_loss
from foretell.trajectories.verdict import FU, Finding, verdict

CLAIM = "A better mixture is learned faster (a steeper curve)."


def mixture_speed(metrics: pd.DataFrame, suffix: str) -> Finding:
    """The verdict on `mixture_changes_speed`, from the recorded metrics of the experiment `code_share` whose names are
    a domain and `suffix`.

    The loss is the mean of code's and of natural language's held-out loss. Rule: in every seed, the mixture that ends
    with the lowest loss reaches the loss with which the mixture of median rank ends in fewer tokens than that mixture,
    and it is the lowest already at half of the tokens. Raises DataError when there are fewer than three mixtures.
    """
    curves = weighted_curves(metrics, suffix)
    if curves["setting"].nunique() < 3:
        raise DataError(f"experiment {EXPERIMENT}: fewer than three settings; at least three are needed")
    ratios, early, best_names = [], [], []
    for _, rows in curves.groupby("seed"):
        wide = rows.pivot(index="tokens", columns="setting", values="loss").sort_index()
        final = wide.iloc[-1].sort_values()
        best, middle = final.index[0], final.index[len(final) // 2]
        later = wide[wide.index > 0]
        needed = tokens_to_loss(later.index.to_numpy(float), later[best].to_numpy(), float(final[middle]))
        ratios.append(needed / float(later.index[-1]))
        half = wide.loc[wide.index[np.searchsorted(wide.index, wide.index[-1] / 2)]]
        early.append(half.idxmin() == best)
        best_names.append(str(best))
    holds = bool(np.all(np.array(ratios) < 1) and all(early))
    tokens = curves["tokens"].max() / 1e6
    figure = (
        f"{min(ratios):.2f} to {max(ratios):.2f} of the tokens that the mixture of median rank needs "
        f"({len(ratios)} seeds); lowest already at half of the tokens in {sum(early)} of {len(early)}"
    )
    reason = (
        f"Held-out bits per byte, code and natural language weighted equally; best mixture: {', '.join(best_names)}. "
        "Confirmed if in every seed the mixture that ends lowest reaches the median mixture's final loss with fewer "
        f"tokens and is the lowest at half of the tokens. Models of two million parameters on {tokens:.2g}M tokens."
    )
    return Finding("mixture_changes_speed", FU, CLAIM, verdict(holds), figure, reason)


def weighted_curves(metrics: pd.DataFrame, suffix: str) -> pd.DataFrame:
    """Columns setting, seed, tokens, loss: the mean of code's loss and of the mean loss of the other domains."""
    rows = metrics[(metrics["experiment"] == EXPERIMENT) & metrics["metric"].str.endswith(suffix)]
    if rows.empty:
        raise DataError(f"metrics: no row of experiment {EXPERIMENT} with a metric <domain>{suffix}")
    kind = rows["metric"].eq(f"{CODE}{suffix}").map({True: "code", False: "language"})
    means = rows.assign(kind=kind).groupby(["setting", "seed", "tokens", "kind"])["value"].mean().unstack("kind")
    return means.mean(axis=1).rename("loss").reset_index()
