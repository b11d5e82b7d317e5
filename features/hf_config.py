"""From a Hugging Face config.json to the architecture columns of the models table. What a class fixes stands in
features/config_classes.py; this module finds the class, refuses what no row can represent, and puts the columns
together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from features.architecture import count_params, recorded_architecture
from features.config_classes import CLASS_OF_TYPE, CLASSES, EXPERTS, REFUSED, ConfigClass, head_dim
from features.config_values import ACTIVATION, CONTEXT, HEADS, INNER, KV_HEADS, LAYERS, VOCABULARY, WIDTH, Config
from foretell.errors import DataError

KEPT = (
    *(*LAYERS, *WIDTH, *HEADS, *KV_HEADS, *INNER, *VOCABULARY, *CONTEXT, *ACTIVATION),
    *("layer_types", "max_window_layers", "num_experts", "num_local_experts"),
    *("add_bias_linear", "add_qkv_bias", "alibi", "attention_bias", "attention_types", "attn_config", "bias"),
    *("clip_qkv", "do_layer_norm_before", "enable_bias", "expansion_ratio", "head_dim", "kv_channels"),
    *("layer_norm_elementwise_affine", "learned_pos_emb", "mlp_bias", "multi_query", "multi_query_attention"),
    *("new_decoder_architecture", "no_bias", "num_ln_in_parallel_attn", "parallel_attn", "parallel_residual"),
    *("partial_rotary_factor", "position_embedding_type", "qk_layernorm", "qk_norm", "rope_parameters"),
    *("rope_scaling", "rope_theta", "rotary_dim", "rotary_emb_base", "rotary_pct", "scale_embedding", "shared_norm"),
    *("sliding_window", "tie_word_embeddings", "use_bias", "use_parallel_residual", "use_qk_norm", "use_qkv_bias"),
    *("use_sliding_window", "window_size", "word_embed_proj_dim"),
)


WRAPPED = ("text_config", "llm_config", "language_config")


def language_model(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a config.json that describes the language model: its `text_config` where the file wraps one model of
    text and another of images or sound, else the whole."""
    for name in WRAPPED:
        inner = values.get(name)
        if inner is None:
            continue
        if not isinstance(inner, Mapping):
            raise DataError(f"config.json: {name}: expected a section")
        outer = {key: values[key] for key in ("tie_word_embeddings", "is_encoder_decoder") if key in values}
        return {**outer, **inner, "architectures": inner.get("architectures")}
    return values


def class_of(values: Mapping[str, Any], named: str = "") -> str:
    """The configuration class of a config.json, by its model_type, else by its `architectures`; `named` is the class
    that somebody gave, which must agree with both.

    Raises DataError for a model that is no single dense decoder (with the reason), an unknown type, or a named class
    that the file contradicts.
    """
    config = Config(values)
    kind = config.word("model_type")
    _refuse_what_no_row_can_hold(config, kind)
    if named and named not in CLASSES:
        raise DataError(f"--config-class {named}: not known; known: {', '.join(CLASSES)}")
    by_type = CLASS_OF_TYPE.get(kind)
    if by_type == "MptConfig" and _llm_foundry(config):
        by_type = "custom:MPTConfig"
    by_name = _class_of_architectures(config)
    named_in_file = (f"model_type {kind}", by_type), (f"architectures {config.raw('architectures')}", by_name)
    for source, found in named_in_file:
        if named and found and found != named:
            raise DataError(f"--config-class {named}: the file's {source} says {found}")
    if by_type and by_name and by_type != by_name:
        raise DataError(f"config.json: {named_in_file[0][0]} and {named_in_file[1][0]} are different classes")
    unknown = f"model_type {kind!r}" if kind and by_type is None else ""
    if not kind and by_name is None and config.has("architectures"):
        unknown = f"architectures {config.raw('architectures')}"
    if unknown and named:
        raise DataError(
            f"--config-class {named}: the file's {unknown} is another class, whose norms, biases and positions are not "
            f"{named}'s; known types: {', '.join(sorted(CLASS_OF_TYPE))}"
        )
    found = by_type or ("" if unknown else by_name or named)
    if not found:
        unknown = unknown or "model_type ''"
        raise DataError(f"config.json: {unknown} is not known; known: {', '.join(sorted(CLASS_OF_TYPE))}")
    return found


