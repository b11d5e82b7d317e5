"""The theory beside the predictors, as sections of the report and figures of runs: what scaling laws, training curves,
mixtures and generations say, read from the files of their stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from foretell.markdown import markdown_table


def laws_section(benchmarks: Mapping[str, Any], chinchilla: Mapping[str, Any]) -> str:
    """How much of each benchmark is just scale, and the loss law of the Chinchilla points. The arguments
    are the contents of reports/laws/benchmarks.json and chinchilla.json."""
    rows = [
        {
            "benchmark": fit["title"],
            "R² of a power law in parameters and tokens": f"{fit['r2']:.2f}",
            "90 % interval": "{:.2f} to {:.2f}".format(*fit["r2_interval_90"]),
        }
        for slug, fit in benchmarks.items()
    ]
    constants = chinchilla["laws"]["chinchilla"]["constants"]
    named = [f"{name} = {fit['value']:.4g} ({fit['low']:.4g} to {fit['high']:.4g})" for name, fit in constants.items()]
    law = f"Loss of the Chinchilla runs, L = E + A/N^alpha + B/D^beta: {', '.join(named)}."
    return f"{markdown_table(rows)}\n\n{law}"


def doubts_section(doubts: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """The recorded scores that are not believed (the raw table of doubts), per benchmark; `titles` maps its slug to its
    title."""
    used = doubts["decision"] == "use_witness"
    rows = [
        {
            "benchmark": title,
            "left out": ", ".join(doubts.loc[~used & (doubts["target"] == slug), "model_id"]) or "-",
            "replaced by another measurement": ", ".join(doubts.loc[used & (doubts["target"] == slug), "model_id"])
            or "-",
        }
        for slug, title in titles.items()
        if slug in set(doubts["target"])
    ]
    words = (
        f"{len(doubts)} recorded scores of {doubts['model_id'].nunique()} models are failures of a run and not of a "
        "model. The view `verified` leaves them out or takes a second measurement with the same settings; `foretell "
        "doubts` prints every reason and source."
    )
    return f"{words}\n\n{markdown_table(rows)}"


def audit_section(objections: pd.DataFrame, titles: Mapping[str, str], most: int = 20) -> str:
    """The scores that the auditor objects to and nobody doubts yet (reports/audit/objections.csv), the farthest first;
    `titles` maps a benchmark's slug to its title."""
    open_ones = objections[~objections["doubted"].astype(bool) & objections["target"].isin(list(titles))]
    farthest = open_ones.sort_values("distance", ascending=False).head(most)
    rows = [
        {
            "model": row["model_id"],
            "benchmark": titles[row["target"]],
            "score": f"{row['score']:.3f}",
            "expected": f"{row['low']:.3f} to {row['high']:.3f}",
            "likeliest cause": row["cause"],
        }
        for row in farthest.to_dict("records")
    ]
    words = (
        f"The auditor objects to {len(objections)} recorded scores; {len(objections) - len(open_ones)} of them are "
        f"doubted already. Of the others the {len(rows)} farthest out follow; a model may really be that unusual."
    )
    return f"{words}\n\n{markdown_table(rows)}" if rows else words


def findings_section(findings: pd.DataFrame) -> str:
    """Findings of the literature with their verdicts on these data (columns claim, source, verdict, figure)."""
    return markdown_table(
        [
            {"finding": f"{row['claim']} ({row['source']})", "verdict": row["verdict"], "figure": row["figure"]}
            for row in findings.fillna("").to_dict("records")
        ]
    )


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
