"""Stage `tokenise`: the laboratory's corpus as tokens. Needs the gpu extra (tokenizers, transformers).

Reads data/lab/corpus; writes data/lab/shards: the tokenizer, and for each source its shards and a manifest. Shards that
a killed run finished are kept in .progress/lab and used.
"""

import shutil

from lms.lab import data_settings
from lms.pretrain.shards import tokenise
from pipelines.params import load_params
from pipelines.paths import LAB_CORPUS, LAB_SHARDS, LAB_WORK
from pipelines.stage import run_stage


def main() -> None:
    """Tokenise every source of the corpus."""
    params = load_params()
    work = LAB_WORK / "tokens"
    tokenise(data_settings(params.lab, LAB_CORPUS), work, params.parallel.n_workers)
    shutil.rmtree(LAB_SHARDS, ignore_errors=True)
    shutil.copytree(work, LAB_SHARDS)


if __name__ == "__main__":
    run_stage(main)
