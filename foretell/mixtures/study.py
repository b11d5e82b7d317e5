"""The study of mixtures on the project's tables: which predictor ranks held-out mixtures, which mixture is best under
the limits and how sure that is, and what the least change towards a target domain would be. Tables in, tables out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.lightgbm_library import lightgbm_problem
from foretell.mixtures.choose import best_mixture, choice_spread, evaluate_mixture, importance_of, smallest_change
from foretell.mixtures.constraints import MixtureLimits, limits, repetition_bounds
from foretell.mixtures.predict import (
    PREDICTORS,
    DomainLoss,
    Transfer,
    checked_mixtures,
    fit_predictor,
    rank_predictors,
    transfer_check,
)
from foretell.mixtures.settings import MixSettings
from foretell.mixtures.transfer import MEASURED, AtScale, transfer_table
from foretell.parallel import HERE, Spread
from foretell.trajectories.verdict import FU, NOT_TESTABLE, Finding, verdict

WEIGHT, LOSS = "weight_", "loss_nats_"
TREES = "lightgbm"
STRONG_RANK_CORRELATION = 0.8
LOST_RANK_CORRELATION = 0.5  # an order that agrees no better than this is lost


@dataclass(frozen=True)
class MixStudy:
    """Tables by name, each with sorted rows; `scale`, the sentence that says at which scale all of it was seen; and
    the findings of the literature the table can speak to."""

    tables: dict[str, pd.DataFrame]
    scale: Transfer
    findings: list[Finding]


STEPS = 5  # how often `mix` calls `on_done`


def mix(
    losses: pd.DataFrame,
    domains: pd.DataFrame,
    settings: MixSettings,
    spread: Spread = HERE,
    on_done: Callable[[str], None] = lambda step: None,
) -> MixStudy:
    """All measurements on the mixture-loss and mixture-domain tables (their schemas' columns). Where LightGBM cannot be
    used, its trees are left out of every table.

    Fits on the `train` rows, ranks on the `test` rows, both of the smallest scale; larger scales show whether the
    ranking holds there. `on_done` is called with the name of each of its STEPS. Raises DataError when a split is empty
    or a domain has no natural weight.
    """
    s = settings
    every, losses = losses, losses[losses["proxy_params"] == losses["proxy_params"].min()]
    names = [c.removeprefix(WEIGHT) for c in losses.columns if c.startswith(WEIGHT)]
    targets = [c.removeprefix(LOSS) for c in losses.columns if c.startswith(LOSS)]
    train, test = (losses[losses["split"] == split] for split in ("train", "test"))
    if train.empty or test.empty:
        raise DataError(f"mixture_losses: {len(train)} train and {len(test)} test rows; both splits are needed")
    missing = sorted(set(names) - set(domains["domain"]))
    if missing:
        raise DataError(f"mixture_domains: no natural weight of {', '.join(missing)}")
    w, y = (_arrays(train, names, prefix) for prefix, names in ((WEIGHT, names), (LOSS, targets)))
    fitted: dict[str, DomainLoss] = {
        name: fit_predictor(name, w, y) for name in PREDICTORS if name != TREES or not lightgbm_problem()
    }
    on_done("predictors fitted")
    held_out = rank_predictors(
        fitted, _arrays(test, names, WEIGHT), _arrays(test, targets, LOSS), targets, s.n_bootstrap, seed=s.seed
    )
    on_done("ranked on held-out mixtures")
    facts = domains.set_index("domain").loc[names].astype({"natural_pct": float, "raw_size_gib": float})
    natural = facts["natural_pct"].to_numpy() / facts["natural_pct"].sum()
    high = repetition_bounds(facts["raw_size_gib"].to_numpy(), s.budget_gib, s.max_epochs)
    allowed = limits(natural, high=high, kind=s.kind, max_distance=s.max_distance)
    importance = importance_of(targets, s.targets or targets)
    best, judged = _best(fitted, w, y, importance, allowed, names, s, spread)
    on_done("best mixtures")
    ranks = pd.DataFrame(
        [
            {"predictor": r.predictor, "loss": r.loss, "spearman": r.spearman.estimate, "spearman_low": r.spearman.low,
             "spearman_high": r.spearman.high, "pearson": r.pearson, "mae_nats": r.mae_nats, "rmse_nats": r.rmse_nats}
            for r in held_out
        ]
    )  # fmt: skip
    everything = losses.astype({column: float for column in losses.columns if column.startswith((WEIGHT, LOSS))})
    tables = {
        "held_out": ranks,
        "best_mixtures": best,
        "best_losses": judged,
        "smallest_changes": _changes(fitted, targets, natural, limits(natural, high=high), names, s),
        "frontier": _frontier(fitted, importance, natural, high, s),
        "own_weight": _own_weight(everything, targets),
    }
    on_done("smallest changes and frontier")
    scales = [_at_scale(part, names, targets) for _, part in every[every["split"] != "train"].groupby("proxy_params")]
    tables["transfer"] = transfer_table(scales[0], scales[1:], fitted, targets, s.n_bootstrap, s.seed)
    seen = {at.params: dict(zip(at.ids, at.losses_nats.mean(axis=1), strict=True)) for at in scales}
    scale = transfer_check(seen)[0]
    on_done("larger scales")
    return MixStudy(tables, scale, _findings(ranks, tables, scale))


def _at_scale(part: pd.DataFrame, names: list[str], targets: list[str]) -> AtScale:
    ids = list(zip(part["split"], part["mixture_id"], strict=True))
    return AtScale(float(part["proxy_params"].iloc[0]), ids, _arrays(part, names, WEIGHT), _arrays(part, targets, LOSS))


def _arrays(frame: pd.DataFrame, names: list[str], prefix: str) -> Floats:
    return frame[[prefix + name for name in names]].to_numpy(dtype=np.float64)


def _best(
    fitted: dict[str, DomainLoss],
    w: Floats,
    y: Floats,
    importance: Floats,
    allowed: MixtureLimits,
    names: list[str],
    s: MixSettings,
    workers: Spread,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each predictor's best mixture with its spread, one row a domain; and what every predictor says of it."""
    weights, judged = [], []
    for name, predictor in fitted.items():
        choice = best_mixture(predictor, importance, allowed, s.candidates, seed=s.seed)
        refits = s.tree_refits if name == TREES else s.refits
        spread = choice_spread(
            name, w, y, importance, allowed, choice, refits, s.level, s.seed, s.candidates, spread=workers
        )
        for i, domain in enumerate(names):
            weights.append({"predictor": name, "domain": domain, "natural": allowed.reference[i],
                            "most_by_repetition": allowed.high[i], "weight": choice.weights[i],
                            "weight_low": spread.weights_low[i], "weight_high": spread.weights_high[i]})  # fmt: skip
        for judge, other in fitted.items():
            said = evaluate_mixture(other, importance, allowed, choice.weights)
            row = {"chosen_by": name, "judged_by": judge, "distance": said.distance, "loss_nats": said.loss_nats,
                   "natural_loss_nats": said.reference_loss_nats,
                   "gain_nats": said.reference_loss_nats - said.loss_nats}  # fmt: skip
            if judge == name:
                row |= {"gain_low": spread.gain_nats.low, "gain_high": spread.gain_nats.high, "refits": refits}
            judged.append(row)
    return pd.DataFrame(weights), pd.DataFrame(judged)


def _changes(
    fitted: dict[str, DomainLoss],
    targets: list[str],
    natural: Floats,
    allowed: MixtureLimits,
    names: list[str],
    s: MixSettings,
) -> pd.DataFrame:
    """Smallest change (total variation) of the natural mix that lowers one domain's loss, by the exponential law, and
    what the trees say of it. The repetition cap holds, the distance limit does not: the distance is the answer."""
    rows = []
    for target in targets:
        importance = importance_of(targets, [target])
        for reduction in s.reductions_nats:
            found = smallest_change(fitted["exponential"], importance, natural, reduction, allowed, "tv")
            row = {"target": target, "reduction_nats": reduction, "distance_tv": found.distance,
                   "largest_reduction_nats": found.largest_reduction_nats, "reason": found.reason}  # fmt: skip
            if not found.reason:
                if TREES in fitted:
                    trees = evaluate_mixture(fitted[TREES], importance, allowed, found.weights)
                    row[f"reduction_by_{TREES}_nats"] = trees.reference_loss_nats - trees.loss_nats
                moves = found.weights - natural
                row |= {"most_added": names[int(moves.argmax())], "added": float(moves.max()),
                        "most_removed": names[int(moves.argmin())], "removed": float(-moves.min())}  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows)


