"""The studies' sections of the report, from their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from features.catalogue import View
from features.raw import read_raw
from features.schema import DOUBTS
from models.report.backtest import TITLE as BACKTEST_TITLE
from models.report.studies import audit_section, doubts_section, findings_section, laws_section
from pipelines.files import read_json
from pipelines.paths import AUDIT, BACKTEST_REPORT, LAWS, MIXTURES, TRAJECTORIES


def sections(view: View, titles: Mapping[str, str]) -> dict[str, str]:
    """Title -> Markdown of each study's section in the report; `titles` maps a benchmark's slug to its title."""
    laws = read_json(LAWS / "benchmarks.json"), read_json(LAWS / "chinchilla.json")
    doubts = {}
    if view == "verified":
        doubts["Scores that are not believed"] = doubts_section(read_raw(DOUBTS), titles)
        doubts["Scores that look wrong"] = audit_section(pd.read_csv(AUDIT / "objections.csv"), titles)
    forecasts = {BACKTEST_TITLE: (BACKTEST_REPORT / "section.md").read_text(encoding="utf-8").rstrip()}
    return (
        forecasts
        | doubts
        | {
            "How much is just scale": laws_section(*laws),
            "Training trajectories: findings of the literature on these data": findings_section(findings(TRAJECTORIES)),
            "Data mixtures (1M-parameter proxies, rankings checked at 60M and 1B)": findings_section(
                findings(MIXTURES)
            ),
        }
    )


def findings(folder: Path) -> pd.DataFrame:
    """A study's table of findings."""
    return pd.read_csv(folder / "findings.csv")
