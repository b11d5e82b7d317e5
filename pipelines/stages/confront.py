"""Stage `confront`: what published controlled runs measured for a change of code or web share.

Reads data/raw/controlled_shares.csv, controlled_corpora.csv.gz and controlled_recipes.csv; writes to reports/controlled
one table (CSV) per measurement and two figures, which `docs/controlled.md` holds beside the predictors' claims.
"""

from pathlib import Path

from features.controlled import read_controlled
from foretell.controlled import figures
from foretell.controlled.study import study_controlled
from pipelines.files import write_csv, write_figure
from pipelines.paths import CONTROLLED
from pipelines.stage import run_stage


def main() -> None:
    """Write the study of controlled runs."""
    tables = study_controlled(read_controlled(Path()))
    for name, table in tables.items():
        write_csv(CONTROLLED / f"{name}.csv", table)
    write_figure(CONTROLLED / "code_share.png", figures.code_share_figure(tables["points"]))
    write_figure(CONTROLLED / "web.png", figures.web_figure(tables["web_range"]))
    together = tables["together"]
    print(", ".join(f"{count} {word}" for word, count in together["measured"].value_counts().sort_index().items()))


if __name__ == "__main__":
    run_stage(main)
