"""The features a predictor may use, by group and view. `scale` features are there before selection starts,
`architecture` and `data` features are known before training, `generation` features need the trained model."""

from __future__ import annotations

from typing import Literal

from features.schema import GENERATION_COLUMNS, MODELS, PRETRAINING, PUBLISHED_DESIGN, Table
from foretell.answering.encoding import Feature, Group, Kind

View = Literal["verified", "published"]
MISSING = "missing"  # the published view's own category for an unknown word


SCALE = ("total_params", "tokens_billions")
_WORDS = ("positional_embeddings", "layer_norm_type", "attention_variant", "biases", "block_type", "activation")
_DATA = ("pct_web", "pct_code", "pct_books", "pct_reference", "pct_academic", "pct_english")


def _from(table: Table, name: str, group: Group) -> Feature:
    column = table.column(name)
    kind: Kind = "log" if name in SCALE else "word" if column.allowed else "number"
    return Feature(name, group, kind, column.unit, column.meaning, column.low, column.high, column.allowed)


def _catalog(architecture: Table, data: Table, batch: str) -> tuple[Feature, ...]:
    ratio = PUBLISHED_DESIGN.column("mlp_ratio")
    return (
        _from(architecture, "total_params", "scale"),
        _from(data, "tokens_billions", "scale"),
        _from(architecture, "d_model", "architecture"),
        _from(architecture, "n_heads", "architecture"),
        Feature("mlp_ratio", "architecture", "number", ratio.unit, ratio.meaning, ratio.low, ratio.high),
        *(_from(architecture, name, "architecture") for name in _WORDS),
        _from(architecture, "sequence_length", "architecture"),
        _from(architecture, batch, "architecture"),
        *(_from(data, name, "data") for name in _DATA),
        *(
            Feature(column.name, "generation", "number", column.unit, column.meaning, column.low, column.high)
            for column in GENERATION_COLUMNS
        ),
    )


FEATURES: dict[View, tuple[Feature, ...]] = {
    "verified": _catalog(MODELS, PRETRAINING, "batch_tokens_millions"),
    "published": _catalog(PUBLISHED_DESIGN, PUBLISHED_DESIGN, "batch_instances"),
}


def feature_names(view: View, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the view's features in `groups`, in catalog order."""
    return tuple(feature.name for feature in FEATURES[view] if feature.group in groups)


DESIGN_GROUPS = ("scale", "architecture", "data")
ALL_GROUPS = (*DESIGN_GROUPS, "generation")
