"""A configuration gives back every recorded architecture column, and the exact parameter count, of all models."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.config_classes import CLASS_OF_TYPE, CLASSES
from features.hf_config import architecture_columns, assumed_tying, check_context, class_of, language_model
from foretell.errors import DataError

# What the file holds is an extension that the makers did not train, or they trained on less: the record is shorter.
SHORTER = "context_final"
# The makers say that its norms have no bias; transformers' class carries some, and they are counted.
NORMS_WITHOUT_BIAS = "stabilityai/stablelm-2-12b"
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
}


def test_every_recorded_architecture_comes_back(raw: dict[str, pd.DataFrame]) -> None:
    wrong = []
    for row in raw["models"].to_dict("records"):
        config = json.loads(row["config_json"])
        found = architecture_columns(config, row["config_class"], int(row["sequence_length"]))
        for name, value in found.items():
            known = name in ("config_json", "biases_detail") or (name == SHORTER and int(row[name]) < int(value))
            known |= name == "biases" and row["model_id"] == NORMS_WITHOUT_BIAS
            if not known and str(value) != str(row[name]):
                wrong.append((row["model_id"], name, value, row[name]))
    assert len(raw["models"]) >= 208
    assert wrong == []


def test_every_recorded_class_is_known(raw: dict[str, pd.DataFrame]) -> None:
    assert set(raw["models"]["config_class"]) <= set(CLASSES)
    assert set(CLASS_OF_TYPE.values()) <= set(CLASSES)


def test_llama_2_7b_is_counted_exactly() -> None:
    found = architecture_columns(LLAMA, class_of(LLAMA))
    assert found["total_params"] == 6_738_415_616  # its makers' safetensors count
    assert found["non_embedding_params"] == 6_738_415_616 - 2 * 32000 * 4096
    words = (found["activation"], found["layer_norm_type"], found["attention_variant"])
    assert words == ("swiglu", "rmsnorm", "full")


def test_the_stored_configuration_gives_the_same_columns_again() -> None:
    once = architecture_columns({**LLAMA, "num_key_value_heads": 8, "torch_dtype": "float16"}, "LlamaConfig")
    again = architecture_columns(json.loads(once["config_json"]), "LlamaConfig")
    assert once == again
    assert "torch_dtype" not in once["config_json"]
    assert once["attention_variant"] == "gqa"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "brand_new"}, "model_type 'brand_new' is not known; known: "),
        ({"model_type": "mixtral"}, "'mixtral' is a mixture of experts"),
        ({"num_experts": 8}, r"a mixture of experts \(num_experts: 8\), not a dense model"),
        ({"num_local_experts": 8}, "a mixture of experts"),
        ({"num_experts": [8, 8]}, "a mixture of experts"),
        ({"num_experts_per_tok": 2}, "a mixture of experts"),
        ({"architectures": ["MixtralForCausalLM"]}, "a mixture of experts"),
        ({"architectures": ["MistralForCausalLM"]}, "are different classes"),
        ({"model_type": "foo", "architectures": ["LlamaForCausalLM"]}, "model_type 'foo' is not known"),
        ({"intermediate_size": None}, "none of intermediate_size, ffn_dim"),
        ({"model_type": "mistral"}, "num_key_value_heads is not given, and MistralConfig has a default of its own"),
        ({"model_type": "gemma", "num_key_value_heads": 1}, "head_dim is not given"),
        ({"rope_theta": float("nan")}, "or none"),
        ({"model_type": "mamba"}, "a state-space or recurrent model"),
        ({"model_type": "jamba"}, "a hybrid of attention and recurrent layers"),
        ({"model_type": "t5"}, "an encoder-decoder model"),
        ({"is_encoder_decoder": True}, "an encoder-decoder model"),
        ({"model_type": "bert"}, "an encoder"),
        ({"hidden_size": None}, "none of hidden_size, n_embd, "),
        ({"hidden_size": "big"}, "hidden_size: 'big'; expected a whole number above 0"),
        ({"num_attention_heads": [32, 32]}, r"num_attention_heads: \[32, 32\]; expected a whole number"),
        ({"vocab_size": float("nan")}, "vocab_size: nan; expected a whole number"),
        ({"vocab_size": 10**6000}, "a number of (about 6000|thousands of) digits; expected"),
        ({"num_hidden_layers": True}, "num_hidden_layers: True; expected a whole number"),
        ({"num_hidden_layers": 2.5}, "num_hidden_layers: 2.5; expected a whole number"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings: 'yes'; expected true or false"),
        ({"attn_config": "flash"}, "attn_config: 'flash'; expected a section"),
        ({"hidden_act": {"name": "silu"}}, "hidden_act: .*expected a word"),
        ({"hidden_act": "mish"}, "activation 'mish' of a gated feed-forward is not known"),
        ({"hidden_size": 4097}, "a width of 4097 is not a multiple of 32 heads"),
        ({"num_key_value_heads": 5}, "5 key/value heads for 32 heads"),
        ({"max_position_embeddings": None}, "no context .*: give it with --context"),
        ({"architectures": "LlamaForCausalLM"}, "architectures: expected a list of names"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_one_line(change: dict[str, object], words: str) -> None:
    config = {**LLAMA, **change}
    with pytest.raises(DataError, match=words) as caught:
        architecture_columns(config, class_of(config))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("config", "named", "words"),
    [
        ({"model_type": "stablelm"}, "LlamaConfig", "model_type stablelm says StableLmConfig"),
        ({"model_type": "t5"}, "LlamaConfig", "an encoder-decoder model"),
        ({"model_type": "brand_new"}, "LlamaConfig", "model_type 'brand_new' is another class"),
        (
            {"architectures": ["Qwen2ForCausalLM"]},
            "LlamaConfig",
            r"architectures \['Qwen2ForCausalLM'\] says Qwen2Config",
        ),
        ({"architectures": ["T5ForConditionalGeneration"]}, "LlamaConfig", "an encoder-decoder model"),
        ({"architectures": ["StableLMEpochForCausalLM"]}, "LlamaConfig", "says StableLmConfig"),
        ({"architectures": ["NobodyForCausalLM"]}, "LlamaConfig", "is another class"),
        ({}, "NoSuchConfig", "--config-class NoSuchConfig: not known"),
    ],
)
def test_a_named_class_is_held_against_the_file(config: dict[str, object], named: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        class_of(config, named)


def test_a_class_is_found_by_type_then_by_architectures_then_by_name() -> None:
    assert class_of({"model_type": "mistral", "architectures": ["MistralForCausalLM"]}) == "MistralConfig"
    assert class_of({"architectures": ["LlamaForCausalLM"]}) == "LlamaConfig"
    assert class_of({}, "LlamaConfig") == "LlamaConfig"
    assert class_of({"model_type": "mpt", "attn_config": {"alibi": True}}) == "MptConfig"
    assert class_of({"model_type": "mpt", "no_bias": False, "attn_config": {"qk_ln": True}}) == "custom:MPTConfig"


def test_grouped_queries_of_mpt_are_not_recorded_as_full_attention() -> None:
    config = {"model_type": "mpt", "d_model": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 500, "max_seq_len": 128,
              "attn_config": {"alibi": True, "attn_type": "grouped_query_attention", "kv_n_heads": 2}}  # fmt: skip
    with pytest.raises(DataError, match="attn_type grouped_query_attention"):
        architecture_columns(config, class_of(config))


def test_the_language_model_of_a_wrapper_is_its_text_config() -> None:
    wrapper = {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "text_config": LLAMA}
    assert class_of(language_model(wrapper)) == "LlamaConfig"
    assert language_model(LLAMA) == LLAMA
    assert class_of(language_model({"model_type": "internvl", "llm_config": LLAMA})) == "LlamaConfig"
    with pytest.raises(DataError, match="text_config: expected a section"):
        language_model({"text_config": "llama"})


@pytest.mark.parametrize(
    "spelled",
    [
        {"n_embed": 64, "n_layer": 2, "n_head": 4, "seq_length": 128},
        {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_sequence_length": 128},
    ],
)
def test_spellings_of_the_hub_are_read(spelled: dict[str, int]) -> None:
    columns = architecture_columns({**spelled, "vocab_size": 500}, "BloomConfig")
    assert (columns["d_model"], columns["n_layers"], columns["sequence_length"]) == (64, 2, 128)


def test_a_context_that_may_be_an_extension_is_asked_for() -> None:
    scaled = {**LLAMA, "max_position_embeddings": 131072, "rope_scaling": {"original_max_position_embeddings": 8192}}
    with pytest.raises(DataError, match="131072 tokens, but its positions are scaled from 8192: give --context"):
        check_context(scaled, None, [])
    newer = {**LLAMA, "max_position_embeddings": 131072, "rope_parameters": {"original_max_position_embeddings": 8192}}
    with pytest.raises(DataError, match="give --context"):
        check_context(newer, None, [])
    by_layer = {"full_attention": {"original_max_position_embeddings": 8192}}
    with pytest.raises(DataError, match="give --context"):
        check_context({**newer, "rope_parameters": by_layer}, None, [])
    long = {**LLAMA, "max_position_embeddings": 131072}
    with pytest.raises(DataError, match="recorded models of the family were pretrained on 4096, 32768"):
        check_context(long, None, [32768, 4096, 4096])
    check_context(scaled, 8192, [])
    check_context(LLAMA, None, [4096, 8192])
    check_context(LLAMA, None, [])


def test_the_count_under_the_other_assumption_about_tying() -> None:
    columns = architecture_columns(LLAMA, "LlamaConfig")
    assert assumed_tying(LLAMA, columns) == columns["total_params"] - 32000 * 4096
    assert assumed_tying({**LLAMA, "tie_word_embeddings": False}, columns) is None


@pytest.mark.parametrize(
    ("config", "total"),
    [  # counts that the makers or the hub give
        ({"model_type": "baichuan", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
          "num_attention_heads": 32, "vocab_size": 64000, "model_max_length": 4096}, 7_000_559_616),
        ({"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
          "num_attention_heads": 32, "vocab_size": 151936, "seq_length": 8192, "no_bias": True}, 7_721_324_544),
        ({"model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "num_layers": 28,
          "num_attention_heads": 32, "padded_vocab_size": 65024, "seq_length": 8192, "kv_channels": 128,
          "multi_query_attention": True, "multi_query_group_num": 2, "add_qkv_bias": True,
          "add_bias_linear": False}, 6_243_584_000),
        ({"model_type": "internlm2", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
          "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 92544, "bias": False,
          "max_position_embeddings": 32768}, 7_737_708_544),
        ({"model_type": "phi-msft", "n_embd": 2048, "n_layer": 24, "n_head": 32, "vocab_size": 51200,
          "n_positions": 2048, "rotary_dim": 32}, 1_418_270_720),
    ],
    ids=["baichuan-7b", "qwen-7b", "chatglm3-6b", "internlm2-7b", "phi-1.5"],
)  # fmt: skip
def test_classes_of_the_makers_own_code_are_counted_as_they_count(config: dict[str, object], total: int) -> None:
    raw = {"hidden_act": "silu"} if config["model_type"] != "phi-msft" else {}
    assert architecture_columns({**config, **raw}, class_of(config))["total_params"] == total
