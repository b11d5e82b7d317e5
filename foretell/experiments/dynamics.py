"""Learning dynamics of the laboratory's synthetic tasks: from the recorded long tables (experiment, setting, seed,
step, tokens, ...) to when each skill was learned, how long a code its run is, and whether jumps, sums of jumps and
products of steps look as the theory says."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from foretell.arrays import Floats
from foretell.errors import DataError
from foretell.stats import r_squared
from foretell.trajectories.learning import (
    composition_test,
    first_crossing,
    fit_log_power,
    jump_or_line,
    learning_speed,
)

LEARNED = 0.9  # the accuracy at which the theory calls a skill learned
GUESSING_LEFT = 0.9  # the power law of a mean loss is fitted once it is below this part of the loss of guessing
KEY = ["experiment", "setting", "seed"]
EXPERIMENTS = ("grokking", "format", "curriculum", "quanta", "steps")


def study_dynamics(metrics: pd.DataFrame, runs: pd.DataFrame, n_bootstrap: int = 1000) -> dict[str, pd.DataFrame]:
    """The tables of all experiments: `learning` (a row per run), `grokking`, `quanta`, `quanta_skills`, `steps`.

    `metrics`: experiment, setting, seed, step, tokens, metric, value; `runs`: experiment, setting, seed, parameters,
    tokens, code_bits, compression_ratio, facts (JSON of lms.dynamics.task.TaskFacts), settings. Rows of other
    experiments are ignored; `n_bootstrap` resamples give each interval. Raises DataError when an experiment of
    EXPERIMENTS has no rows.
    """
    missing = [name for name in EXPERIMENTS if not (runs["experiment"] == name).any()]
    if missing:
        raise DataError(f"no runs of {', '.join(missing)}; run `make lab`, or take the recorded tables (`dvc pull`)")
    facts = json.loads(runs[runs["experiment"] == "quanta"]["facts"].iloc[0])
    guessing = float(-np.log(facts["chance"]))
    wide = {name: curves_of(metrics, name) for name in EXPERIMENTS}
    return {
        "learning": learning_table(wide, runs, n_bootstrap),
        "grokking": grokking_table(wide["grokking"]),
        "quanta": quanta_table(wide["quanta"], guessing),
        "quanta_skills": quanta_skills(wide["quanta"], guessing),
        "steps": steps_table(wide["steps"], n_bootstrap),
    }


def curves_of(metrics: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """The metrics of one experiment side by side: setting, seed, step, tokens and a column per metric, without step 0.

    Raises DataError when there are none.
    """
    rows = metrics[(metrics["experiment"] == experiment) & (metrics["step"] > 0)]
    if rows.empty:
        raise DataError(f"metrics: no rows of experiment {experiment}")
    wide = rows.pivot(index=["setting", "seed", "step", "tokens"], columns="metric", values="value")
    return wide.reset_index().rename_axis(columns=None).sort_values(["setting", "seed", "step"], ignore_index=True)


def step_learned(steps: pd.Series, accuracy: pd.Series, level: float = LEARNED) -> float:
    """Step at which `accuracy` first exceeds `level`, linear in log step between measurements; NaN when it never
    does."""
    return first_crossing(steps, accuracy, level)


def learning_table(wide: Mapping[str, pd.DataFrame], runs: pd.DataFrame, n_bootstrap: int) -> pd.DataFrame:
    """Of every run: problems and tokens until its skill is at 90 % (NaN: not within the run), `final` accuracy, tokens
    to half of the way from chance to it and the slope there (`learning_speed`, with binomial errors), code length in
    bits and compression ratio."""
    rows = []
    for run in runs[runs["experiment"].isin(EXPERIMENTS)].sort_values(KEY).to_dict("records"):
        facts = json.loads(run["facts"])
        table = wide[run["experiment"]]
        curve = table[(table["setting"] == run["setting"]) & (table["seed"] == run["seed"])]
        if curve.empty:
            raise DataError(f"metrics: none of run {run['experiment']} {run['setting']}, seed {run['seed']}")
        accuracy = curve[facts["skill"]].clip(0, 1)
        stderr = np.sqrt(accuracy * (1 - accuracy) / facts["n_test"])
        speed = learning_speed(curve["tokens"], accuracy, facts["chance"], stderr, n_final=1, n_bootstrap=n_bootstrap)
        tokens = first_crossing(curve["tokens"], accuracy, LEARNED)
        rows.append(
            {
                **{name: run[name] for name in [*KEY, "parameters", "tokens"]},
                "problems_to_90_percent": tokens / facts["tokens_per_example"],
                "tokens_to_90_percent": tokens,
                "final": speed.final,
                "tokens_to_half": speed.tokens.estimate,
                "tokens_to_half_low": speed.tokens.low,
                "tokens_to_half_high": speed.tokens.high,
                "slope_per_decade": speed.slope_per_decade.estimate,
                **{name: run[name] for name in ("code_bits", "compression_ratio")},
                "reason": speed.reason,
            }
        )
    return pd.DataFrame(rows)


def grokking_table(wide: pd.DataFrame) -> pd.DataFrame:
    """Of every run: the steps at which training and test accuracy pass 90 % (NaN: not within `last_step`), their
    ratio, the test accuracy when training passes, and BIC of a line minus BIC of a jump for the test accuracy over log
    step (above 0: a jump describes it better)."""
    rows = []
    for (setting, seed), curve in wide.groupby(["setting", "seed"], sort=True):
        train, test = (step_learned(curve["step"], curve[f"{part}_accuracy"]) for part in ("train", "test"))
        logs = np.log(curve["step"].to_numpy(float))
        shape = jump_or_line(logs, curve[["test_accuracy"]])
        at_train = np.interp(np.log(train), logs, curve["test_accuracy"]) if np.isfinite(train) else np.nan
        rows.append(
            {
                "setting": setting,
                "seed": seed,
                "train_step_90_percent": train,
                "test_step_90_percent": test,
                "test_over_train": test / train,
                "test_accuracy_when_train_passes": float(at_train),
                "final_test_accuracy": float(curve["test_accuracy"].iloc[-1]),
                "bic_line_minus_jump": float(shape.bic_line[0] - shape.bic_jump[0]),
                "last_step": int(curve["step"].iloc[-1]),
            }
        )
    return pd.DataFrame(rows)


def skill_losses(curve: pd.DataFrame) -> Floats:
    """Loss of every skill of one run, in the order of their frequency, shape (n_steps, n_skills)."""
    return curve[sorted(c for c in curve.columns if c.startswith("loss_skill_"))].to_numpy(float)


def quanta_skills(wide: pd.DataFrame, guessing: float) -> pd.DataFrame:
    """Of every skill of every run: its `rank` by frequency, whether it was `learned` (its loss fell below half of
    `guessing`, the loss of guessing in nats), the step at which that happened, BIC of a line minus BIC of a jump over
    log step, and its largest fall between two measurements as a part of its whole fall."""
    rows = []
    for (setting, seed), curve in wide.groupby(["setting", "seed"], sort=True):
        losses = skill_losses(curve)
        shape = jump_or_line(np.log(curve["step"]), losses)
        for i, loss in enumerate(losses.T):
            half = first_crossing(curve["step"], 1 - np.clip(loss / guessing, 0, 1), 0.5)
            rows.append(
                {
                    "setting": setting,
                    "seed": seed,
                    "rank": i + 1,
                    "learned": bool(np.isfinite(half)),
                    "step_half": half,
                    "bic_line_minus_jump": float(shape.bic_line[i] - shape.bic_jump[i]),
                    "largest_fall": largest_fall(loss),
                }
            )
    return pd.DataFrame(rows)


def largest_fall(losses: Floats) -> float:
    """Largest fall between neighbours of `losses` (n,) as a part of the fall from the largest to the smallest, 0-1; NaN
    for a constant."""
    fall = float(np.ptp(losses))
    return float(max(0.0, -np.diff(losses).min()) / fall) if fall > 0 else float("nan")


def quanta_table(wide: pd.DataFrame, guessing: float) -> pd.DataFrame:
    """Of every run: how many skills were learned and how many of these jumped, the median of their largest falls and
    that of the mean loss, and the power law of the mean loss over tokens (from where it is below 90 % of `guessing`,
    in nats) beside the median R-squared of the same law for single learned skills."""
    skills = quanta_skills(wide, guessing)
    rows = []
    for (setting, seed), curve in wide.groupby(["setting", "seed"], sort=True):
        own = skills[(skills["setting"] == setting) & (skills["seed"] == seed)]
        learned = own[own["learned"]]
        mean = curve["mean_loss_nats"].to_numpy(float)
        began = mean < GUESSING_LEFT * guessing
        fitted = np.arange(len(mean)) >= np.argmax(began)
        tokens = curve["tokens"].to_numpy(float)
        if not began.any() or fitted.sum() < 5 or learned.empty:
            raise DataError(f"quanta {setting}, seed {seed}: fewer than 5 measurements after learning began; train on")
        law = fit_log_power(tokens[fitted], mean[fitted])
        losses = np.maximum(skill_losses(curve)[fitted][:, own["learned"].to_numpy()], 1e-12)
        single = [fit_log_power(tokens[fitted], loss).r_squared for loss in losses.T]
        order = stats.spearmanr(learned["rank"], learned["step_half"]).statistic
        rows.append(
            {
                "setting": setting,
                "seed": seed,
                "n_skills": len(own),
                "n_learned": len(learned),
                "n_jump": int((learned["bic_line_minus_jump"] > 0).sum()),
                "median_largest_fall": float(learned["largest_fall"].median()),
                "largest_fall_of_mean": largest_fall(mean),
                "exponent": law.exponent,
                "r_squared_of_mean": law.r_squared,
                "median_r_squared_of_skill": float(np.median(single)),
                "rank_correlation_with_frequency": float(order),
            }
        )
    return pd.DataFrame(rows)


def steps_table(wide: pd.DataFrame, n_bootstrap: int) -> pd.DataFrame:
    """Of every run and chain of k >= 2 steps: the k fitted to task accuracy = p^k (p the accuracy of a single step)
    with its interval, R-squared of p^k with that k and with the true one, and whether it is better than a jump."""
    rows = []
    lengths = sorted(int(c.removeprefix("accuracy_k")) for c in wide.columns if c.startswith("accuracy_k"))
    for (setting, seed), curve in wide.groupby(["setting", "seed"], sort=True):
        single = curve["accuracy_k1"].to_numpy(float)
        for k in lengths[1:]:
            chain = curve[f"accuracy_k{k}"].to_numpy(float)
            test = composition_test(single, chain, n_bootstrap)
            rows.append(
                {
                    "setting": setting,
                    "seed": seed,
                    "k": k,
                    "k_fitted": test.k.estimate,
                    "k_low": test.k.low,
                    "k_high": test.k.high,
                    "r_squared": test.r_squared,
                    "r_squared_of_true_k": r_squared(chain, single**k),
                    "explained": test.explained,
                    "largest_error_of_true_k": float(np.abs(chain - single**k).max()),
                }
            )
    return pd.DataFrame(rows)
