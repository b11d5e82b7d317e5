"""The study of training curves on the project's tables: every measurement of this package, in one pass over item
losses, checkpoint scores and loss curves. Tables in, tables out; verdicts on them are in `findings`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from features.errors import DataError
from models.arrays import Floats
from models.trajectories import learning, perplexity, steering, trends
from models.trajectories.descent import double_descent, rise_then_fall

# Accuracy of guessing: one over the options of the benchmark; LAMBADA's word is free, so 0.
CHANCE = {
    "arc_challenge": 0.25,
    "arc_easy": 0.25,
    "lambada_openai": 0.0,
    "logiqa": 0.25,
    "mmlu": 0.25,
    "piqa": 0.5,
    "sciq": 0.25,
    "winogrande": 0.5,
    "wsc": 0.5,
}
# The perplexity each suite offers: OPT's own validation text; for Pythia only LAMBADA's last word, a stand-in.
PERPLEXITY_OF = {"opt": "validation", "pythia": "lambada_openai"}


@dataclass(frozen=True)
class TraceSettings:
    """What a person may change: test level `alpha`; the part of training skipped; stages of training (fractions);
    Newey-West lags; interval `level`, resamples and seed; `min_tokens` below which a checkpoint is too early to
    regress on; last checkpoints and pair agreement of the steering test; vocabulary of the loss curves' tokeniser."""

    alpha: float = 0.05
    skip_fraction: float = 0.1
    stages: tuple[tuple[float, float], ...] = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0))
    hac_lags: int = 3
    level: float = 0.95
    n_bootstrap: int = 1000
    seed: int = 0
    min_tokens: float = 1e9
    n_last: int = 5
    minimum_agreement: float = 0.9
    curve_vocabulary: int = 100_352


@dataclass(frozen=True)
class Trace:
    """Tables of the study by name, each with sorted rows, and `trajectories`: model -> (steps, losses (n, items))."""

    tables: dict[str, pd.DataFrame]
    trajectories: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)


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
    return Trace(tables, trajectories)


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
    labels: pd.MultiIndex | None = None
    for (size, model), rows in counted.groupby(["n", "model"], sort=True):
        wide = rows.pivot(index="step", columns=["benchmark", "item"], values="loss_nats").sort_index(axis=1)
        if wide.isna().to_numpy().any():
            step, item = wide.stack([0, 1], future_stack=True).pipe(lambda s: s[s.isna()]).index[0][:2]
            raise DataError(f"item_losses: model {model} has no loss of a {item} item at step {step}")
        if labels is not None and not wide.columns.equals(labels):
            raise DataError(f"item_losses: model {model} has other items than the models before it")
        labels = wide.columns
        found[str(model)] = (wide.index.to_numpy(dtype=np.float64), wide.to_numpy(dtype=np.float64))
        sizes[str(model)] = int(size)
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


def study_checkpoints(checkpoints: pd.DataFrame, settings: TraceSettings) -> dict[str, pd.DataFrame]:
    """Tables `predictors`, `predictor_differences`, `matched_gaps`, `mean_scores`, `perplexities`, `learning`,
    `size_steps`, `steering` and `left_out` (zero-shot rows)."""
    s = settings
    zero = checkpoints[checkpoints["n_shot"] == 0].astype(
        {"score": float, "score_stderr": float, "tokens": float, "total_params": float, "step": int}
    )
    tables: dict[str, list[pd.DataFrame]] = {}
    for suite, rows in zero.groupby("suite", sort=True):
        accuracies, perplexities, left_out = _join_perplexity(str(suite), rows, s.min_tokens)
        mean = accuracies.groupby(["model", "total_params", "step", "tokens", "perplexity"], sort=True)["score"]
        mean = mean.agg(mean_score="mean", n_benchmarks="size").reset_index()
        found = {
            "left_out": left_out,
            "mean_scores": mean,
            "perplexities": perplexities,
            **_compare_predictors(accuracies, s),
            "matched_gaps": _matched_gaps(mean, s),
            "size_steps": _size_steps(rows, s.n_last),
            "steering": _steering(rows, s),
        }
        for name, frame in found.items():
            tables.setdefault(name, []).append(frame.assign(suite=suite))
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
    joined["learning"] = _learning(zero[zero["suite"] == "pythia"], s)
    return {name: frame[["suite", *(c for c in frame.columns if c != "suite")]] for name, frame in joined.items()}


