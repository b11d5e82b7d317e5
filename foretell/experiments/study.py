"""The laboratory's study: from the recorded tables of its training runs to every measurement, and to the verdicts on
the literature's findings that controlled training can speak to. Tables in, tables out."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from foretell.experiments.best_share import best_share_table, code_weightings
from foretell.experiments.choice import accuracy_through_gap, split_curve, split_table
from foretell.experiments.dynamics import study_dynamics
from foretell.experiments.findings_dynamics import check_dynamics
from foretell.experiments.findings_shares import mixture_speed
from foretell.experiments.findings_tokens import check_tokens
from foretell.experiments.settings import ExamineSettings
from foretell.experiments.share_claims import agreement_table, compare_claims
from foretell.experiments.shares import effect_table, loss_table, share_losses
from foretell.experiments.tokens import study_tokens
from foretell.trajectories.settings import TraceSettings
from foretell.trajectories.verdict import Finding

RUN = ["experiment", "setting", "seed"]
HELD_OUT_LOSS = "/bits_per_byte"


@dataclass(frozen=True)
class LabTables:
    """The raw tables lab_runs, lab_curves, lab_metrics, lab_options, lab_losses, lab_items and lab_texts."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    metrics: pd.DataFrame
    options: pd.DataFrame
    losses: pd.DataFrame
    items: pd.DataFrame
    texts: pd.DataFrame


@dataclass(frozen=True)
class Examined:
    """Tables of the study by name, and the findings of the literature held against them."""

    tables: dict[str, pd.DataFrame]
    findings: list[Finding]


def examine(lab: LabTables, claims: pd.DataFrame, chosen: ExamineSettings, trends: TraceSettings) -> Examined:
    """Every measurement on the laboratory's runs. `claims`: what predictors and published controlled runs say about the
    share of code (columns of `share_claims.CLAIM_COLUMNS`); `trends`: how trends of tokens are tested.

    Raises DataError when an experiment is missing or unfinished.
    """
    tables = code_share_tables(lab.metrics, claims, chosen)
    dynamics = study_dynamics(lab.metrics, lab.runs, trends.n_bootstrap)
    sizes = lab.runs[lab.runs["experiment"] == "sizes"]
    tokens = study_tokens(lab.losses, lab.items, lab.texts, sizes, trends)
    splits = split_table(lab.options.rename(columns={"source": "task"}), [*RUN, "task"])
    findings = [
        *check_dynamics(dynamics, grokking_base(lab.runs)),
        mixture_speed(lab.metrics, HELD_OUT_LOSS),
        accuracy_through_gap(splits, RUN, choice_scale(sizes), trends.alpha),
        *check_tokens(tokens, trends.alpha),
    ]
    choice = {
        "choice_split": splits,
        "choice_curves": split_curve(lab.options.rename(columns={"source": "task"}), [*RUN, "task"]),
    }
    return Examined({**tables, **dynamics, **{f"token_{name}": table for name, table in tokens.items()}, **choice},
                    findings)  # fmt: skip


def code_share_tables(metrics: pd.DataFrame, claims: pd.DataFrame, chosen: ExamineSettings) -> dict[str, pd.DataFrame]:
    """The tables of the experiment `code_share`: `share_losses`, `share_effects`, `best_share`, `share_claims` and
    `share_agreement`."""
    level = chosen.best_share.level
    losses = share_losses(metrics, HELD_OUT_LOSS)
    compared = compare_claims(losses, claims, level)
    return {
        "share_losses": loss_table(losses, level),
        "share_effects": effect_table(losses, level),
        "best_share": best_share_table(losses, code_weightings(chosen.weight_step), chosen.best_share),
        "share_claims": compared,
        "share_agreement": agreement_table(compared),
    }


def grokking_base(runs: pd.DataFrame) -> tuple[float, float]:
    """Learning rate and weight decay of the grokking runs that the others are compared with: the pair that shares its
    learning rate with all runs of another weight decay, and its weight decay with all of another learning rate."""
    described = runs.loc[runs["experiment"] == "grokking", "settings"]
    grokking = [json.loads(text)["loop"]["optimiser"] for text in described]
    pairs = pd.DataFrame(
        [(one["learning_rate"], one["weight_decay"]) for one in grokking], columns=["rate", "decay"]
    ).drop_duplicates()
    return float(pairs["rate"].mode().iloc[0]), float(pairs["decay"].mode().iloc[0])


def choice_scale(runs: pd.DataFrame) -> str:
    """In words, how large the models and their data were."""
    low, high = runs["parameters"].min(), runs["parameters"].max()
    return f"models of {low / 1e6:.2g}M to {high / 1e6:.2g}M parameters on {runs['tokens'].max() / 1e6:.2g}M tokens"