def _frontier(
    fitted: dict[str, DomainLoss], importance: Floats, natural: Floats, high: Floats, s: MixSettings
) -> pd.DataFrame:
    """The exponential law's best loss for growing distance from the natural mix, beside the trees' opinion of it."""
    rows = []
    for most in s.max_distance * np.linspace(0.1, 1.5, 8):
        allowed = limits(natural, high=high, kind=s.kind, max_distance=float(most))
        choice = best_mixture(fitted["exponential"], importance, allowed)
        row = {"max_distance": most, "distance": choice.distance,
               "gain_exponential_nats": choice.reference_loss_nats - choice.loss_nats}  # fmt: skip
        if TREES in fitted:
            trees = evaluate_mixture(fitted[TREES], importance, allowed, choice.weights)
            row[f"gain_{TREES}_nats"] = trees.reference_loss_nats - trees.loss_nats
        rows.append(row)
    return pd.DataFrame(rows)


def _own_weight(losses: pd.DataFrame, targets: list[str]) -> pd.DataFrame:
    w = pd.DataFrame(checked_mixtures(losses[[c for c in losses.columns if c.startswith(WEIGHT)]].to_numpy()),
                     columns=[c for c in losses.columns if c.startswith(WEIGHT)])  # fmt: skip
    rows = []
    for target in targets:
        found = stats.spearmanr(w[WEIGHT + target], losses[LOSS + target])
        rows.append({"domain": target, "n": len(losses), "spearman": float(found.statistic)})
    return pd.DataFrame(rows)


