"""The study of training curves on the project's tables: every measurement of this package, in one pass over item
losses, checkpoint scores and loss curves. Tables in, tables out; verdicts on them are in `findings`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.trajectories import learning, perplexity, trends
from foretell.trajectories.descent import double_descent, rise_then_fall
from foretell.trajectories.findings import check_findings
from foretell.trajectories.settings import TraceSettings
from foretell.trajectories.study_scores import study_checkpoints
from foretell.trajectories.verdict import Finding


@dataclass(frozen=True)
class Trace:
    """Tables of the study by name, each with sorted rows, and the findings of the literature held against them."""

    tables: dict[str, pd.DataFrame]
    findings: list[Finding]


def trace(items: pd.DataFrame, checkpoints: pd.DataFrame, curves: pd.DataFrame, settings: TraceSettings) -> Trace:
    """All measurements on the item-loss, checkpoint-score and loss-curve tables (their schemas' columns).

    Raises DataError when a table is empty, a model lacks an item at a checkpoint, or a value cannot be used.
    """
    for name, frame in (("item_losses", items), ("checkpoint_scores", checkpoints), ("loss_curves", curves)):
        if frame.empty:
            raise DataError(f"{name}: no rows; nothing to study")
    trajectories, columns, sizes = item_trajectories(items)
    tables = study_items(trajectories, columns, sizes, settings)
    tables |= study_checkpoints(checkpoints, settings)
    tables |= study_curves(curves, settings)
    return Trace(tables, check_findings(tables, settings.alpha))


def item_trajectories(
    items: pd.DataFrame,
) -> tuple[dict[str, tuple[Floats, Floats]], Floats, dict[str, int]]:
    """Model -> (steps (n,), losses_nats (n, n_items)), smallest first; the benchmark of each item (n_items,); and
    model -> parameters without embeddings, counted as 12 n_layers d_model^2 (Kaplan et al. 2020).

    Raises DataError when a model lacks an item at a checkpoint, or the models do not share their items.
    """
    counted = items.assign(n=12 * items["n_layers"].astype(np.int64) * items["d_model"].astype(np.int64) ** 2)
    found: dict[str, tuple[Floats, Floats]] = {}
    sizes: dict[str, int] = {}
    labels: pd.Index | None = None
    for (size, model), rows in counted.groupby(["n", "model"], sort=True):
        wide = rows.pivot(index="step", columns=["benchmark", "item"], values="loss_nats").sort_index(axis=1)
        if wide.isna().to_numpy().any():
            step, item = wide.stack([0, 1], future_stack=True).pipe(lambda s: s[s.isna()]).index[0][:2]
            raise DataError(f"item_losses: model {model} has no loss of a {item} item at step {step}")
        if labels is not None and not wide.columns.equals(labels):
            raise DataError(f"item_losses: model {model} has other items than the models before it")
        labels = wide.columns
        found[str(model)] = (wide.index.to_numpy(dtype=np.float64), wide.to_numpy(dtype=np.float64))
        sizes[str(model)] = int(str(size))
    assert labels is not None
    return found, labels.get_level_values(0).to_numpy(), sizes


def study_items(
    trajectories: dict[str, tuple[Floats, Floats]],
    benchmarks: Floats,
    sizes: dict[str, int],
    settings: TraceSettings,
) -> dict[str, pd.DataFrame]:
    """Tables `trend_shares`, `stage_shares`, `overlap`, `double_descent`, `item_distance` and `jumps`."""
    s = settings
    groups = {"all": np.ones(len(benchmarks), dtype=bool)}
    groups |= {name: benchmarks == name for name in sorted(set(benchmarks))}
    classes, rises, share_rows, stage_rows, jump_rows = {}, {}, [], [], []
    for model, (steps, losses) in trajectories.items():
        size = sizes[model]
        classes[model] = trends.classify_trends(steps, losses, s.skip_fraction, s.alpha)
        rises[model] = rise_then_fall(steps, losses, s.skip_fraction, s.alpha)
        robust = trends.classify_trends(steps, losses, s.skip_fraction, s.alpha, s.hac_lags)
        for stderr, found in (("ols", classes[model]), ("newey_west", robust)):
            for group, mask in groups.items():
                shares = {t: float(np.mean(found.trend[mask] == t)) for t in trends.TRENDS}
                share_rows.append({"model": model, "non_embedding_params": size, "items": group, "stderr": stderr,
                                   "n_items": int(mask.sum()), **shares})  # fmt: skip
        for stage in trends.shares_by_stage(steps, losses, s.stages, s.alpha):
            stage_rows.append({"model": model, "non_embedding_params": size, **vars(stage)})
        jump_rows.append({"model": model, "non_embedding_params": size, **_jumps(steps, losses, groups, s.seed)})
    pairs = {"overlap": [], "double_descent": [], "item_distance": []}  # type: dict[str, list[dict[str, object]]]
    for small, large in combinations(trajectories, 2):
        pair: dict[str, object] = {"small": small, "large": large}
        still_small, still_large = (classes[m].is_trend(trends.STAGNATED) for m in (small, large))
        downward = classes[small].is_trend(trends.DOWNWARD)
        share = float(downward[still_large].mean()) if still_large.any() else float("nan")
        pairs["overlap"].append(
            pair
            | vars(trends.set_overlap(still_small, still_large))
            | {"large_stagnated_downward_in_small": share, "downward_in_small": float(downward.mean())}
        )
        pairs["double_descent"].append(pair | vars(double_descent(classes[small], rises[large])))
        steps = trajectories[small][0]
        for group, mask in groups.items():
            if group != "all":
                both = (trajectories[m][1][:, mask] for m in (small, large))
                distance = perplexity.item_distance(steps, *both)
                pairs["item_distance"].append(pair | {"items": group} | vars(distance))
    frames = {"trend_shares": share_rows, "stage_shares": stage_rows, "jumps": jump_rows, **pairs}
    return {name: pd.DataFrame(rows) for name, rows in frames.items()}


def _jumps(steps: Floats, losses: Floats, groups: dict[str, np.ndarray], seed: int) -> dict[str, object]:
    """Share of items that a jump describes better than a line, the share among items that truly follow their line
    with their own white noise, and the verdict for each benchmark's mean curve."""
    x = np.log(steps)
    centred = x - x.mean()
    line = losses.mean(axis=0) + centred[:, None] * (centred @ losses / (centred @ centred))
    spread = np.sqrt(((losses - line) ** 2).sum(axis=0) / (len(x) - 2))
    control = line + spread * np.random.default_rng(seed).standard_normal(losses.shape)
    row: dict[str, object] = {
        "share_jump": learning.jump_or_line(x, losses).share_jump,
        "share_jump_if_line": learning.jump_or_line(x, control).share_jump,
    }
    for name, mask in groups.items():
        if name != "all":
            mean = learning.jump_or_line(x, losses[:, mask].mean(axis=1)[:, None])
            row[f"bic_jump_minus_line_of_mean_{name}"] = float(mean.bic_jump[0] - mean.bic_line[0])
    return row


def study_curves(curves: pd.DataFrame, settings: TraceSettings) -> dict[str, pd.DataFrame]:
    """Table `code_length`: per run the area under the loss curve in bits, compression ratio, the power-law fit after
    the skipped part of training, and tokens to the final loss of the smallest model's longest run.

    `code_bits` and the ratio cover the tokens all runs of the longest schedule share, so that sizes compare.
    """
    raw = float(np.log2(settings.curve_vocabulary))
    ordered = curves.rename(columns={"params": "total_params"})
    ordered = ordered.astype({"tokens": float, "loss_nats": float, "total_params": float})
    ordered = ordered.sort_values(["total_params", "run", "tokens"])
    ends = ordered.groupby(["total_params", "run"], sort=True)["tokens"].agg(["min", "max"]).reset_index()
    longest = ends.sort_values(["total_params", "max"]).drop_duplicates("total_params", keep="last")
    low, high = float(longest["min"].max()), float(longest["max"].min())
    smallest = ordered[ordered["run"] == longest["run"].iloc[0]]
    target = float(smallest["loss_nats"].iloc[-1])
    rows = []
    for (size, run), curve in ordered.groupby(["total_params", "run"], sort=True):
        tokens, losses = curve["tokens"].to_numpy(), curve["loss_nats"].to_numpy()
        late = tokens > settings.skip_fraction * tokens[-1]
        power = learning.fit_log_power(tokens[late], losses[late])
        row = {"run": run, "total_params": size, "tokens": tokens[-1], "final_loss_nats": losses[-1],
               "is_longest": run in set(longest["run"]), "shared_tokens_low": low, "shared_tokens_high": high,
               "target_loss_nats": target, "tokens_to_target": learning.tokens_to_loss(tokens, losses, target),
               "exponent": power.exponent, "r_squared_log": power.r_squared}  # fmt: skip
        if row["is_longest"]:
            at = np.unique(np.concatenate([[low, high], tokens[(tokens > low) & (tokens < high)]]))
            code = learning.code_length(at, np.interp(at, tokens, losses), raw)
            row |= {"code_bits": code.code_bits, "compression_ratio": code.compression_ratio,
                    "mean_bits_per_token": code.mean_bits_per_token}  # fmt: skip
        rows.append(row)
    return {"code_length": pd.DataFrame(rows)}
