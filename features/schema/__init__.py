"""Every table of the project: columns, dtypes, units, ranges, sets and meanings, and the targets to predict."""

from features.schema.controlled import CONTROLLED_CORPORA, CONTROLLED_RECIPES, CONTROLLED_SHARES
from features.schema.core import Column, Table
from features.schema.design import CORPORA, CORRECTIONS, MODELS, PRETRAINING, PUBLISHED_DESIGN, SHARES
from features.schema.generations import GENERATION_COLUMNS, GENERATIONS
from features.schema.lab import (
    LAB_CURVES,
    LAB_ITEMS,
    LAB_LOSSES,
    LAB_METRICS,
    LAB_OPTIONS,
    LAB_RUNS,
    LAB_TEXTS,
)
from features.schema.losses import LOSS_CURVES, LOSS_POINTS
from features.schema.scores import METRIC_WORDS, SCORE_BOUNDS, SCORES
from features.schema.targets import DOUBTS, GROUPS, SUBTASKS, TARGETS, WITNESSES
from features.schema.trajectories import CHECKPOINT_SCORES, ITEM_LOSSES, MIXTURE_DOMAINS, MIXTURE_LOSSES

RAW_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *(
            MODELS,
            PRETRAINING,
            CORPORA,
            PUBLISHED_DESIGN,
            CORRECTIONS,
            TARGETS,
            SUBTASKS,
            SCORES,
            WITNESSES,
            DOUBTS,
            GENERATIONS,
        ),
        *(LOSS_POINTS, LOSS_CURVES, CHECKPOINT_SCORES, ITEM_LOSSES, MIXTURE_LOSSES, MIXTURE_DOMAINS),
        *(CONTROLLED_SHARES, CONTROLLED_CORPORA, CONTROLLED_RECIPES),
    )
}

__all__ = [
    "CHECKPOINT_SCORES",
    "CONTROLLED_CORPORA",
    "CONTROLLED_RECIPES",
    "CONTROLLED_SHARES",
    "CORPORA",
    "CORRECTIONS",
    "DOUBTS",
    "GENERATIONS",
    "GENERATION_COLUMNS",
    "GROUPS",
    "ITEM_LOSSES",
    "LAB_CURVES",
    "LAB_ITEMS",
    "LAB_LOSSES",
    "LAB_METRICS",
    "LAB_OPTIONS",
    "LAB_RUNS",
    "LAB_TEXTS",
    "LOSS_CURVES",
    "LOSS_POINTS",
    "METRIC_WORDS",
    "MIXTURE_DOMAINS",
    "MIXTURE_LOSSES",
    "MODELS",
    "PRETRAINING",
    "PUBLISHED_DESIGN",
    "RAW_TABLES",
    "SCORES",
    "SCORE_BOUNDS",
    "SHARES",
    "SUBTASKS",
    "TARGETS",
    "WITNESSES",
    "Column",
    "Table",
]
