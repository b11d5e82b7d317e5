"""Every table of the project: columns, dtypes, units, ranges, sets and meanings, and the benchmarks to predict."""

from features.schema.core import Column, Table
from features.schema.design import CORPORA, CORRECTIONS, MODELS, PRETRAINING, PUBLISHED_DESIGN, SHARES
from features.schema.generations import GENERATION_COLUMNS, GENERATIONS
from features.schema.scores import BENCHMARKS, SCORE_BOUNDS, SCORES, Benchmark

RAW_TABLES: dict[str, Table] = {
    table.name: table
    for table in (MODELS, PRETRAINING, CORPORA, PUBLISHED_DESIGN, CORRECTIONS, SCORES, GENERATIONS)
}

__all__ = [
    "BENCHMARKS",
    "CORPORA",
    "CORRECTIONS",
    "GENERATIONS",
    "GENERATION_COLUMNS",
    "MODELS",
    "PRETRAINING",
    "PUBLISHED_DESIGN",
    "RAW_TABLES",
    "SCORES",
    "SCORE_BOUNDS",
    "SHARES",
    "Benchmark",
    "Column",
    "Table",
]
