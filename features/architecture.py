"""Parameters and design words of a decoder-only transformer, derived from its recorded architecture.

The count is the check that found the most errors in published model tables: a wrong width, head count or tying
shows as a count that does not match. It is exact for the architectures recorded in data/raw/models.csv."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """What decides how many parameters a decoder-only transformer has. `position_rows` are the rows of a learned
    position table (0 without one); `norms_per_layer` counts the width-d norms of one block; `qk_norm` is the width
    of an additional norm on queries and on keys (0 without); `final_norms` counts norms outside the blocks;
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
    qk_norm: int = 0
    embedding_dim: int = 0
    bias_qkv: bool = False
    bias_attention_out: bool = False
    bias_mlp: bool = False
    bias_norm: bool = False
    bias_head: bool = False


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
    per_qk_norm = arch.qk_norm * (2 if arch.bias_norm else 1)
    block = attention + feed_forward + arch.norms_per_layer * per_norm + 2 * per_qk_norm
    width = arch.embedding_dim or d
    projections = 2 * width * d if width != d else 0
    inner = arch.n_layers * block + arch.final_norms * per_norm + projections + arch.vocab_size * arch.bias_head
    embeddings = arch.vocab_size * width * (1 if arch.tied_embeddings else 2) + arch.position_rows * d
    return inner + embeddings, inner


# What a configuration class fixes beyond the recorded columns: (norms per block, norms outside, rows added to a
# learned position table, bias on the output head).
_BY_CLASS: dict[str, tuple[int, int, int, bool]] = {
    "BloomConfig": (2, 2, 0, False),
    "CodeGenConfig": (1, 1, 0, True),
    "FalconConfig": (1, 1, 0, False),
    "GPTJConfig": (1, 1, 0, True),
    "Gemma2Config": (4, 1, 0, False),
    "OPTConfig": (2, 1, 2, False),
    "PhiConfig": (1, 1, 0, True),
}


def recorded_architecture(row: Mapping[Any, Any]) -> Architecture:
    """The architecture that a row of the models table records (column names as in its schema)."""
    config_class = str(row["config_class"])
    norms, final_norms, extra_rows, bias_head = _BY_CLASS.get(config_class, (2, 1, 0, False))
    biases, detail = str(row["biases"]), str(row["biases_detail"])
    whole = biases == "all"
    learned = row["positional_embeddings"] == "learned"
    config = json.loads(str(row["config_json"]))
    if config.get("do_layer_norm_before") is False:
        final_norms = 0
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
        position_rows=_int(row["sequence_length"]) + extra_rows if learned else 0,
        norms_per_layer=norms,
        final_norms=final_norms,
        qk_norm=_int(row["d_model"]) if config_class == "custom:MPTConfig" else 0,
        embedding_dim=_int(config.get("word_embed_proj_dim", 0)),
        bias_qkv=whole or biases == "attn_only",
        bias_attention_out=whole or "attention output" in detail,
        bias_mlp=whole or biases == "some",
        bias_norm=biases in ("all", "some", "ln_only"),
        bias_head=bias_head,
    )


def _int(value: object) -> int:
    return int(str(value))
