"""Stage `check_generations`: do the recorded generations show what the models were trained on?

Reads data/raw/generations.csv, pretraining.csv and published_design.csv; writes reports/generations/validity.json, .md
and .png: correlations of generated with documented shares, over models, over corpora and within models.
"""

from features.generation_validity import PILE_AND_REFINEDWEB, STUDY_CORPORA, generation_validity
from features.generation_validity_report import validity_json, validity_markdown, validity_plot
from features.raw import read_raw
from features.schema import GENERATIONS, PRETRAINING, PUBLISHED_DESIGN
from foretell.files import atomic
from pipelines.files import write_json, write_text
from pipelines.paths import GENERATION_REPORT
from pipelines.stage import run_stage


def main() -> None:
    """Write the validity report."""
    generations, verified = read_raw(GENERATIONS), read_raw(PRETRAINING)
    published = read_raw(PUBLISHED_DESIGN).merge(verified[["model_id", "corpus"]], on="model_id")
    results = {
        "All models, verified shares": generation_validity(generations, verified),
        "All models, published shares": generation_validity(generations, published),
        "The study's corpora (Pile, SmolLM, RefinedWeb)": generation_validity(generations, verified, STUDY_CORPORA),
        "Pile and RefinedWeb only": generation_validity(generations, verified, PILE_AND_REFINEDWEB),
    }
    write_json(GENERATION_REPORT / "validity.json", validity_json(results))
    write_text(GENERATION_REPORT / "validity.md", validity_markdown(results))
    with atomic(GENERATION_REPORT / "validity.png") as temporary:
        validity_plot(results["All models, verified shares"], temporary)


if __name__ == "__main__":
    run_stage(main)
