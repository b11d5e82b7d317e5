"""From a Hugging Face config.json to the architecture columns of the models table, for the configuration classes that
the table holds. What a class leaves unsaid (tying, norms, biases) is written down here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from features.architecture import count_params, recorded_architecture
from foretell.errors import DataError


@dataclass(frozen=True)
class Family:
    """What a configuration class fixes: `norm` and `positions` as words, `tied` when the file does not say,
    `parallel` blocks, `gated` feed-forward, `biases` with the words for it, `act` the raw activation by default."""

    norm: str = "parametric"
    positions: str = "rope"
    tied: bool = False
    parallel: bool = False
    gated: bool = False
    biases: str = "all"
    act: str = "gelu"


BIAS_WORDS = {
    "all": "every linear layer of the blocks and every LayerNorm",
    "attn_only": "query, key and value projections only",
    "ln_only": "LayerNorm biases only; no linear bias",
    "none": "no bias in any linear layer or norm",
}
SOME_BIASES = {
    "CodeGenConfig": "MLP, LayerNorm and lm_head; no bias in any attention projection",
    "GPTJConfig": "MLP, LayerNorm and lm_head; no bias in any attention projection",
    "GPTNeoConfig": "attention output, MLP and LayerNorm; none in query, key, value",
}
_LLAMA = Family(norm="rmsnorm", gated=True, biases="none", act="silu")
FAMILIES: dict[str, Family] = {
    "BloomConfig": Family(positions="alibi", tied=True),
    "CodeGenConfig": Family(parallel=True, biases="some", act="gelu_new"),
    "FalconConfig": Family(tied=True, parallel=True, biases="ln_only"),
    "GPT2Config": Family(positions="learned", tied=True, act="gelu_new"),
    "GPTJConfig": Family(parallel=True, biases="some", act="gelu_new"),
    "GPTNeoConfig": Family(positions="learned", tied=True, biases="some", act="gelu_new"),
    "GPTNeoXConfig": Family(parallel=True),
    "Gemma2Config": Family("rmsnorm", tied=True, gated=True, biases="none", act="gelu_pytorch_tanh"),
    "GemmaConfig": Family("rmsnorm", tied=True, gated=True, biases="none", act="gelu_pytorch_tanh"),
    "LlamaConfig": _LLAMA,
    "MptConfig": Family(positions="learned", tied=True, biases="none"),
    "OPTConfig": Family(positions="learned", tied=True, act="relu"),
    "OlmoConfig": Family("non-parametric", gated=True, biases="none", act="silu"),
    "PhiConfig": Family(parallel=True, act="gelu_new"),
    "Qwen2Config": Family("rmsnorm", gated=True, biases="attn_only", act="silu"),
    "XGLMConfig": Family(positions="sinusoidal", tied=True),
    "custom:BTLMConfig": Family(positions="alibi", tied=True, gated=True, act="swiglu"),
    "custom:CrystalCoderConfig": Family(tied=True, gated=True, act="swiglu"),
    "custom:MPTConfig": Family(positions="learned", tied=True),
}
CLASS_OF_TYPE = {
    "bloom": "BloomConfig",
    "btlm": "custom:BTLMConfig",
    "codegen": "CodeGenConfig",
    "crystalcoder": "custom:CrystalCoderConfig",
    "falcon": "FalconConfig",
    "gemma": "GemmaConfig",
    "gemma2": "Gemma2Config",
    "gpt2": "GPT2Config",
    "gpt_neo": "GPTNeoConfig",
    "gpt_neox": "GPTNeoXConfig",
    "gptj": "GPTJConfig",
    "llama": "LlamaConfig",
    "mpt": "MptConfig",
    "olmo": "OlmoConfig",
    "opt": "OPTConfig",
    "phi": "PhiConfig",
    "qwen2": "Qwen2Config",
    "xglm": "XGLMConfig",
}
KEPT = (
    "activation_function",
    "alibi",
    "apply_residual_connection_post_layernorm",
    "attention_heads",
    "attention_types",
    "attn_config",
    "bias",
    "clip_qkv",
    "d_model",
    "do_layer_norm_before",
    "enable_bias",
    "expansion_ratio",
    "ffn_dim",
    "head_dim",
    "hidden_act",
    "hidden_activation",
    "hidden_size",
    "intermediate_size",
    "layer_norm_elementwise_affine",
    "learned_pos_emb",
    "max_position_embeddings",
    "max_seq_len",
    "multi_query",
    "n_embd",
    "n_head",
    "n_heads",
    "n_inner",
    "n_layer",
    "n_layers",
    "n_positions",
    "new_decoder_architecture",
    "no_bias",
    "num_attention_heads",
    "num_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_layers",
    "parallel_attn",
    "partial_rotary_factor",
    "position_embedding_type",
    "qk_layernorm",
    "rope_scaling",
    "rope_theta",
    "rotary_dim",
    "rotary_emb_base",
    "rotary_pct",
    "scale_embedding",
    "sliding_window",
    "tie_word_embeddings",
    "use_parallel_residual",
    "use_sliding_window",
    "vocab_size",
    "window_size",
    "word_embed_proj_dim",
)
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
_INNER = ("intermediate_size", "ffn_dim", "n_inner")
_CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
_ACTIVATION = ("activation_function", "hidden_activation", "hidden_act")


def class_of(config: Mapping[str, Any]) -> str:
    """The configuration class of a config.json by its model_type; DataError lists the known ones."""
    kind = str(config.get("model_type", ""))
    if kind not in CLASS_OF_TYPE:
        raise DataError(f"config.json: model_type {kind!r} is not known; known: {', '.join(sorted(CLASS_OF_TYPE))}")
    return CLASS_OF_TYPE[kind]


def architecture_columns(config: Mapping[str, Any], config_class: str, context: int | None = None) -> dict[str, Any]:
    """The architecture columns of the models table, from a configuration, with both parameter counts.

    `context` is the length of the main pre-training stage when it is not the configuration's (a later extension).
    Raises DataError for an unknown class, a value that is missing, or a variant whose parameters cannot be counted.
    """
    family = FAMILIES.get(config_class)
    if family is None:
        raise DataError(f"config.json: class {config_class!r} is not known; known: {', '.join(FAMILIES)}")
    _refuse_uncounted(config, config_class)
    d, heads = _number(config, _WIDTH), _number(config, _HEADS)
    longest = context if _first(config, _CONTEXT) is None and context else _number(config, _CONTEXT)
    raw = str(_first(config, _ACTIVATION) or family.act)
    gated = family.gated
    attention = dict(config.get("attn_config") or {})
    positions = "alibi" if config.get("alibi") or attention.get("alibi") else family.positions
    biases = _biases(config, config_class, family)
    columns: dict[str, Any] = {
        "config_class": config_class,
        "config_json": json.dumps({k: config[k] for k in KEPT if k in config}, separators=(",", ":")),
        "n_layers": _number(config, _LAYERS),
        "d_model": d,
        "n_heads": heads,
        "n_kv_heads": _kv_heads(config, heads),
        "head_dim": int(config.get("head_dim") or d // heads),
        "d_ff": int(_first(config, _INNER) or d * float(config.get("expansion_ratio", 4))),
        "vocab_size": _number(config, ("vocab_size",)),
        "tied_embeddings": bool(config.get("tie_word_embeddings", family.tied)),
        "layer_norm_type": family.norm,
        "positional_embeddings": positions,
        "biases": biases,
        "biases_detail": SOME_BIASES.get(config_class) or BIAS_WORDS[biases],
        "block_type": "parallel" if _parallel(config, family) else "sequential",
        "activation": _activation(raw, gated),
        "activation_raw": raw,
        "gated_mlp": gated,
        "sequence_length": context or longest,
        "context_final": longest,
    }
    columns |= _layout(config, columns["n_kv_heads"], heads)
    total, inner = count_params(recorded_architecture(columns))
    return {**columns, "total_params": total, "non_embedding_params": inner}


def _layout(config: Mapping[str, Any], kv_heads: int, heads: int) -> dict[str, str]:
    variant = "full" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa"
    kinds = {kind for group in config.get("attention_types") or [] for kind in group[0]}
    if "local" in kinds:
        return {
            "attention_variant": "local",
            "attention_window": f"alternating global / local {config.get('window_size', 256)}",
        }
    alternating = "hidden_activation" in config and config.get("sliding_window")
    window = f"alternating local {config['sliding_window']} / global" if alternating else "full"
    return {"attention_variant": variant, "attention_window": window}


def _biases(config: Mapping[str, Any], config_class: str, family: Family) -> str:
    if config_class in ("MptConfig", "custom:MPTConfig"):
        return "none" if config.get("no_bias", config_class == "MptConfig") else "all"
    return "all" if config_class == "FalconConfig" and config.get("bias") else family.biases


def _kv_heads(config: Mapping[str, Any], heads: int) -> int:
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1
    return int(config.get("num_key_value_heads") or heads)


def _parallel(config: Mapping[str, Any], family: Family) -> bool:
    return bool(config.get("use_parallel_residual", config.get("parallel_attn", family.parallel)))


def _activation(raw: str, gated: bool) -> str:
    plain = "gelu" if raw.startswith("gelu") else raw
    names = {"silu": "swiglu", "swiglu": "swiglu", "gelu": "geglu"} if gated else {"gelu": "gelu", "relu": "relu"}
    if plain not in names:
        kind = "gated" if gated else "plain"
        raise DataError(f"config.json: activation {raw!r} of a {kind} feed-forward is not known; known: {list(names)}")
    return names[plain]


def _refuse_uncounted(config: Mapping[str, Any], config_class: str) -> None:
    """Variants whose parameters features/architecture.py does not count."""
    uncounted = [name for name in ("mlp_bias", "num_local_experts", "n_routed_experts") if config.get(name)]
    uncounted += ["attention_bias"] * bool(
        config.get("attention_bias") and config_class in ("LlamaConfig", "OlmoConfig")
    )
    uncounted += ["qk_layernorm"] if config.get("qk_layernorm") else []
    uncounted += ["new_decoder_architecture"] if config.get("new_decoder_architecture") else []
    uncounted += ["enable_bias: false"] if config.get("enable_bias") is False else []
    if uncounted:
        raise DataError(f"config.json: {', '.join(uncounted)}: parameters of this variant cannot be counted yet")


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    value = _first(config, names)
    if value is None:
        raise DataError(f"config.json: none of {', '.join(names)} is given")
    return int(value)
