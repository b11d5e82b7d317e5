"""The measurements on scores over checkpoints: what predicts them, how models compare at equal perplexity, how fast
skills are acquired, and which benchmarks are too noisy to steer by. Tables in, tables out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.stats import Interval
from foretell.trajectories import learning, perplexity, steering
from foretell.trajectories.settings import TraceSettings

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
        by_checkpoint = accuracies.groupby(["model", "total_params", "step", "tokens", "perplexity"], sort=True)
        mean = by_checkpoint["score"].agg(mean_score="mean", n_benchmarks="size").reset_index()
        found: dict[str, pd.DataFrame] = {
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


def _spread(interval: Interval, name: str = "difference") -> dict[str, float]:
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _matched_gaps(mean: pd.DataFrame, s: TraceSettings) -> pd.DataFrame:
    """Gaps of the mean score between sizes at equal log perplexity, tokens and compute. Of models of one size the
    first by name stands for the size, so that no size counts twice."""
    complete = mean[mean["n_benchmarks"] == mean["n_benchmarks"].max()]
    first = complete.sort_values(["total_params", "model"]).drop_duplicates("total_params")["model"]
    matched: dict[str, Callable[[pd.DataFrame], Floats]] = {
        "log_perplexity": lambda m: np.log(m["perplexity"].to_numpy()),
        "log_tokens": lambda m: np.log(m["tokens"].to_numpy()),
        "log_flops": lambda m: np.log(6.0 * m["tokens"].to_numpy() * m["total_params"].to_numpy()),
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
    """Learning speed of every model and benchmark whose chance level is known, to its own half-way and to a bar
    common to all models: the half-way of the smallest model whose half-way is 2 standard errors above chance (below
    that, noise alone crosses it at the first checkpoints)."""
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
            noise = np.median(stderr) if np.isfinite(stderr).all() else learning.checkpoint_noise(accuracy)
            clear = speed.threshold - CHANCE[str(benchmark)] > 2.0 * noise
            if common is None and clear and np.isfinite(speed.tokens.estimate):
                common = speed.threshold
            reached = float("nan") if common is None else learning.first_crossing(tokens, accuracy, common)
            table.append({"suite": "pythia", "benchmark": benchmark, "model": model, "total_params": size,
                          **_spread(speed.tokens, "tokens_to_acquire"),
                          **_spread(speed.slope_per_decade, "slope_per_decade"), "final_accuracy": speed.final,
                          "threshold": speed.threshold, "tokens_to_common_bar": reached,
                          "reason": speed.reason})  # fmt: skip
    return pd.DataFrame(table)
