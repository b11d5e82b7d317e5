"""Stage `probe`: what the models of the experiment `sizes` make of single tokens, of noise, of false statements and of
texts that the smallest prefers to the largest.

Reads data/lab/corpus and data/lab/runs; writes data/lab/tokens: losses.csv.gz, items.csv, texts.csv and written.jsonl
(the texts that were read). Needs the gpu extra, no GPU; a killed probe goes on in .progress/lab.
"""

import json

from lms.lab import data_settings
from lms.lab_results import finished_runs
from lms.probe import held_out_documents, probe
from pipelines.files import write_csv, write_text
from pipelines.params import load_params
from pipelines.paths import LAB_CORPUS, LAB_RUNS_MADE, LAB_TOKENS, LAB_WORK
from pipelines.stage import run_stage


def main() -> None:
    """Read every kind of text with every checkpoint."""
    lab = load_params().lab
    sizes = [name for name, cell in lab.runs.items() if cell.experiment == "sizes"]
    runs = [run for name in sizes for run in finished_runs(lab, name, LAB_RUNS_MADE)]
    documents = held_out_documents(data_settings(lab, LAB_CORPUS).sources, lab.data.held_out_share)
    tables, texts = probe(runs, documents, lab.probe, LAB_WORK)
    write_csv(LAB_TOKENS / "losses.csv.gz", tables["losses"])
    write_csv(LAB_TOKENS / "items.csv", tables["items"])
    write_csv(LAB_TOKENS / "texts.csv", tables["texts"])
    lines = [json.dumps({"kind": text.kind, "source": text.source, "text": text.text}) for text in texts]
    write_text(LAB_TOKENS / "written.jsonl", "\n".join(lines) + "\n")


if __name__ == "__main__":
    run_stage(main)
