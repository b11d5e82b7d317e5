"""Findings about single items: trend classes, their sets across sizes, double descent, likeness at equal loss, and
jumps. One function a finding, each with its rule in the reason it writes."""

from __future__ import annotations

import pandas as pd

from foretell.trajectories.verdict import FU, XIA, Finding, verdict

SUPERSET_CONTAINMENT = 0.8


def stages(shares: pd.DataFrame) -> list[Finding]:
    ordered = shares.sort_values(["non_embedding_params", "start"]).groupby("model", sort=False)
    first, last = ordered.first(), ordered.last()
    n = len(first)
    rises = {name: int((last[name] > first[name]).sum()) for name in ("stagnated", "upward", "downward")}
    falls = {name: int((last[name] < first[name]).sum()) for name in ("stagnated", "upward", "downward")}
    spans = {name: f"{first[name].mean():.3f} -> {last[name].mean():.3f}" for name in rises}
    control = f"{first['stagnated_if_slope_constant'].mean():.3f} -> {last['stagnated_if_slope_constant'].mean():.3f}"
    return [
        Finding(
            "stagnated_share_grows", XIA,
            "The share of stagnated tokens grows over training.",
            verdict(rises["stagnated"] == n),
            f"stagnated, mean of {n} models, first -> last stage: {spans['stagnated']}; grew in {rises['stagnated']}",
            "Answer losses, p > alpha in a stage; confirmed if it grew in every model. Compare: items that keep one "
            f"slope in log step throughout would show {control}, for want of power alone.",
        ),
        Finding(
            "moving_shares_shrink", XIA,
            "The shares of upward and of downward tokens both shrink over training.",
            verdict(falls["upward"] == n and falls["downward"] == n),
            f"upward {spans['upward']} (fell in {falls['upward']} of {n}), "
            f"downward {spans['downward']} (fell in {falls['downward']} of {n})",
            "Same stages; confirmed only if both shares fall in every model.",
        ),
    ]  # fmt: skip


def stagnated_sets(overlap: pd.DataFrame, alpha: float) -> list[Finding]:
    contained = overlap["share_of_small_in_large"]
    base = overlap["n_large"] / overlap["n"]
    above = int((overlap["p_value"] <= alpha / len(overlap)).sum())
    still = overlap["large_stagnated_downward_in_small"]
    return [
        Finding(
            "stagnated_in_small_stagnated_in_large", XIA,
            "Items stagnated in a small model are stagnated in larger ones too (the larger set is a superset).",
            verdict(bool((contained >= SUPERSET_CONTAINMENT).all())),
            f"share of the smaller model's stagnated items stagnated in the larger: {contained.min():.2f}-"
            f"{contained.max():.2f} (mean {contained.mean():.2f}; by chance {base.mean():.2f}); Jaccard "
            f"{overlap['jaccard'].mean():.2f} against {overlap['jaccard_by_chance'].mean():.2f} by chance; "
            f"{above} of {len(overlap)} pairs above chance (Bonferroni)",
            f"Superset is read as at least {SUPERSET_CONTAINMENT:.0%} contained in every pair. Answers, not tokens: "
            "the function words that make up the paper's stagnated set have no counterpart here.",
        ),
        Finding(
            "stagnated_in_large_downward_in_small", XIA,
            "Items stagnated in a large model are still downward in smaller ones.",
            verdict(bool((still > overlap["downward_in_small"]).all())),
            f"downward in the smaller model: {still.mean():.2f} of the larger one's stagnated items, "
            f"{overlap['downward_in_small'].mean():.2f} of all items",
            "Confirmed if, in every pair, they are downward in the smaller model more often than all items are.",
        ),
    ]  # fmt: skip


def double_descent(table: pd.DataFrame, alpha: float) -> Finding:
    upward, rises = int(table["n_upward"].sum()), int(table["n_upward_rise_then_fall"].sum())
    share = table["n_upward"] / (table["n_upward"] + table["n_other"])
    others = table["n_other_rise_then_fall"].sum() / table["n_other"].sum()
    found = int((table["p_value"] <= alpha / len(table)).sum())
    return Finding(
        "double_descent", XIA,
        "Items that go up in a small model first go up and then down in larger ones.",
        verdict(found == len(table)),
        f"rise then fall in the larger model: {rises} of {upward} upward items over {len(table)} pairs "
        f"({others:.4f} of the others); {found} pairs beyond chance (Fisher, Bonferroni)",
        f"Gemstone models below 1B parameters, checkpoints from 10B tokens on; the paper saw it from 1.3B to 175B, on "
        f"tokens. Few items here go up at all ({share.min():.1%}-{share.max():.1%}). Confirmed if in every pair beyond "
        "chance.",
    )  # fmt: skip


def alike_items(distance: pd.DataFrame) -> Finding:
    closer = int((distance["matched_loss"] < distance["matched_step"]).sum())
    noise = distance["matched_loss"] / distance["own_noise"]
    by = ", ".join(f"{k} {v:.2f}" for k, v in noise.groupby(distance["items"]).median().items())
    return Finding(
        "equal_loss_alike_items", XIA,
        "Trained to equal loss, models of different sizes behave alike, item by item.",
        verdict(closer == len(distance)),
        f"item losses are nearer at equal mean loss than at equal step in {closer} of {len(distance)} comparisons; "
        f"their distance is, in units of one model's own checkpoint noise (median): {by}",
        "Confirmed if nearer in every comparison. Where it holds they are alike, not equal: the distance stays above "
        "checkpoint noise.",
    )  # fmt: skip


def phase_transitions(jumps: pd.DataFrame) -> Finding:
    means = [c for c in jumps.columns if c.startswith("bic_jump_minus_line_of_mean_")]
    smooth, total = int((jumps[means] > 0).sum().sum()), len(jumps) * len(means)
    excess = jumps["share_jump"] - jumps["share_jump_if_line"]
    return Finding(
        "single_skills_jump_mixture_smooth", FU,
        "Single skills are learned in jumps; their aggregate is smooth.",
        verdict(bool((excess > 0).all()) and smooth == total),
        f"items that a jump describes better than a line: {jumps['share_jump'].mean():.2f}, against "
        f"{jumps['share_jump_if_line'].mean():.2f} were all of them lines with noise; a line describes the mean curve "
        f"better in {smooth} of {total} cases",
        "One answer stands for one skill. The control has independent noise; noise that lasts over checkpoints looks "
        "like jumps too. Confirmed if both halves hold for every model.",
    )  # fmt: skip
