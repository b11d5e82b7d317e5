"""Rankings of mixtures seen at 1M parameters, on the recorded losses at 60M and 1B."""

import numpy as np
import pandas as pd

from foretell.mixtures.predict import fit_linear
from foretell.mixtures.study import LOSS, WEIGHT
from foretell.mixtures.transfer import AtScale, transfer_table

Raw = dict[str, pd.DataFrame]


def at(part: pd.DataFrame) -> AtScale:
    weights, losses = (
        part[[name for name in part if str(name).startswith(prefix)]].to_numpy(float) for prefix in (WEIGHT, LOSS)
    )
    ids = list(zip(part["split"], part["mixture_id"], strict=True))
    return AtScale(float(part["proxy_params"].iloc[0]), ids, weights, losses)


def test_the_order_of_mixtures_holds_by_domain(raw: Raw) -> None:
    table = raw["mixture_losses"]
    small, *larger = [at(part) for _, part in table[table["split"] != "train"].groupby("proxy_params")]
    assert [(scale.params, len(scale.ids)) for scale in (small, *larger)] == [(1e6, 256), (6e7, 256), (1e9, 64)]
    names = [str(name).removeprefix(LOSS) for name in table if str(name).startswith(LOSS)]
    fitted = {"linear": fit_linear(small.weights, small.losses_nats)}
    rows = transfer_table(small, larger, fitted, names, 100)
    by_domain = rows[rows["loss"] != "mean"]
    measured = by_domain[by_domain["ranked_by"] == "measured"]
    assert measured["spearman"].between(0.97, 1).all()
    assert measured["spread_ratio"].between(0.4, 1.05).all()
    assert (measured["regret_nats"] <= 0.05).all()
    linear = by_domain[(by_domain["ranked_by"] == "linear") & (by_domain["params_to"] == 1e9)]
    assert linear["spearman"].between(0.4, 0.95).all()
    assert np.isfinite(rows["order_accuracy"]).all()
