"""Stage `mix`: study data mixtures.

Reads data/raw/mixture_losses.csv and mixture_domains.csv; writes to reports/mixtures one table (CSV) per measurement
(transfer.csv: does the small scale order mixtures at larger ones), findings.csv (each finding of the literature, its
verdict, figure and reason), scale.json (how rankings of the same mixtures agree at two scales) and the figures.
"""

from features.raw import read_raw
from features.schema import MIXTURE_DOMAINS, MIXTURE_LOSSES
from foretell.lightgbm_library import lightgbm_problem
from foretell.mixtures import figures
from foretell.mixtures.study import STEPS, mix
from foretell.trajectories.verdict import findings_table
from pipelines.boundary import LOG
from pipelines.files import write_csv, write_figure, write_json
from pipelines.params import load_params
from pipelines.paths import MIXTURES
from pipelines.progress import Progress
from pipelines.stage import run_stage


def main() -> None:
    """Write the study of mixtures."""
    params = load_params()
    cfg = params.mix
    losses, domains = read_raw(MIXTURE_LOSSES), read_raw(MIXTURE_DOMAINS)
    if lightgbm_problem():
        LOG.warning(f"{lightgbm_problem()}. Its trees are left out of the study of mixtures")
    progress = Progress("mix", total=STEPS)
    study = mix(losses, domains, cfg, params.parallel, progress.advance)
    for name, table in study.tables.items():
        write_csv(MIXTURES / f"{name}.csv", table)
    write_csv(MIXTURES / "findings.csv", findings_table(study.findings))
    write_json(MIXTURES / "scale.json", vars(study.scale))
    write_figure(MIXTURES / "held_out.png", figures.held_out_figure(study.tables["held_out"]))
    best = str(study.tables["held_out"]["predictor"].iloc[0])
    write_figure(MIXTURES / "transfer.png", figures.transfer_figure(study.tables["transfer"], best))
    write_figure(MIXTURES / "best_mixtures.png", figures.mixture_figure(study.tables["best_mixtures"]))
    write_figure(MIXTURES / "frontier.png", figures.frontier_figure(study.tables["frontier"], cfg.kind))
    print(f"mixtures ranked: {study.scale.statement}")


if __name__ == "__main__":
    run_stage(main)
