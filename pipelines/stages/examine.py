"""Stage `examine`: what the laboratory's recorded runs say: loss against the share of code, learning dynamics, tokens,
and the literature's findings that controlled training can speak to.

Reads data/lab/collected, the raw tables of published controlled runs and data/predictors (`foretell repro` fits them);
writes to reports/lab a table (CSV) per measurement, findings.csv and the figures.
"""

from dataclasses import replace

from features.raw import read_raw
from features.schema import LAB_CURVES, LAB_ITEMS, LAB_LOSSES, LAB_METRICS, LAB_OPTIONS, LAB_RUNS, LAB_TEXTS
from features.targets import read_targets
from foretell.experiments.figures import lab_figures
from foretell.experiments.study import LabTables, examine
from foretell.trajectories.verdict import findings_table
from pipelines.files import write_csv, write_figure
from pipelines.params import load_params
from pipelines.paths import LAB_COLLECTED, LAB_REPORT, PREDICTORS
from pipelines.share_claims import code_share_claims
from pipelines.stage import run_stage

TABLES = (LAB_RUNS, LAB_CURVES, LAB_METRICS, LAB_OPTIONS, LAB_LOSSES, LAB_ITEMS, LAB_TEXTS)


def main() -> None:
    """Write the study of the laboratory's runs."""
    params = load_params()
    known = read_targets()
    claims = code_share_claims({slug: known[slug] for slug in params.benchmarks}, PREDICTORS)
    lab = LabTables(*(read_raw(replace(table, path=LAB_COLLECTED / table.path.name)) for table in TABLES))
    study = examine(lab, claims, params.examine, params.trace)
    for name, table in study.tables.items():
        write_csv(LAB_REPORT / f"{name}.csv", table)
    write_csv(LAB_REPORT / "findings.csv", findings_table(study.findings))
    for name, figure in lab_figures(lab.metrics, study.tables).items():
        write_figure(LAB_REPORT / f"{name}.png", figure)
    verdicts = [finding.verdict for finding in study.findings]
    print(", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts)))


if __name__ == "__main__":
    run_stage(main)
