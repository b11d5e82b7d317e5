"""The findings of Xia et al. 2023 about tokens and texts, held against the laboratory's own models. Each verdict's rule
and the scale at which it was reached are in the reason it gives."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from foretell.errors import DataError
from foretell.experiments.tokens import LANGUAGE
from foretell.trajectories.findings_items import SUPERSET_CONTAINMENT
from foretell.trajectories.verdict import XIA, Finding, verdict

NEEDED = ("stage_shares", "stagnated_classes", "overlap", "double_descent", "item_distance", "text_sizes", "text_paths")
NOISE_AND_FALSE = {"random_tokens": "random tokens", "shuffled_words": "shuffled words", "false_statements":
                   "false statements"}  # fmt: skip
CONTRAST = "small_over_large"
MOSTLY = f"{LANGUAGE}: function words and punctuation"


def check_tokens(tables: Mapping[str, pd.DataFrame], alpha: float) -> list[Finding]:
    """The findings from the tables of `tokens.study_tokens`, in a fixed order. The models of the lowest seed wrote
    the texts that a small model prefers. Raises DataError when a table is missing or without rows, or when there is
    one size only."""
    missing = [name for name in NEEDED if name not in tables or tables[name].empty]
    if missing:
        raise DataError(f"tables without rows: {', '.join(missing)}; expected those of study_tokens")
    sizes = tables["stage_shares"]["parameters"]
    if sizes.nunique() < 2:
        raise DataError(f"models of one size only ({sizes.iloc[0]} parameters); the findings compare sizes")
    scale = (
        f"Llama models of {_count(sizes.min())} to {_count(sizes.max())} parameters trained here, "
        f"{tables['stage_shares']['model'].nunique()} runs; the paper's are OPT, 125M to 175B."
    )
    different = {name: table[table["small_parameters"] < table["large_parameters"]]
                 for name, table in tables.items() if "small_parameters" in table and name != "text_sizes"}  # fmt: skip
    return [
        *_stages(tables["stage_shares"], scale),
        _which_stagnate(tables["stagnated_classes"], scale),
        *_sets(different["overlap"], _same_size(tables["overlap"]), alpha, scale),
        _double_descent(different["double_descent"], alpha, scale),
        _alike(different["item_distance"], _same_size(tables["item_distance"]), scale),
        _noise(tables["text_sizes"], scale),
        _hallucinations(tables["text_paths"], scale),
    ]


def _count(parameters: float) -> str:
    return f"{parameters / 1e6:.2g}M"


def _same_size(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["small_parameters"] == table["large_parameters"]]


def _span(values: pd.Series, digits: int = 2) -> str:
    low, high = f"{values.min():.{digits}f}", f"{values.max():.{digits}f}"
    return low if low == high else f"{low} to {high}"


def _stages(shares: pd.DataFrame, scale: str) -> list[Finding]:
    ordered = shares.sort_values(["parameters", "model", "start"]).groupby("model", sort=False)
    first, last = ordered.first(), ordered.last()
    n = len(first)
    growth, control = (last[name] - first[name] for name in ("stagnated", "stagnated_if_slope_constant"))
    rises, beyond = int((growth > 0).sum()), int((growth > control).sum())
    falls = {name: int((last[name] < first[name]).sum()) for name in ("upward", "downward")}
    spans = {name: f"{first[name].mean():.3f} -> {last[name].mean():.3f}"
             for name in ("stagnated", "upward", "downward", "stagnated_if_slope_constant")}  # fmt: skip
    return [
        Finding(
            "stagnated_share_grows_tokens", XIA, "The share of stagnated tokens grows over training.",
            verdict(rises == n),
            f"stagnated, mean of {n} models, first -> last stage: {spans['stagnated']}; grew in {rises}, by more "
            f"than for want of power alone in {beyond}",
            "Tokens of held-out text, p > alpha in a stage; confirmed if it grew in every model. Tokens that keep one "
            f"slope in log step throughout would show {spans['stagnated_if_slope_constant']}, for want of power alone: "
            f"a later stage spans less of log step. {scale}",
        ),
        Finding(
            "moving_shares_shrink_tokens", XIA,
            "The shares of upward and of downward tokens both shrink over training.",
            verdict(falls["upward"] == n and falls["downward"] == n),
            f"upward {spans['upward']} (fell in {falls['upward']} of {n}), "
            f"downward {spans['downward']} (fell in {falls['downward']} of {n})",
            f"Same stages; confirmed only if both shares fall in every model. {scale}",
        ),
    ]  # fmt: skip


def _which_stagnate(classes: pd.DataFrame, scale: str) -> Finding:
    rows = classes[classes["class"] == MOSTLY]
    if rows.empty:
        raise DataError(f"stagnated_classes: no rows of {MOSTLY!r}; expected tokens of natural language")
    above = int((rows["difference_low"] > 0).sum())
    return Finding(
        "stagnated_are_function_words", XIA, "Stagnated tokens are mostly function words and punctuation.",
        verdict(bool((rows["share_of_stagnated"] > 0.5).all()) and above == len(rows)),
        f"function words and punctuation: {_span(rows['share_of_stagnated'])} of the stagnated tokens of natural "
        f"language, {_span(rows['share_of_all'])} of all; more than among all tokens in {above} of {len(rows)} models",
        "Confirmed if they are more than half of the stagnated tokens, and more than among all tokens (interval from "
        f"resampling texts above 0), in every model. {scale}",
    )  # fmt: skip


def _sets(overlap: pd.DataFrame, seeds: pd.DataFrame, alpha: float, scale: str) -> list[Finding]:
    contained = overlap["share_of_small_in_large"]
    above = int((overlap["p_value"] <= alpha / len(overlap)).sum())
    still, every = overlap["large_stagnated_downward_in_small"], overlap["downward_in_small"]
    more = int((still > every).sum())
    ceiling = f" ({seeds['share_of_small_in_large'].mean():.2f} between two seeds of a size)" if len(seeds) else ""
    return [
        Finding(
            "stagnated_in_small_stagnated_in_large_tokens", XIA,
            "Tokens stagnated in a small model are stagnated in larger ones too (the larger set is a superset).",
            verdict(bool((contained >= SUPERSET_CONTAINMENT).all())),
            f"share of the smaller model's stagnated tokens stagnated in the larger: {_span(contained)}, mean "
            f"{contained.mean():.2f}{ceiling}, by chance {(overlap['n_large'] / overlap['n']).mean():.2f}; Jaccard "
            f"{overlap['jaccard'].mean():.2f} against {overlap['jaccard_by_chance'].mean():.2f} by chance; {above} of "
            f"{len(overlap)} pairs of sizes above chance (Bonferroni)",
            f"Superset is read as at least {SUPERSET_CONTAINMENT:.0%} contained in every pair. {scale}",
        ),
        Finding(
            "stagnated_in_large_downward_in_small_tokens", XIA,
            "Tokens stagnated in a large model are still downward in smaller ones.",
            verdict(more == len(overlap)),
            f"downward in the smaller model: {still.mean():.2f} of the larger one's stagnated tokens, "
            f"{every.mean():.2f} of all tokens; more than all tokens in {more} of {len(overlap)} pairs",
            "Confirmed if, in every pair of sizes, they are downward in the smaller model more often than all tokens "
            f"are. {scale}",
        ),
    ]  # fmt: skip


def _double_descent(table: pd.DataFrame, alpha: float, scale: str) -> Finding:
    upward, rises = int(table["n_upward"].sum()), int(table["n_upward_rise_then_fall"].sum())
    share = table["n_upward"] / (table["n_upward"] + table["n_other"])
    others = table["n_other_rise_then_fall"].sum() / table["n_other"].sum()
    found = int((table["p_value"] <= alpha / len(table)).sum())
    return Finding(
        "double_descent_tokens", XIA, "Tokens that go up in a small model first go up and then down in larger ones.",
        verdict(found == len(table)),
        f"rise then fall in the larger model: {rises} of {upward} upward tokens over {len(table)} pairs of sizes "
        f"({others:.4f} of the others); {found} pairs beyond chance (Fisher, Bonferroni)",
        f"Upward in the smaller model: {share.min():.1%} to {share.max():.1%} of tokens. Confirmed if in every pair "
        f"beyond chance. The paper saw it from 1.3B to 175B. {scale}",
    )  # fmt: skip


def _alike(distance: pd.DataFrame, seeds: pd.DataFrame, scale: str) -> Finding:
    closer = int((distance["matched_loss"] < distance["matched_step"]).sum())
    two_seeds = f"; {seeds['matched_loss'].median():.2f} between two seeds of a size" if len(seeds) else ""
    return Finding(
        "equal_loss_alike_tokens", XIA,
        "Trained to equal perplexity, models of different sizes predict alike on the same texts.",
        verdict(closer == len(distance)),
        f"token losses are nearer at equal mean loss than at equal step in {closer} of {len(distance)} comparisons; "
        f"median distance {distance['matched_loss'].median():.2f} nats at equal loss, "
        f"{distance['matched_step'].median():.2f} at equal step, {distance['own_noise'].median():.2f} between a "
        f"model's last two checkpoints{two_seeds}",
        "By pairs of sizes and word classes; equal loss is the larger model's checkpoint nearest in mean loss. "
        f"Confirmed if nearer in every comparison. {scale}",
    )  # fmt: skip


def _noise(sizes: pd.DataFrame, scale: str) -> Finding:
    rows = sizes[sizes["kind"].isin(NOISE_AND_FALSE)]
    lowest, highest = rows["small_parameters"].min(), rows["large_parameters"].max()
    figures, holds = [], True
    for kind, name in NOISE_AND_FALSE.items():
        part = rows[rows["kind"] == kind]
        if part.empty:
            raise DataError(f"text_sizes: no rows of {kind!r}; expected {', '.join(NOISE_AND_FALSE)}")
        better = int((part["gap_nats_low"] > 0).sum())
        ends = part[(part["small_parameters"] == lowest) & (part["large_parameters"] == highest)]
        holds = holds and better == len(part)
        figures.append(
            f"{name}: smallest minus largest {ends['gap_nats'].mean():+.3f} nats per token, the larger of two sizes "
            f"better in {better} of {len(part)} pairs, the smallest better on {int(ends['n_small_better'].sum())} of "
            f"{int(ends['n_texts'].sum())} texts"
        )
    return Finding(
        "noise_and_false_prompts", XIA,
        "Larger models also predict noise and false prompts better, and no text was found that small models like "
        "better.",
        verdict(holds), "; ".join(figures),
        "Last checkpoints. Confirmed if for each kind the larger of every two sizes of a seed has the lower loss "
        f"(t interval over texts). {scale}",
    )  # fmt: skip


def _hallucinations(paths: pd.DataFrame, scale: str) -> Finding:
    rows = paths[paths["kind"] == CONTRAST]
    if rows.empty:
        raise DataError(f"text_paths: no rows of {CONTRAST!r}")
    small, large = (rows[rows["parameters"] == size] for size in (rows["parameters"].min(), rows["parameters"].max()))
    all_fall = bool((rows["fall_nats_low"] > 0).all())
    leaves = bool((large["rise_nats_low"] > 0).all())
    stays = small["rise_nats"].max() < large["rise_nats"].min()
    writer = rows["seed"].min()
    apart = f"seed {writer} wrote the texts" + (
        "; the other seeds' models had no part in it" if (rows["seed"] != writer).any() else ""
    )
    rises = ", ".join(
        f"{_count(size)} {_span(rows.loc[rows['parameters'] == size, 'rise_nats'], 3)}"
        for size in sorted(rows["parameters"].unique())
    )
    return Finding(
        "small_models_keep_hallucinations", XIA,
        "All sizes first lower the perplexity of grammatical but false texts; small ones stay there, large ones leave.",
        verdict(all_fall and leaves and bool(stays)),
        f"texts that the smallest model prefers to the largest: loss fell from the first checkpoint in "
        f"{int((rows['fall_nats_low'] > 0).sum())} of {len(rows)} models; rise after its lowest point, nats per token: "
        f"{rises}",
        f"Sampled by p_small / p_large; {apart}. Confirmed if the loss falls in all models, rises again in the largest "
        "(t interval over texts) and more than in the smallest, in every seed. Whether such texts are grammatical is "
        f"not judged: models of this size write little grammar. {scale}",
    )  # fmt: skip