def _join_perplexity(
    suite: str, rows: pd.DataFrame, min_tokens: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Accuracy rows with their checkpoint's perplexity, the perplexities, and the rows left out with the reason."""
    source = PERPLEXITY_OF.get(suite)
    if source is None:
        raise DataError(f"checkpoint_scores: suite {suite!r} has no perplexity named; known: {sorted(PERPLEXITY_OF)}")
    held = rows[(rows["metric"] == "perplexity") & (rows["benchmark"] == source)]
    held = held[["model", "total_params", "step", "tokens", "score"]].rename(columns={"score": "perplexity"})
    # The perplexity's own benchmark would predict itself.
    scored = rows[(rows["metric"] == "accuracy") & (rows["benchmark"] != source)]
    joined = scored.merge(held[["model", "step", "perplexity"]], on=["model", "step"], how="left")
    early, unknown = joined["tokens"] < min_tokens, joined["perplexity"].isna()
    reason = np.where(early, f"fewer than {min_tokens:g} tokens seen", f"no {source} perplexity at this checkpoint")
    left_out = joined.assign(reason=reason)[early | unknown][["model", "step", "benchmark", "reason"]]
    kept = joined[~(early | unknown)].sort_values(["benchmark", "total_params", "model", "step"])
    ordered = held[held["tokens"] >= min_tokens].sort_values(["total_params", "model", "step"])
    return kept.reset_index(drop=True), ordered.reset_index(drop=True), left_out.reset_index(drop=True)


def _compare_predictors(rows: pd.DataFrame, s: TraceSettings) -> dict[str, pd.DataFrame]:
    errors: dict[str, list[Floats]] = {}
    table, clusters = [], []
    for benchmark, part in rows.groupby("benchmark", sort=True):
        inputs = perplexity.design_predictors(part["perplexity"], part["total_params"], part["tokens"])
        found = perplexity.leave_one_size_out(part["score"], inputs, part["total_params"].to_numpy())
        clusters += [f"{benchmark}/{size:.0f}" for size in part["total_params"]]
        for name, error in found.items():
            errors.setdefault(name, []).append(error.predictions - part["score"].to_numpy())
            table.append({"benchmark": benchmark, "predictor": name, "n": len(part), "mae": error.mae,
                          "rmse": error.rmse, "r_squared": error.r_squared, "spearman": error.spearman})  # fmt: skip
    joined = {name: np.concatenate(parts) for name, parts in errors.items()}
    differences = []
    for rival in (name for name in joined if name != "log_perplexity"):
        interval = perplexity.error_difference(
            joined["log_perplexity"], joined[rival], clusters, s.n_bootstrap, s.level, s.seed
        )
        differences.append({"rival": rival, "mae_perplexity": float(np.abs(joined["log_perplexity"]).mean()),
                            "mae_rival": float(np.abs(joined[rival]).mean()), **_spread(interval)})  # fmt: skip
    return {"predictors": pd.DataFrame(table), "predictor_differences": pd.DataFrame(differences)}


def _spread(interval: perplexity.Interval, name: str = "difference") -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _matched_gaps(mean: pd.DataFrame, s: TraceSettings) -> pd.DataFrame:
    """Gaps of the mean score between sizes at equal log perplexity, tokens and compute. Of models of one size the
    first by name stands for the size, so that no size counts twice."""
    complete = mean[mean["n_benchmarks"] == mean["n_benchmarks"].max()]
    first = complete.sort_values(["total_params", "model"]).drop_duplicates("total_params")["model"]
    matched: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
        "log_perplexity": lambda m: np.log(m["perplexity"]),
        "log_tokens": lambda m: np.log(m["tokens"]),
        "log_flops": lambda m: np.log(6.0 * m["tokens"] * m["total_params"]),
    }
    rows = []
    for a, b in combinations(first, 2):
        one, two = complete[complete["model"] == a], complete[complete["model"] == b]
        for name, of in matched.items():
            gap = perplexity.matched_gap(
                of(one), one["mean_score"], of(two), two["mean_score"],
                n_bootstrap=s.n_bootstrap, level=s.level, seed=s.seed,
            )  # fmt: skip
            rows.append({"model_a": a, "model_b": b, "matched_on": name, **_spread(gap.gap, "gap"),
                         "n_a": gap.n_a, "n_b": gap.n_b, "reason": gap.reason})  # fmt: skip
    return pd.DataFrame(rows)