def architecture_columns(values: Mapping[str, Any], config_class: str, context: int | None = None) -> dict[str, Any]:
    """The architecture columns of the models table, from a configuration, with both parameter counts.

    `context` is the length of the main pre-training stage when it is not the configuration's (a later extension).
    Raises DataError for an unknown class, a value that is missing or of the wrong kind, or a variant that the class's
    entry does not count.
    """
    about = CLASSES.get(config_class)
    if about is None:
        raise DataError(f"config.json: class {config_class!r} is not known; known: {', '.join(CLASSES)}")
    config = Config(values)
    _refuse_uncounted(config, config_class)
    d, heads = config.size(*WIDTH), config.size(*HEADS)
    if d % heads and not config.has("head_dim", "kv_channels"):
        raise DataError(f"config.json: a width of {d} is not a multiple of {heads} heads, and head_dim is not given")
    _refuse_unstated(config, about, config_class)
    longest = _longest_context(config, context)
    raw = config.word(*ACTIVATION, default=about.act)
    biases = about.biases(config)
    columns: dict[str, Any] = {
        "config_class": config_class,
        "config_json": "",
        "n_layers": config.size(*LAYERS),
        "d_model": d,
        "n_heads": heads,
        "n_kv_heads": _kv_heads(config, config_class, heads),
        "head_dim": head_dim(config),
        "d_ff": about.inner(config) or config.size(*INNER, default=_usual_width(config, about, d)),
        "vocab_size": config.size(*VOCABULARY),
        "tied_embeddings": config.flag("tie_word_embeddings", default=about.tied),
        "layer_norm_type": about.norm,
        "positional_embeddings": _positions(config, about),
        "biases": biases.word,
        "biases_detail": biases.detail,
        "block_type": "parallel" if _parallel(config, about) else "sequential",
        "activation": _activation(raw, about.gated),
        "activation_raw": raw,
        "gated_mlp": about.gated,
        "sequence_length": context or longest,
        "context_final": longest,
    }
    columns |= {"config_json": _kept(values), **_attention(config, columns)}
    total, inner = count_params(recorded_architecture(columns))
    return {**columns, "total_params": total, "non_embedding_params": inner}


