"""The findings of the data-engineering theory about learning dynamics, held against the laboratory's synthetic tasks.
Every rule was written before the recorded runs were made; it and the scale stand in the reason."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.stats import mean_interval
from foretell.trajectories.findings_scores import POWER_LAW_R_SQUARED, STRONG_RANK_CORRELATION
from foretell.trajectories.verdict import FU, Finding, verdict

DELAY = 2.0  # test accuracy must need this many times the steps of training accuracy to count as delayed
MEMORISED = 0.5  # test accuracy below which a skill whose training accuracy has passed 90 % counts as memorised
FASTER = 2.0  # formats differ in speed if the slowest needs this many times the problems of the fastest
K_TOLERANCE = 0.25  # how far the fitted k of p^k may be from the true one, as a part of it
NEVER = np.inf


def check_dynamics(tables: Mapping[str, pd.DataFrame], base: tuple[float, float]) -> list[Finding]:
    """The findings from the tables of `dynamics.study_dynamics`, in a fixed order. `base`: the learning rate and the
    weight decay of the grokking runs that the others are compared with. Raises DataError when a table is missing or
    without rows."""
    needed = ("learning", "grokking", "quanta", "steps")
    missing = [name for name in needed if name not in tables or tables[name].empty]
    if missing:
        raise DataError(f"tables without rows: {', '.join(missing)}; expected those of study_dynamics")
    learning = tables["learning"]
    scale = {name: _scale(learning, name) for name in learning["experiment"].unique()}
    return [
        _grokking(_at(tables["grokking"], *base), scale["grokking"]),
        *_hyperparameters(tables["grokking"], base, scale["grokking"]),
        *_formats(learning, scale["format"]),
        _curriculum(learning, scale["curriculum"]),
        *_quanta(tables["quanta"], scale["quanta"]),
        *_powers(tables["steps"], scale["steps"]),
    ]


def _scale(learning: pd.DataFrame, experiment: str) -> str:
    rows = learning[learning["experiment"] == experiment]
    parameters = f"{rows['parameters'].min() / 1e3:.0f}"
    most = f"{rows['parameters'].max() / 1e3:.0f}"
    sizes = parameters if parameters == most else f"{parameters} to {most}"
    return (
        f"Llama models of {sizes} thousand parameters, {rows['seed'].nunique()} seeds, at most "
        f"{rows['tokens'].max() / 1e6:.2g}M tokens a run."
    )


def grokking_setting(rate: float, decay: float) -> str:
    """Name of a cell of the grokking experiment."""
    return f"lr={rate:g},wd={decay:g}"


def _at(table: pd.DataFrame, rate: float, decay: float) -> pd.DataFrame:
    rows = table[table["setting"] == grokking_setting(rate, decay)].sort_values("seed")
    if rows.empty:
        raise DataError(f"grokking: no runs of setting {grokking_setting(rate, decay)}")
    return rows


def _list(values: pd.Series, digits: int = 0) -> str:
    return ", ".join("not reached" if not np.isfinite(v) else f"{v:,.{digits}f}" for v in values)


def _grokking(runs: pd.DataFrame, scale: str) -> Finding:
    delayed = (runs["test_over_train"] >= DELAY) & (runs["test_accuracy_when_train_passes"] < MEMORISED)
    sudden = runs["bic_line_minus_jump"] > 0
    n = len(runs)
    return Finding(
        "grokking", FU,
        "A skill passes suddenly from memorised to generalised.",
        verdict(bool((delayed & sudden).all())),
        f"steps to 90 %: training {_list(runs['train_step_90_percent'])}; test {_list(runs['test_step_90_percent'])}; "
        f"test accuracy when training passes {_list(runs['test_accuracy_when_train_passes'], 2)}; delayed in "
        f"{int(delayed.sum())} of {n} seeds, a jump describes the test curve better than a line in {int(sudden.sum())}",
        f"Modular addition. Confirmed if, in every seed, test accuracy passes 90 % after at least {DELAY:g} times the "
        f"steps of training accuracy, is below {MEMORISED:.0%} when that one passes, and rises more like a jump than "
        f"like a line in log step (BIC). {scale}",
    )  # fmt: skip


def _hyperparameters(table: pd.DataFrame, base: tuple[float, float], scale: str) -> list[Finding]:
    cells = table["setting"].str.extract(r"lr=(?P<rate>[^,]+),wd=(?P<decay>.+)").astype(float)
    steps = table.assign(**cells)["test_step_90_percent"].fillna(NEVER)
    full = table.assign(**cells, step=steps)
    decays = full[full["rate"] == base[0]].pivot(index="seed", columns="decay", values="step")
    rates = full[full["decay"] == base[1]].pivot(index="seed", columns="rate", values="step")
    earlier = bool((decays.iloc[:, -1] < decays.iloc[:, 0]).all())
    inner = rates.iloc[:, 1:-1].min(axis=1)
    slow_low, slow_high = (bool((rates.iloc[:, i] > inner).all()) for i in (0, -1))
    moved = [not _overlap(t) for t in (decays, rates)]
    decay_steps = "; ".join(f"decay {d:g}: {_list(decays[d])}" for d in decays)
    rate_steps = "; ".join(f"rate {r:g}: {_list(rates[r])}" for r in rates)
    return [
        Finding(
            "hyperparameters_set_grokking_speed", FU,
            "Weight decay and learning rate move the moment of grokking.",
            verdict(all(moved)),
            f"steps until test accuracy passes 90 %, seed by seed: {decay_steps}; {rate_steps}",
            "Modular addition. Confirmed if, for weight decay and for learning rate, the seeds' ranges of two settings "
            f"do not overlap. {scale}",
        ),
        Finding(
            "weight_decay_groks_earlier", FU,
            "Weight decay makes grokking come earlier.",
            verdict(earlier),
            f"steps until test accuracy passes 90 %, seed by seed: {decay_steps}",
            "Confirmed if, in every seed, the largest weight decay passes before the smallest; a run that does not "
            f"pass counts as later. {scale}",
        ),
        Finding(
            "extreme_learning_rates_grok_later", FU,
            "Too small and too large learning rates both make grokking come later.",
            verdict(slow_low and slow_high),
            f"steps until test accuracy passes 90 %, seed by seed: {rate_steps}",
            "Confirmed if, in every seed, the smallest and the largest learning rate pass after the best of those "
            f"between; a run that does not pass counts as later. {scale}",
        ),
    ]  # fmt: skip


def _overlap(by_setting: pd.DataFrame) -> bool:
    """Whether the seeds' ranges of all settings (columns) overlap pairwise: no latest start lies after an earliest
    end."""
    return bool(by_setting.min().max() <= by_setting.max().min())


def _formats(learning: pd.DataFrame, scale: str) -> list[Finding]:
    rows = learning[learning["experiment"] == "format"]
    problems, tokens = (rows.pivot(index="seed", columns="setting", values=f"{unit}_to_90_percent")
                        for unit in ("problems", "tokens"))  # fmt: skip
    reached = problems.fillna(NEVER)
    apart = np.isfinite(reached.min(axis=1)) & (reached.min(axis=1) * FASTER <= reached.max(axis=1))
    one_fastest = reached.idxmin(axis=1).nunique() == 1
    detailed = (reached["scratchpad"] < reached["reversed"]) & (reached["scratchpad"] < reached["plain"])
    figure = "; ".join(
        f"{form}: {_list(problems[form])} problems, {_list(tokens[form])} tokens" for form in problems.columns
    )
    note = (
        "Three-digit addition, the same problems in the same order; exact sums of problems never trained on, decoded "
        "by the model itself. "
    )
    return [
        Finding(
            "format_sets_speed", FU,
            "The same data in another format is learned at another speed.",
            verdict(bool(apart.all()) and one_fastest),
            f"until 90 % are exact, seed by seed: {figure}",
            f"{note}Confirmed if, in every seed, the slowest format needs at least {FASTER:g} times the problems of "
            f"the fastest, and one format is the fastest in all; not reached counts as more than reached. {scale}",
        ),
        Finding(
            "detailed_scratchpad_is_learned_fastest", FU,
            "The more detailed the scratchpad, the faster the model learns.",
            verdict(bool(detailed.all())),
            f"until 90 % are exact, seed by seed: {figure}",
            f"{note}Confirmed if, in every seed, the scratchpad needs the fewest problems; its examples are longer, so "
            f"that it may still need more tokens. {scale}",
        ),
    ]  # fmt: skip


def _curriculum(learning: pd.DataFrame, scale: str) -> Finding:
    rows = learning[learning["experiment"] == "curriculum"]
    final = rows.pivot(index="seed", columns="setting", values="final")
    difference = mean_interval(final["ordered"] - final["alone"])
    mixed = mean_interval(final["mixed"] - final["alone"])
    means = ", ".join(f"{order} {final[order].mean():.3f}" for order in ("ordered", "mixed", "alone"))
    return Finding(
        "curriculum_sets_speed", FU,
        "The order of skills in training changes how fast they are learned: skills 1, 2, 3 in order teach skill 3 "
        "faster than skill 3 alone.",
        verdict(difference.low > 0),
        f"accuracy on skill 3 after the same tokens: {means}; ordered minus alone {difference.estimate:.3f} "
        f"[{difference.low:.3f}, {difference.high:.3f}], mixed minus alone {mixed.estimate:.3f} "
        f"[{mixed.low:.3f}, {mixed.high:.3f}]",
        "Addition of one, two and three digits (skills 1, 2, 3). Confirmed if the 95 % t interval over seeds of "
        f"ordered minus alone lies above 0. {scale}",
    )  # fmt: skip


def _quanta(table: pd.DataFrame, scale: str) -> list[Finding]:
    jumped = table["n_jump"] / table["n_learned"]
    steep = table["largest_fall_of_mean"] * 2 <= table["median_largest_fall"]
    smooth = table["r_squared_of_mean"] >= POWER_LAW_R_SQUARED
    n = len(table)
    order = table["rank_correlation_with_frequency"]
    return [
        Finding(
            "quanta_jump_and_their_mean_is_smooth", FU,
            "Single skills (quanta) are learned in jumps; their mean loss falls smoothly.",
            verdict(bool(((jumped > 0.5) & steep).all())),
            f"learned skills that a jump describes better than a line: {int(table['n_jump'].sum())} of "
            f"{int(table['n_learned'].sum())}; largest fall between two measurements, as a part of the whole fall: "
            f"{table['median_largest_fall'].mean():.2f} of a skill (median), "
            f"{table['largest_fall_of_mean'].mean():.2f} of the mean loss",
            "Facts with power-law frequencies. Confirmed if, in every seed, most learned "
            f"skills jump (BIC) and the mean's largest fall is at most half of the median skill's. {scale}",
        ),
        Finding(
            "mean_of_quanta_is_a_power_law", FU,
            "The mean loss of many skills with power-law frequencies is a power law of the tokens.",
            verdict(bool(smooth.all())),
            f"R-squared of log mean loss on log tokens {_list(table['r_squared_of_mean'], 3)}, exponents "
            f"{_list(table['exponent'], 2)}; R-squared of single skills (median) "
            f"{_list(table['median_r_squared_of_skill'], 3)}",
            "From where the mean is below 90 % of guessing. Confirmed if R-squared is at least "
            f"{POWER_LAW_R_SQUARED:g} in each of {n} seeds. {scale}",
        ),
        Finding(
            "frequent_skills_are_learned_first", FU,
            "A model learns different skills at different speeds, frequent ones first.",
            verdict(bool((order >= STRONG_RANK_CORRELATION).all())),
            f"Spearman correlation of a skill's rank by frequency and the step at which its loss is halved: "
            f"{_list(order, 2)}; learned {_list(table['n_learned'])} of {int(table['n_skills'].iloc[0])} skills",
            f"Confirmed if at least {STRONG_RANK_CORRELATION:g} in every seed. Skills not learned within the run are "
            f"left out. {scale}",
        ),
    ]  # fmt: skip


def _powers(table: pd.DataFrame, scale: str) -> list[Finding]:
    layouts = {
        "one_by_one": ("emergence_is_a_power", "Abilities seem to emerge because a task needs several steps in a row, "
                       "each of which improves smoothly.", "Every step of the chain is written like the single step."),
        "all_first": ("emergence_is_a_power_where_steps_differ", "The accuracy of a k-step task is the k-th power of "
                      "that of its single step, also where each step must find its own part of the problem.",
                      "All numbers stand before the first answer, so that a step also has to find its number."),
    }  # fmt: skip
    findings = []
    for layout, (name, claim, note) in layouts.items():
        rows = table[table["setting"] == layout]
        if rows.empty:
            raise DataError(f"steps: no runs of setting {layout}")
        near = (rows["k_fitted"] / rows["k"] - 1).abs() <= K_TOLERANCE
        fitted = rows.groupby("k")["k_fitted"].mean()
        findings.append(
            Finding(
                name, FU, claim,
                verdict(bool((rows["explained"] & near).all())),
                "fitted k, mean over seeds: " + ", ".join(f"{k} steps {v:.2f}" for k, v in fitted.items())
                + f"; R-squared of p^k with the true k {rows['r_squared_of_true_k'].min():.3f} to "
                f"{rows['r_squared_of_true_k'].max():.3f}; better than a jump in {int(rows['explained'].sum())} of "
                f"{len(rows)}",
                f"Chains of additions modulo p over training. {note} Confirmed if, in every seed and for every k, p^k "
                f"is at least as good as a jump (BIC) and the fitted k is within {K_TOLERANCE:.0%} of the true one. "
                f"{scale}",
            )
        )  # fmt: skip
    return findings