def _size_steps(rows: pd.DataFrame, n_last: int) -> pd.DataFrame:
    """Per benchmark: is the final accuracy (mean of the last checkpoints) over log N a line or a jump?"""
    table = []
    for benchmark, part in rows[rows["metric"] == "accuracy"].groupby("benchmark", sort=True):
        last = part.sort_values("step").groupby(["total_params", "model"]).tail(n_last)
        final = last.groupby("total_params")["score"].mean()
        fit = learning.jump_or_line(np.log(final.index.to_numpy()), final.to_numpy()[:, None])
        table.append({"benchmark": benchmark, "n_sizes": len(final),
                      "bic_jump_minus_line": float(fit.bic_jump[0] - fit.bic_line[0])})  # fmt: skip
    return pd.DataFrame(table)


def _steering(rows: pd.DataFrame, s: TraceSettings) -> pd.DataFrame:
    table = []
    for benchmark, part in rows[rows["metric"] == "accuracy"].groupby("benchmark", sort=True):
        ordered = part.sort_values(["total_params", "model", "step"])
        last = np.array([m["score"].to_numpy()[-s.n_last :] for _, m in ordered.groupby("model", sort=True)])
        noise = steering.steering_noise(last, s.n_last, s.minimum_agreement)
        table.append({"benchmark": benchmark, **vars(noise)})
    return pd.DataFrame(table).sort_values("pair_agreement", ignore_index=True)


def _learning(rows: pd.DataFrame, s: TraceSettings) -> pd.DataFrame:
    """Learning speed of every model and benchmark whose chance level is known, to its own half-way and to the
    accuracy that the smallest model's half-way asks for."""
    table = []
    scored = rows[(rows["metric"] == "accuracy") & (rows["tokens"] > 0)]
    for benchmark, part in scored.groupby("benchmark", sort=True):
        common: float | None = None
        for (size, model), curve in part.groupby(["total_params", "model"], sort=True):
            curve = curve.sort_values("tokens")
            tokens, accuracy = curve["tokens"].to_numpy(), curve["score"].to_numpy()
            stderr = curve["score_stderr"].to_numpy()
            speed = learning.learning_speed(
                tokens, accuracy, CHANCE[str(benchmark)], None if np.isnan(stderr).any() else stderr,
                n_bootstrap=s.n_bootstrap, level=s.level, seed=s.seed,
            )  # fmt: skip
            if common is None and np.isfinite(speed.tokens.estimate):
                common = speed.threshold
            reached = float("nan") if common is None else learning.first_crossing(tokens, accuracy, common)
            table.append({"suite": "pythia", "benchmark": benchmark, "model": model, "total_params": size,
                          **_spread(speed.tokens, "tokens_to_acquire"),
                          **_spread(speed.slope_per_decade, "slope_per_decade"), "final_accuracy": speed.final,
                          "threshold": speed.threshold, "tokens_to_smallest_threshold": reached,
                          "reason": speed.reason})  # fmt: skip
    return pd.DataFrame(table)


def study_curves(curves: pd.DataFrame, settings: TraceSettings) -> dict[str, pd.DataFrame]:
    """Table `code_length`: per run the area under the loss curve in bits, compression ratio, the power-law fit after
    the skipped part of training, and tokens to the final loss of the smallest model's longest run.

    `code_bits` and the ratio cover the tokens all runs of the longest schedule share, so that sizes compare.
    """
    raw = float(np.log2(settings.curve_vocabulary))
    ordered = curves.astype({"tokens": float, "loss_nats": float, "total_params": float})
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
