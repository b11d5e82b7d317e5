"""Reading the studies' files, for the report and for tracking."""

from __future__ import annotations

import pandas as pd

from models.registry.runs import Lineage, RunSpec, study_spec
from models.report.studies import findings_section, laws_metrics, laws_section, verdict_counts
from pipelines.files import read_json
from pipelines.paths import GENERATION_REPORT, LAWS, MIXTURES, TRAJECTORIES


def sections() -> dict[str, str]:
    """Title -> Markdown of each study's section in the report."""
    laws = read_json(LAWS / "benchmarks.json"), read_json(LAWS / "chinchilla.json")
    return {
        "How much is just scale": laws_section(*laws),
        "Training trajectories: findings of the literature on these data": findings_section(_findings(TRAJECTORIES)),
        "Data mixtures (1M-parameter proxies)": findings_section(_findings(MIXTURES)),
    }


def study_specs(lineage: Lineage) -> list[RunSpec]:
    """One run per study."""
    laws = read_json(LAWS / "benchmarks.json"), read_json(LAWS / "chinchilla.json")
    trends, mixtures = _findings(TRAJECTORIES), _findings(MIXTURES)
    validity = (GENERATION_REPORT / "validity.md").read_text(encoding="utf-8")
    return [
        study_spec("laws", "fit_laws", laws_section(*laws), laws_metrics(*laws), LAWS, lineage),
        study_spec("trajectories", "trace", findings_section(trends), verdict_counts(trends), TRAJECTORIES, lineage),
        study_spec("mixtures", "mix", findings_section(mixtures), verdict_counts(mixtures), MIXTURES, lineage),
        study_spec("generations", "check_generations", validity, {}, GENERATION_REPORT, lineage),
    ]


def _findings(folder: object) -> pd.DataFrame:
    return pd.read_csv(f"{folder}/findings.csv")