def _findings(ranks: pd.DataFrame, tables: dict[str, pd.DataFrame], scale: Transfer) -> list[Finding]:
    own = tables["own_weight"]
    best = ranks["predictor"].iloc[0]
    won = ranks[(ranks["predictor"] == best) & (ranks["loss"] != "mean")]
    seen = scale.statement
    return [
        Finding(
            "mixture_ratio_sets_losses", FU,
            "The mixture ratio changes what a fixed budget learns, and can be chosen before training.",
            verdict(bool((won["spearman_low"] > STRONG_RANK_CORRELATION).all())),
            f"held-out Spearman of predicted and measured loss ({best}): {won['spearman'].min():.3f}-"
            f"{won['spearman'].max():.3f} over {len(won)} domains",
            f"Confirmed if every interval lies above {STRONG_RANK_CORRELATION:g}; {seen}.",
        ),
        Finding(
            "downweighted_domain_learned_less", FU,
            "A domain that is weighted down is learned less well (LLaMA's code and papers).",
            verdict(bool((own["spearman"] < 0).all())),
            f"Spearman of a domain's own weight and own loss: {own['spearman'].min():.2f} to "
            f"{own['spearman'].max():.2f} over {len(own)} domains",
            f"All mixtures of the table; losses, not coding or reasoning scores; {seen}.",
        ),
        Finding(
            "mixture_changes_speed", FU, "A better mixture is learned faster (a steeper curve).", NOT_TESTABLE, "",
            "The table holds each proxy's final losses, not its curve.",
        ),
        _vanishing(tables["transfer"], best, seen),
    ]  # fmt: skip


def _vanishing(transfer: pd.DataFrame, best: str, seen: str) -> Finding:
    """Whether rankings of mixtures are lost at larger scales: each domain's, by the most direct evidence of each."""
    claim = "Effects of data mixtures seen at small scale vanish at large scale."
    if transfer.empty:
        return Finding("small_scale_effects_vanish", FU, claim, NOT_TESTABLE, "", f"Mixtures were {seen}.")
    if transfer["spearman_low"].isna().any():
        reason = "The losses of a domain do not vary, so that it has no order."
        return Finding("small_scale_effects_vanish", FU, claim, NOT_TESTABLE, "", reason)
    figures, lost = [], False
    for params, rows in transfer[transfer["loss"] != "mean"].groupby("params_to"):
        direct = rows[rows["ranked_by"] == (MEASURED if MEASURED in set(rows["ranked_by"]) else best)]
        lost |= bool((direct["spearman_low"] < LOST_RANK_CORRELATION).any())
        how = "measured at both" if direct["ranked_by"].iloc[0] == MEASURED else f"predicted by {best}"
        figures.append(
            f"{direct['spearman'].min():.3f} to {direct['spearman'].max():.3f} over {len(direct)} domains at "
            f"{float(str(params)):,.0f} parameters ({how}, {direct['n_mixtures'].iloc[0]} mixtures)"
        )
    most = float(transfer["params_to"].max())
    return Finding(
        "small_scale_effects_vanish",
        FU,
        claim,
        verdict(lost),
        f"Spearman of rankings at {transfer['params_from'].iloc[0]:,.0f} parameters and later losses: "
        + "; ".join(figures),
        f"Confirmed if the interval of any domain reaches below {LOST_RANK_CORRELATION:g}. Losses of proxies up to "
        f"{most:,.0f} parameters: their order, while effects get smaller; nothing is known beyond, nor of scores.",
    )