def _kept(values: Mapping[str, Any]) -> str:
    kept = {name: values[name] for name in KEPT if name in values}
    try:
        return json.dumps(kept, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise DataError(
            "config.json: a number of thousands of digits, or none (NaN); expected a model's sizes"
        ) from None


def _usual_width(config: Config, about: ConfigClass, d: int) -> int | None:
    """The feed-forward width of a class that has a usual one; None where it must be given."""
    return int(d * config.number("expansion_ratio", 4)) if about.four_times_wide else None


def _refuse_unstated(config: Config, about: ConfigClass, config_class: str) -> None:
    """Raise DataError where the file leaves out what its class would fill in with a default of its own."""
    names = {"head_dim": ("head_dim",), "kv_heads": KV_HEADS}
    for what in about.stated:
        if not config.has(*names[what]):
            raise DataError(f"config.json: {names[what][0]} is not given, and {config_class} has a default of its own")


def assumed_tying(values: Mapping[str, Any], columns: Mapping[str, Any]) -> int | None:
    """Where a configuration does not say whether input and output embedding are one matrix: the count of parameters
    under the other assumption than the class's."""
    if values.get("tie_word_embeddings") is not None:
        return None
    return count_params(recorded_architecture({**columns, "tied_embeddings": not columns["tied_embeddings"]}))[0]


def check_context(values: Mapping[str, Any], context: int | None, siblings: Iterable[int]) -> None:
    """Raise DataError where the configuration's context may be a later extension and --context does not say what the
    main pretraining stage had: its scaling of positions names an original length, or recorded models of the family
    (`siblings`, their contexts in tokens) were pretrained on less."""
    config = Config(values)
    longest = config.raw(*CONTEXT)
    if context is not None or longest is None:
        return
    scaling = config.section("rope_scaling", "rope_parameters")
    nested = [Config(part) for part in scaling.values.values() if isinstance(part, Mapping)]  # by kind of layer
    lengths = [part.raw("original_max_position_embeddings") for part in (scaling, *nested)]
    original = next((length for length in lengths if length is not None), None)
    original = original or config.raw("original_max_position_embeddings")
    known = sorted(set(siblings))
    if original is not None and original != longest:
        reason = f"its positions are scaled from {original}"
    elif known and known[-1] < config.size(*CONTEXT):
        reason = f"recorded models of the family were pretrained on {', '.join(map(str, known))}"
    else:
        return
    raise DataError(
        f"config.json: a context of {longest} tokens, but {reason}: give --context, the length of the main pretraining "
        "stage"
    )


def _refuse_what_no_row_can_hold(config: Config, kind: str) -> None:
    """Models that are no single dense decoder, in those words."""
    experts = [name for name in EXPERTS if config.raw(name) not in (None, 0, 1, False)]
    reason = REFUSED.get(kind, "")
    if experts and not reason:
        reason = f"a mixture of experts ({experts[0]}: {str(config.raw(experts[0]))[:40]}), not a dense model"
    if config.flag("is_encoder_decoder") and not reason:
        reason = "an encoder-decoder model"
    reason = reason or next((REFUSED[stem] for stem in _stems(config) if stem in REFUSED), "")
    if reason:
        raise DataError(f"config.json: model_type {kind!r} is {reason}; only dense decoders are recorded")


def _stems(config: Config) -> list[str]:
    """The types that `architectures` names, spelled as `model_type` spells them (LlamaForCausalLM -> llama)."""
    listed = config.raw("architectures")
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise DataError("config.json: architectures: expected a list of names")
    plain = {kind.replace("_", "").replace("-", "").lower(): kind for kind in (*CLASS_OF_TYPE, *REFUSED)}
    stems = [name.split("For")[0].removesuffix("LMHeadModel").removesuffix("Model").lower() for name in listed]
    return [plain.get(stem, stem) for stem in stems]


def _class_of_architectures(config: Config) -> str | None:
    """The class that `architectures` names; None where it names none of ours."""
    return next((CLASS_OF_TYPE[stem] for stem in _stems(config) if stem in CLASS_OF_TYPE), None)


def _llm_foundry(config: Config) -> bool:
    """Whether an mpt configuration has what only the makers' own code does: learned positions, biases, QK norms."""
    attention = config.section("attn_config")
    learned = config.flag("learned_pos_emb", default=True) and not attention.flag("alibi")
    return attention.flag("qk_ln") or (config.raw("no_bias") is False) or learned


def _longest_context(config: Config, context: int | None) -> int:
    if not config.has(*CONTEXT):
        if context is None:
            raise DataError(f"config.json: no context ({', '.join(CONTEXT)}): give it with --context")
        return context
    return config.size(*CONTEXT)


def _positions(config: Config, about: ConfigClass) -> str:
    alibi = config.flag("alibi") or config.section("attn_config").flag("alibi")
    return "alibi" if alibi else about.positions


def _attention(config: Config, columns: Mapping[str, Any]) -> dict[str, str]:
    """How attention is laid out: shared key/value heads, and which layers attend locally."""
    heads, kv_heads = columns["n_heads"], columns["n_kv_heads"]
    variant = "full" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa"
    groups = config.raw("attention_types") or []
    if isinstance(groups, list) and any("local" in str(group) for group in groups):
        window = config.size("window_size", default=256)
        return {"attention_variant": "local", "attention_window": f"alternating global / local {window}"}
    config_class, window = columns["config_class"], config.raw("sliding_window")
    if window is None or not config.flag(
        "use_sliding_window", default=config_class not in ("Qwen2Config", "Qwen3Config")
    ):
        return {"attention_variant": variant, "attention_window": "full"}
    window = config.size("sliding_window")
    kinds = config.raw("layer_types")
    every_layer_is_full = isinstance(kinds, list) and "sliding_attention" not in kinds
    if every_layer_is_full or config.raw("max_window_layers") == columns["n_layers"]:
        return {"attention_variant": variant, "attention_window": "full"}
    layouts = {"Gemma2Config": "alternating local {} / global", "Gemma3TextConfig": "5 of 6 layers local {}"}
    if config_class not in layouts and window >= columns["context_final"]:
        return {"attention_variant": variant, "attention_window": "full"}
    return {
        "attention_variant": variant,
        "attention_window": layouts.get(config_class, "sliding {} in every layer").format(window),
    }


def _kv_heads(config: Config, config_class: str, heads: int) -> int:
    if config_class == "FalconConfig" and config.flag("new_decoder_architecture"):
        return config.size(*KV_HEADS, default=heads)
    if config_class == "GPTBigCodeConfig":
        return 1 if config.flag("multi_query", default=True) else heads
    if config_class == "custom:ChatGLMConfig":
        return config.size(*KV_HEADS) if config.flag("multi_query_attention") else heads
    if config.flag("multi_query"):
        return 1
    kv_heads = config.size(*KV_HEADS, default=heads)
    if kv_heads > heads or heads % kv_heads:
        raise DataError(f"config.json: {kv_heads} key/value heads for {heads} heads; expected a divisor of them")
    return kv_heads


def _parallel(config: Config, about: ConfigClass) -> bool:
    for name in ("use_parallel_residual", "parallel_residual", "parallel_attn"):
        if config.has(name):
            return config.flag(name)
    return about.parallel


def _activation(raw: str, gated: bool) -> str:
    plain = "gelu" if raw.startswith("gelu") else raw
    names = {"silu": "swiglu", "swiglu": "swiglu", "gelu": "geglu"} if gated else {"gelu": "gelu", "relu": "relu"}
    if plain not in names:
        kind = "gated" if gated else "plain"
        raise DataError(f"config.json: activation {raw!r} of a {kind} feed-forward is not known; known: {list(names)}")
    return names[plain]


def _refuse_uncounted(config: Config, config_class: str) -> None:
    """Variants that the class's entry does not describe."""
    uncounted = []
    if config_class == "OPTConfig":
        uncounted += [f"{name}: false" for name in ("enable_bias", "layer_norm_elementwise_affine")
                      if config.raw(name) is False]  # fmt: skip
    if config_class in ("MptConfig", "custom:MPTConfig"):
        attention = config.section("attn_config")
        kind = attention.word("attn_type", default="multihead_attention")
        uncounted += [f"attn_type {kind}"] if kind != "multihead_attention" else []
        uncounted += ["kv_n_heads"] if attention.has("kv_n_heads") else []
        uncounted += ["attn_config.rope"] if attention.flag("rope") else []
        without = not config.flag("learned_pos_emb", default=True) and not attention.flag("alibi")
        uncounted += ["neither learned positions nor ALiBi"] if without else []
    if config_class == "custom:BaichuanConfig" and config.size(*WIDTH) != 4096:
        uncounted += ["a width other than 4096 (the 13B has ALiBi positions, which its configuration does not say)"]
    if config_class == "custom:QWenConfig" and config.raw("no_bias") is False:
        uncounted += ["no_bias: false"]
    if uncounted:
        raise DataError(f"config.json: {config_class}: {', '.join(uncounted)}: this variant cannot be counted")
