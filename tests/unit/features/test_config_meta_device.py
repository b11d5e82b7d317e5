"""Every class that transformers implements, counted against transformers itself: the model is built on the meta device,
without memory, and its unique parameters are added up. Several variants of each class."""

from __future__ import annotations

import pytest

from features.config_classes import CLASSES
from features.hf_config import architecture_columns, class_of

transformers = pytest.importorskip("transformers", reason="counts are held against transformers")
torch = pytest.importorskip("torch", reason="counts are held against models on torch's meta device")

LLAMA = {
    "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500,
    "max_position_embeddings": 128, "num_key_value_heads": 2,
}  # fmt: skip
GPT2 = {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 500, "n_positions": 128}
PADS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

VARIANTS: dict[str, tuple[dict[str, object], ...]] = {
    "bloom": ({"hidden_size": 64, "n_layer": 3, "n_head": 4, "vocab_size": 500, "seq_length": 128},),
    "codegen": ({**GPT2, "rotary_dim": 8}, {**GPT2, "rotary_dim": 8, "n_inner": 100}),
    "cohere": (LLAMA, {**LLAMA, "use_qk_norm": True}, {**LLAMA, "attention_bias": True}),
    "falcon": (
        {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500,
         "multi_query": True, "parallel_attn": True, "bias": False, "max_position_embeddings": 128},
        {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500, "bias": True,
         "multi_query": False, "parallel_attn": False, "alibi": True, "max_position_embeddings": 128},
        {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500, "num_kv_heads": 2,
         "new_decoder_architecture": True, "bias": False, "max_position_embeddings": 128},
        {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500, "num_kv_heads": 2,
         "new_decoder_architecture": True, "num_ln_in_parallel_attn": 1, "max_position_embeddings": 128},
    ),
    "gemma": ({**LLAMA, "head_dim": 32}, {**LLAMA, "head_dim": 16, "num_key_value_heads": 1}),
    "gemma2": ({**LLAMA, "head_dim": 32, "sliding_window": 64},),
    "gemma3_text": ({**LLAMA, "head_dim": 32, "sliding_window": 64}, {**LLAMA, "head_dim": 16}),
    "glm": (
        {**LLAMA, "head_dim": 16, "attention_bias": True, **PADS}, {**LLAMA, "head_dim": 16, **PADS},
    ),
    "gpt2": (GPT2, {**GPT2, "n_inner": 100}),
    "gpt_bigcode": ({**GPT2, "multi_query": True}, {**GPT2, "multi_query": False}, {**GPT2, "n_inner": 100}),
    "gpt_neo": (
        {"hidden_size": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 500, "max_position_embeddings": 128,
         "attention_types": [[["global", "local"], 1]]},
    ),
    "gpt_neox": (
        {**LLAMA, "num_key_value_heads": None, "hidden_act": "gelu"},
        {**LLAMA, "num_key_value_heads": None, "hidden_act": "gelu", "attention_bias": False},
    ),
    "gptj": ({**GPT2, "rotary_dim": 8},),
    "granite": (
        LLAMA, {**LLAMA, "attention_bias": True}, {**LLAMA, "attention_bias": True, "mlp_bias": True},
        {**LLAMA, "tie_word_embeddings": True},
    ),
    "llama": (
        LLAMA, {**LLAMA, "attention_bias": True}, {**LLAMA, "mlp_bias": True}, {**LLAMA, "head_dim": 32},
        {**LLAMA, "tie_word_embeddings": True},
    ),
    "mistral": (LLAMA, {**LLAMA, "head_dim": 32, "sliding_window": 64}),
    "mpt": (
        {"d_model": 64, "n_layers": 3, "n_heads": 4, "vocab_size": 500, "max_seq_len": 128,
         "attn_config": {"alibi": True}},
    ),
    "olmo": (LLAMA, {**LLAMA, "tie_word_embeddings": True}),
    "olmo2": (LLAMA, {**LLAMA, "num_key_value_heads": 4}),
    "opt": (
        {"hidden_size": 64, "ffn_dim": 100, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500,
         "max_position_embeddings": 128, "word_embed_proj_dim": 64},
        {"hidden_size": 64, "ffn_dim": 100, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 500,
         "max_position_embeddings": 128, "word_embed_proj_dim": 32, "do_layer_norm_before": False},
    ),
    "phi": ({**LLAMA, "num_key_value_heads": None}, {**LLAMA, "num_key_value_heads": None, "qk_layernorm": True}),
    "phi3": ({**LLAMA, **PADS}, {**LLAMA, **PADS, "sliding_window": 64}),
    "qwen2": (LLAMA, {**LLAMA, "tie_word_embeddings": True}),
    "qwen3": ({**LLAMA, "head_dim": 32}, {**LLAMA, "head_dim": 16, "attention_bias": True}),
    "smollm3": ({**LLAMA, **PADS}, {**LLAMA, **PADS, "tie_word_embeddings": False}),
    "stablelm": (
        LLAMA, {**LLAMA, "use_qkv_bias": True}, {**LLAMA, "use_parallel_residual": True, "qk_layernorm": True},
        {**LLAMA, "qk_layernorm": True},
    ),
    "starcoder2": ({**LLAMA, "sliding_window": 64}, {**LLAMA, "use_bias": False}),
    "xglm": (
        {"d_model": 64, "ffn_dim": 100, "num_layers": 3, "attention_heads": 4, "vocab_size": 500,
         "max_position_embeddings": 128},
    ),
}  # fmt: skip
CASES = [(kind, config) for kind, configs in VARIANTS.items() for config in configs]


@pytest.mark.parametrize(("kind", "values"), CASES, ids=[f"{kind}-{i}" for i, (kind, _) in enumerate(CASES)])
def test_the_count_is_transformers_own(kind: str, values: dict[str, object]) -> None:
    config = {name: value for name, value in values.items() if value is not None}
    built = transformers.AutoConfig.for_model(kind, **config)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(built)
    file = {**config, "model_type": kind}
    columns = architecture_columns(file, class_of(file))
    assert columns["total_params"] == sum(parameter.numel() for parameter in model.parameters())
    has_bias = {name.split(".")[-2] for name, _ in model.named_parameters() if name.endswith(".bias")}
    assert (columns["biases"] == "none") == (not has_bias)


def test_every_class_of_transformers_is_tried() -> None:
    of_transformers = {kind for about in CLASSES.values() if not about.makers_own for kind in about.types}
    older_names = {"RefinedWeb", "RefinedWebModel", "stablelm_epoch"}
    assert of_transformers - older_names == set(VARIANTS)
