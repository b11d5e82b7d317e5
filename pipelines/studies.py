"""The studies' sections of the report, from their files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.report.studies import findings_section, laws_section
from pipelines.files import read_json
from pipelines.paths import LAWS, MIXTURES, TRAJECTORIES


def sections() -> dict[str, str]:
    """Title -> Markdown of each study's section in the report."""
    laws = read_json(LAWS / "benchmarks.json"), read_json(LAWS / "chinchilla.json")
    return {
        "How much is just scale": laws_section(*laws),
        "Training trajectories: findings of the literature on these data": findings_section(findings(TRAJECTORIES)),
        "Data mixtures (1M-parameter proxies)": findings_section(findings(MIXTURES)),
    }


def findings(folder: Path) -> pd.DataFrame:
    """A study's table of findings."""
    return pd.read_csv(folder / "findings.csv")
