"""The small real table the model tests share: published design facts and scores of 94 language models.

`tests/fixtures/design_scores_small.csv` is derived from the database of arXiv 2503.03862 (snapshot 2025-03-03): log
parameters, log tokens in billions, shares in percent, three categories, and four benchmarks' mean scores (HellaSwag
10-shot, HumanEval and TruthfulQA 0-shot accuracy, XNLI Brier score); the family column is this project's.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

FIXTURE = Path(__file__).parent / "fixtures" / "design_scores_small.csv"
BENCHMARKS = ("hellaswag", "humaneval", "truthfulqa", "xnli")
CATEGORIES = ("positional_embeddings", "biases", "activation")


class SmallTable(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    families: list[str]


def small_table(benchmark: str) -> SmallTable:
    """Design columns [n, 12], scores [n] and families of the models that have a score; categories as codes."""
    table = pd.read_csv(FIXTURE)
    table = table[table[benchmark].notna()]
    features = table.drop(columns=["model_id", "family", *BENCHMARKS])
    for column in CATEGORIES:
        codes = pd.Categorical(features[column]).codes.astype(float)
        features[column] = np.where(codes < 0, np.nan, codes)
    return SmallTable(features.to_numpy(float), table[benchmark].to_numpy(float), list(table.family))
