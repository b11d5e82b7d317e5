"""Parameters and design words of a decoder-only transformer, derived from its recorded architecture.

The count is the check that found the most errors in published model tables: a wrong width, head count or tying
shows as a count that does not match. It is exact for the architectures recorded in data/raw/models.csv."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from features.config_classes import ALL, CLASSES, NONE, NORMS, QKV
from features.config_values import POSITION_ROWS, Config
from foretell.errors import DataError


@dataclass(frozen=True)
class Architecture:
    """What decides how many parameters a decoder-only transformer has. `position_rows` are the rows of a learned
    position table (0 without one); `norms_per_layer` counts the width-d norms of one block; `qk_norms` are the widths
    of additional norms on queries and on keys (0 without); `final_norms` counts norms outside the blocks;
    `embedding_dim` is the width of a token embedding that is projected to `d_model` and back (0: it is d_model)."""

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    d_ff: int
    vocab_size: int
    tied_embeddings: bool
    gated_mlp: bool
    layer_norm_type: str
    position_rows: int = 0
    norms_per_layer: int = 2
    final_norms: int = 1
    qk_norms: tuple[int, int] = (0, 0)
    embedding_dim: int = 0
    bias_qkv: bool = False
    bias_attention_out: bool = False
    bias_mlp: bool = False
    bias_norm: bool = False
    bias_head: bool = False
    bias_qk_norm: bool = False


def count_params(arch: Architecture) -> tuple[int, int]:
    """(total, non-embedding) unique parameters: embeddings + positions + blocks + norms + output head.

    A tied head counts once. Non-embedding leaves out the token embedding, the position table and the output matrix
    (Kaplan et al. 2020, section 2.1).
    """
    d, heads, kv = arch.d_model, arch.n_heads * arch.head_dim, arch.n_kv_heads * arch.head_dim
    attention = d * heads + 2 * d * kv + heads * d
    attention += (heads + 2 * kv) * arch.bias_qkv + d * arch.bias_attention_out
    matrices_in = 2 if arch.gated_mlp else 1
    feed_forward = (matrices_in + 1) * d * arch.d_ff + (matrices_in * arch.d_ff + d) * arch.bias_mlp
    per_norm = 0 if arch.layer_norm_type == "non-parametric" else d * (2 if arch.bias_norm else 1)
    qk_norms = sum(arch.qk_norms) * (2 if arch.bias_qk_norm else 1)
    block = attention + feed_forward + arch.norms_per_layer * per_norm + qk_norms
    width = arch.embedding_dim or d
    projections = 2 * width * d if width != d else 0
    inner = arch.n_layers * block + arch.final_norms * per_norm + projections + arch.vocab_size * arch.bias_head
    embeddings = arch.vocab_size * width * (1 if arch.tied_embeddings else 2) + arch.position_rows * d
    return inner + embeddings, inner


_BIASES_OF_WORD = {"all": ALL, "attn_only": QKV, "ln_only": NORMS, "none": NONE}


def recorded_architecture(row: Mapping[Any, Any]) -> Architecture:
    """The architecture that a row of the models table records (column names as in its schema). Raises DataError for a
    configuration class that is not known, or a value in its configuration that is of the wrong kind."""
    about = CLASSES.get(str(row["config_class"]))
    if about is None:
        raise DataError(f"config_class {row['config_class']} is not known; known: {', '.join(CLASSES)}")
    config = Config(json.loads(str(row["config_json"])))
    by_class = about.biases(config)
    biases = _BIASES_OF_WORD.get(str(row["biases"]), by_class)
    rows = 0
    if row["positional_embeddings"] == "learned":
        rows = config.size(*POSITION_ROWS, default=_int(row["sequence_length"])) + about.extra_positions
    return Architecture(
        n_layers=_int(row["n_layers"]),
        d_model=_int(row["d_model"]),
        n_heads=_int(row["n_heads"]),
        n_kv_heads=_int(row["n_kv_heads"]),
        head_dim=_int(row["head_dim"]),
        d_ff=_int(row["d_ff"]),
        vocab_size=_int(row["vocab_size"]),
        tied_embeddings=bool(row["tied_embeddings"]),
        gated_mlp=bool(row["gated_mlp"]),
        layer_norm_type=str(row["layer_norm_type"]),
        position_rows=rows,
        norms_per_layer=about.norms(config),
        final_norms=0 if config.raw("do_layer_norm_before") is False else about.after,
        qk_norms=about.qk_norms(config),
        embedding_dim=config.size("word_embed_proj_dim", default=0),
        bias_qkv=biases.qkv,
        bias_attention_out=biases.out,
        bias_mlp=biases.mlp,
        bias_norm=biases.norm or by_class.norm,
        bias_head=by_class.head,
        bias_qk_norm=about.qk_bias,
    )


def _int(value: object) -> int:
    return int(str(value))
