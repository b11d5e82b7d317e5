"""Stage `trace`: study training curves.

Reads data/raw/item_losses.csv.gz, checkpoint_scores.csv and loss_curves.csv; writes to reports/trajectories one table
(CSV) per measurement, findings.csv (each finding of the literature, its verdict, figure and reason) and the figures.
"""

from features.raw import read_raw
from features.schema import CHECKPOINT_SCORES, ITEM_LOSSES, LOSS_CURVES
from foretell.trajectories import figures
from foretell.trajectories.study import trace
from foretell.trajectories.verdict import findings_table
from pipelines.files import write_csv, write_figure
from pipelines.params import load_params
from pipelines.paths import TRAJECTORIES
from pipelines.stage import run_stage


def main() -> None:
    """Write the study of training curves."""
    curves = read_raw(LOSS_CURVES)
    settings = load_params().trace
    study = trace(read_raw(ITEM_LOSSES), read_raw(CHECKPOINT_SCORES), curves, settings)
    tables = study.tables
    for name, table in tables.items():
        write_csv(TRAJECTORIES / f"{name}.csv", table)
    write_csv(TRAJECTORIES / "findings.csv", findings_table(study.findings))
    drawn = {
        "trend_shares": figures.trend_shares_figure(tables["trend_shares"], tables["stage_shares"]),
        "overlap": figures.overlap_figure(tables["overlap"]),
        "scores": figures.scores_figure(tables["mean_scores"]),
        "learning": figures.learning_figure(tables["learning"]),
        "steering": figures.steering_figure(tables["steering"]),
        "loss_curves": figures.curves_figure(curves),
    }
    for name, figure in drawn.items():
        write_figure(TRAJECTORIES / f"{name}.png", figure)
    verdicts = [finding.verdict for finding in study.findings]
    print(", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts)))


if __name__ == "__main__":
    run_stage(main)
