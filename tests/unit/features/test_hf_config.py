"""A configuration gives back every recorded architecture column, and the exact parameter count, of all 94 models."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from features.hf_config import CLASS_OF_TYPE, FAMILIES, architecture_columns, class_of
from foretell.errors import DataError

# What the file holds is an extension the makers did not train: the recorded value is shorter.
UNTRAINED = {"Qwen/Qwen2-72B", "Qwen/Qwen2.5-14B", "Qwen/Qwen2.5-32B", "Qwen/Qwen2.5-72B"}
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
            known = name == "config_json" or (name == "context_final" and row["model_id"] in UNTRAINED)
            if not known and str(value) != str(row[name]):
                wrong.append((row["model_id"], name, value, row[name]))
    assert len(raw["models"]) >= 94
    assert wrong == []


def test_every_recorded_class_is_known(raw: dict[str, pd.DataFrame]) -> None:
    assert set(raw["models"]["config_class"]) == set(FAMILIES)
    assert set(CLASS_OF_TYPE.values()) <= set(FAMILIES)


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
        ({"model_type": "mamba"}, "model_type 'mamba' is not known; known: bloom"),
        ({"hidden_size": None}, "none of hidden_size, n_embd, d_model is given"),
        ({"hidden_act": "mish"}, "activation 'mish' of a gated feed-forward is not known"),
        ({"attention_bias": True}, "attention_bias: parameters of this variant cannot be counted"),
        ({"num_local_experts": 8}, "num_local_experts: parameters of this variant cannot be counted"),
    ],
)
def test_what_cannot_be_counted_is_refused(change: dict[str, object], words: str) -> None:
    config = {**LLAMA, **change}
    with pytest.raises(DataError, match=words):
        architecture_columns(config, class_of(config))
