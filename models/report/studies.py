"""The theory beside the predictors, as sections of the report and figures of runs: what scaling laws, training curves,
mixtures and generations say, read from the files of their stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from features.schema import BENCHMARKS


def laws_section(benchmarks: Mapping[str, Any], chinchilla: Mapping[str, Any]) -> str:
    """How much of each benchmark is just scale, and the loss law of the Chinchilla points. The arguments
    are the contents of reports/laws/benchmarks.json and chinchilla.json."""
    lines = ["| benchmark | R² of a power law in parameters and tokens | 90 % interval |", "|---|---|---|"]
    for slug, fit in benchmarks.items():
        low, high = fit["r2_interval_90"]
        lines.append(f"| {BENCHMARKS[slug].title} | {fit['r2']:.2f} | {low:.2f} to {high:.2f} |")
    constants = chinchilla["laws"]["chinchilla"]["constants"]
    named = [f"{name} = {fit['value']:.4g} ({fit['low']:.4g} to {fit['high']:.4g})" for name, fit in constants.items()]
    return "\n".join([*lines, "", f"Loss of the Chinchilla runs, L = E + A/N^alpha + B/D^beta: {', '.join(named)}."])


def findings_section(findings: pd.DataFrame) -> str:
    """Findings of the literature with their verdicts on these data (columns claim, source, verdict, figure)."""
    lines = ["| finding | verdict | figure |", "|---|---|---|"]
    for row in findings.fillna("").to_dict("records"):
        claim, figure = (str(row[name]).replace("|", "\\|") for name in ("claim", "figure"))
        lines.append(f"| {claim} ({row['source']}) | {row['verdict']} | {figure} |")
    return "\n".join(lines)


def laws_metrics(benchmarks: Mapping[str, Any], chinchilla: Mapping[str, Any]) -> dict[str, float]:
    """R² per benchmark and the constants of the Chinchilla law, as metrics of a run."""
    constants = chinchilla["laws"]["chinchilla"]["constants"]
    return {f"r2.{slug}": float(fit["r2"]) for slug, fit in benchmarks.items()} | {
        f"chinchilla.{name}": float(fit["value"]) for name, fit in constants.items()
    }


def verdict_counts(findings: pd.DataFrame) -> dict[str, float]:
    """How many findings are confirmed, not confirmed, not testable here, as metrics of a run."""
    counts = findings["verdict"].value_counts()
    return {str(verdict).replace(" ", "_"): float(count) for verdict, count in counts.items()}
