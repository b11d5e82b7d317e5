"""Findings about models as wholes: perplexity, size and compute as predictors of scores, learning speed, power laws
and code length. One function a finding, each with its rule in the reason it writes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import stats

from foretell.trajectories.learning import composed_accuracy
from foretell.trajectories.verdict import FU, XIA, Finding, verdict

STRONG_RANK_CORRELATION = 0.8
POWER_LAW_R_SQUARED = 0.95


def perplexity_falls(perplexities: pd.DataFrame) -> Finding:
    held = perplexities[perplexities["suite"] == "opt"].sort_values(["total_params", "tokens"])
    groups = held.groupby("model", sort=False)
    curves = [(str(m), g["tokens"].to_numpy(), g["perplexity"].to_numpy()) for m, g in groups]
    compared = better = 0
    latest = 0.0
    for (_, tokens_a, ppl_a), (_, tokens_b, ppl_b) in pairwise(curves):
        inside = tokens_a[(tokens_a >= tokens_b[0]) & (tokens_a <= tokens_b[-1])]
        a = np.interp(np.log(inside), np.log(tokens_a), np.log(ppl_a))
        b = np.interp(np.log(inside), np.log(tokens_b), np.log(ppl_b))
        compared, better = compared + len(inside), better + int((b < a).sum())
        latest = max(latest, float(inside[b >= a].max(initial=0.0)))
    falls = sum(ppl[-1] < ppl[0] for _, _, ppl in curves)
    finals = ", ".join(f"{name} {ppl[-1]:.2f}" for name, _, ppl in curves)
    return Finding(
        "larger_models_lower_perplexity", XIA,
        "Perplexity on human text falls with size and with compute.",
        verdict(better == compared and falls == len(curves)),
        f"at equal tokens the next larger OPT model is better at {better} of {compared} checkpoints (the last "
        f"exception at {latest / 1e9:.0f}B tokens of 280B); last: {finals}",
        "Validation perplexity of OPT; confirmed if it holds at every common number of tokens and every model falls. "
        "Larger OPT models train with larger batches, so at few tokens they have taken fewer steps.",
    )  # fmt: skip


def predictors(differences: pd.DataFrame) -> list[Finding]:
    rows = []
    known = {"opt": "validation perplexity", "pythia": "LAMBADA perplexity, a stand-in for validation perplexity"}
    names = {"log_params": "size", "log_flops": "compute"}
    for suite, what in known.items():
        for rival, word in names.items():
            one = differences[(differences["suite"] == suite) & (differences["rival"] == rival)].iloc[0]
            rows.append(
                Finding(
                    f"perplexity_beats_{word}_{suite}",
                    XIA,
                    f"Perplexity predicts downstream scores better than {word} does ({suite}).",
                    verdict(one["difference_high"] < 0),
                    f"mean absolute error on held-out sizes {one['mae_perplexity']:.4f} against "
                    f"{one['mae_rival']:.4f}; difference {one['difference']:.4f} "
                    f"[{one['difference_low']:.4f}, {one['difference_high']:.4f}]",
                    f"Regressions of zero-shot accuracy on log {what} and on log {word}, one size held out at a time, "
                    "interval by resampling (benchmark, size); confirmed if the interval lies below 0.",
                )
            )
    return rows


def matched(gaps: pd.DataFrame) -> Finding:
    opt = gaps[gaps["suite"] == "opt"].pivot(index=["model_a", "model_b"], columns="matched_on")
    usable = opt[opt["gap"]["log_perplexity"].notna()]
    gap, low, high = (usable[c]["log_perplexity"] for c in ("gap", "gap_low", "gap_high"))
    holds = int(((low <= 0) & (high >= 0)).sum())
    by_tokens = usable["gap"]["log_tokens"].abs().mean()
    return Finding(
        "equal_perplexity_equal_scores", XIA,
        "At equal perplexity, models of different sizes score alike.",
        verdict(holds == len(usable) > 0 and gap.abs().mean() < by_tokens),
        f"mean |gap| of the mean BIG-bench score: {gap.abs().mean():.4f} at equal perplexity, {by_tokens:.4f} at equal "
        f"tokens; the interval holds 0 in {holds} of {len(usable)} pairs of OPT models",
        f"{len(opt) - len(usable)} of {len(opt)} pairs have too few checkpoints at a common perplexity; tasks of a few "
        "dozen to a few hundred items. Confirmed if no pair differs and the gaps are smaller than at equal tokens.",
    )  # fmt: skip


def follows_perplexity(mean: pd.DataFrame) -> list[Finding]:
    claims = {
        "opt": ("score_follows_perplexity", XIA, "Downstream accuracy is strongly tied to perplexity over all sizes."),
        "pythia": ("loss_agrees_with_performance", FU, "Loss agrees closely with overall performance."),
    }
    rows = []
    for suite, (name, source, claim) in claims.items():
        part = mean[mean["suite"] == suite]
        complete = part[part["n_benchmarks"] == part["n_benchmarks"].max()]
        rank = complete[["perplexity", "mean_score"]].corr(method="spearman").iloc[0, 1]
        rows.append(
            Finding(
                name,
                source,
                claim,
                verdict(bool(rank <= -STRONG_RANK_CORRELATION)),
                f"Spearman {rank:.3f} of perplexity and mean zero-shot accuracy, {len(complete)} {suite} checkpoints",
                f"Strong is read as {-STRONG_RANK_CORRELATION:g} or below.",
            )
        )
    return rows


def gradual(steps: pd.DataFrame) -> Finding:
    enough = steps[steps["n_sizes"] >= 6]
    lines = int((enough["bic_jump_minus_line"] > 0).sum())
    return Finding(
        "gradual_with_size", XIA,
        "Scores change gradually with size, not by sudden jumps.",
        verdict(lines == len(enough) > 0),
        f"a line in log N describes the final accuracy better than a jump on {lines} of {len(enough)} benchmarks "
        f"(least BIC difference {enough['bic_jump_minus_line'].min():.2f})",
        "Eight sizes of Pythia; OPT's five are too few for the comparison (a jump takes three parameters). Where no "
        "model leaves chance the line is flat, and gradual says little.",
    )  # fmt: skip


def _heterogeneity_p(rows: pd.DataFrame) -> float:
    """Cochran's (1954) Q test that log tokens to acquire are equal over benchmarks; interval widths / 3.92 stand for
    standard errors, which is exact for 95 % intervals of a normal estimate."""
    x = np.log(rows["tokens_to_acquire"].to_numpy())
    stderr = (np.log(rows["tokens_to_acquire_high"]) - np.log(rows["tokens_to_acquire_low"])).to_numpy() / 3.92
    weights = 1.0 / stderr**2
    q = float((weights * (x - (weights @ x) / weights.sum()) ** 2).sum())
    return float(stats.chi2.sf(q, len(x) - 1)) if len(x) > 1 else float("nan")


def speed(learning: pd.DataFrame, code: pd.DataFrame, alpha: float) -> list[Finding]:
    table = learning[learning["tokens_to_acquire"].notna()]
    differ = n_models = apart = 0
    for _, model in table.groupby("model"):
        n_models += 1
        ordered = model.sort_values("tokens_to_acquire")
        apart += int(ordered["tokens_to_acquire_high"].iloc[0] < ordered["tokens_to_acquire_low"].iloc[-1])
        differ += int(_heterogeneity_p(ordered) <= alpha / table["model"].nunique())
    spread = table.groupby("benchmark")["tokens_to_acquire"].median().sort_values() / 1e9
    longest = code[code["is_longest"]].sort_values("total_params")
    tokens = longest["tokens_to_target"].to_numpy()
    own: list[float] = []
    common: list[float] = []
    for _, part in table.sort_values("total_params").groupby("benchmark"):
        for column, into in (("tokens_to_acquire", own), ("tokens_to_common_bar", common)):
            reached = part[part[column].notna()]
            if reached["total_params"].nunique() >= 4:
                logs = np.log(reached[["total_params", column]].to_numpy())
                into.append(float(np.corrcoef(logs.T)[0, 1]))
    return [
        Finding(
            "skills_at_different_times", FU,
            "Different skills are acquired at different points of training.",
            verdict(differ == n_models),
            f"equal times are rejected in {differ} of {n_models} Pythia models; the intervals of a model's first and "
            f"last benchmark are apart in {apart}; median tokens to half-way: {spread.index[0]} {spread.iloc[0]:.1f}B, "
            f"{spread.index[-1]} {spread.iloc[-1]:.1f}B",
            "Benchmarks stand for skills, acquired half-way between chance and the model's own final accuracy. "
            "Cochran's Q of log tokens, Bonferroni over models; confirmed if rejected in every model.",
        ),
        Finding(
            "larger_models_learn_faster_loss", FU,
            "Larger models learn faster: they reach a given loss on fewer tokens.",
            verdict(bool(np.isfinite(tokens).all() and (np.diff(tokens) < 0).all())),
            "tokens to a C4 loss of "
            f"{longest['target_loss_nats'].iloc[0]:.3f} nats: "
            + ", ".join(f"{run} {t / 1e9:.1f}B" for run, t in zip(longest["run"], tokens, strict=True)),
            "OLMo ladder, longest schedule of each size; confirmed if every size needs fewer than the next smaller.",
        ),
        Finding(
            "larger_models_learn_faster_accuracy", FU,
            "Larger models learn faster: they reach a given accuracy on fewer tokens.",
            verdict(max(common) < 0),
            f"correlation of log tokens with log N, per benchmark: to one bar for all models "
            f"{min(common):.2f} to {max(common):.2f} (mean {np.mean(common):.2f}, {len(common)} benchmarks); to each "
            f"model's own half-way {min(own):.2f} to {max(own):.2f} (mean {np.mean(own):.2f})",
            "Pythia; confirmed if negative on every benchmark with one bar for all. The bar matters: a larger model's "
            "own half-way is a higher accuracy.",
        ),
    ]  # fmt: skip


def power_law(code: pd.DataFrame) -> Finding:
    r2, exponent = code["r_squared_log"], code["exponent"]
    return Finding(
        "aggregate_follows_power_law", FU,
        "The aggregate loss follows a power law (a straight line in log-log).",
        verdict(bool((r2 >= POWER_LAW_R_SQUARED).all())),
        f"R-squared of log loss on log tokens {r2.min():.3f}-{r2.max():.3f} in {len(code)} runs; exponents "
        f"{exponent.min():.3f} to {exponent.max():.3f}",
        "OLMo ladder, C4 loss after the skipped part of training. The exponent varies with the schedule (short runs "
        "decay their learning rate sooner), so the line describes a run and is no law of the data.",
    )  # fmt: skip


def compression(code: pd.DataFrame) -> Finding:
    longest = code[code["is_longest"]].sort_values("total_params")
    ratio = longest["compression_ratio"].to_numpy()
    return Finding(
        "area_is_code_length", FU,
        "The area under the loss curve is the data's code length; better models compress more.",
        verdict(bool((np.diff(ratio) > 0).all())),
        "compression ratio over the same tokens: "
        + ", ".join(f"{run} {r:.3f}" for run, r in zip(longest["run"], ratio, strict=True)),
        "OLMo ladder; C4 validation loss stands in for the loss on the tokens trained on, raw text costs log2 of the "
        "vocabulary a token. The identity is arithmetic; that the ratio grows with size is what is confirmed.",
    )  # fmt: skip


def composition() -> Finding:
    values = composed_accuracy([0.95, 0.80], 5.0)
    return Finding(
        "composition_p_to_the_k", FU,
        "A five-step task at 95 % a step succeeds in 77 %, at 80 % a step in about a third.",
        verdict(abs(values[0] - 0.77) < 0.005 and abs(values[1] - 0.33) < 0.005),
        f"0.95^5 = {values[0]:.3f}, 0.80^5 = {values[1]:.3f}",
        "The arithmetic only; the text rounds the second to 32 %.",
    )  # fmt: skip
