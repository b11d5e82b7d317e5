"""The parameter count against counts worked by hand, the makers' own numbers and every recorded model."""

import pandas as pd
import pytest

from features.architecture import Architecture, count_params, recorded_architecture

GPT2_SMALL = Architecture(
    n_layers=12, d_model=768, n_heads=12, n_kv_heads=12, head_dim=64, d_ff=3072, vocab_size=50257,
    tied_embeddings=True, gated_mlp=False, layer_norm_type="parametric", position_rows=1024,
    bias_qkv=True, bias_attention_out=True, bias_mlp=True, bias_norm=True,
)  # fmt: skip
LLAMA_2_7B = Architecture(
    n_layers=32, d_model=4096, n_heads=32, n_kv_heads=32, head_dim=128, d_ff=11008, vocab_size=32000,
    tied_embeddings=False, gated_mlp=True, layer_norm_type="rmsnorm",
)  # fmt: skip
MISTRAL_7B = Architecture(
    n_layers=32, d_model=4096, n_heads=32, n_kv_heads=8, head_dim=128, d_ff=14336, vocab_size=32000,
    tied_embeddings=False, gated_mlp=True, layer_norm_type="rmsnorm",
)  # fmt: skip
GEMMA_2B = Architecture(
    n_layers=18, d_model=2048, n_heads=8, n_kv_heads=1, head_dim=256, d_ff=16384, vocab_size=256000,
    tied_embeddings=True, gated_mlp=True, layer_norm_type="rmsnorm",
)  # fmt: skip
QWEN2_HALF_B = Architecture(
    n_layers=24, d_model=896, n_heads=14, n_kv_heads=2, head_dim=64, d_ff=4864, vocab_size=151936,
    tied_embeddings=True, gated_mlp=True, layer_norm_type="rmsnorm", bias_qkv=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("arch", "total"),
    [
        (GPT2_SMALL, 124_439_808),
        (LLAMA_2_7B, 6_738_415_616),
        (MISTRAL_7B, 7_241_732_096),
        (GEMMA_2B, 2_506_172_416),
        (QWEN2_HALF_B, 494_032_768),
    ],
    ids=["gpt2", "llama-2-7b", "mistral-7b", "gemma-2b", "qwen2-0.5b"],
)
def test_counts_of_released_models(arch: Architecture, total: int) -> None:
    assert count_params(arch)[0] == total


def test_non_embedding_leaves_out_tokens_positions_and_the_output_matrix() -> None:
    total, inner = count_params(GPT2_SMALL)
    assert total - inner == 50257 * 768 + 1024 * 768
    total, inner = count_params(LLAMA_2_7B)
    assert total - inner == 2 * 32000 * 4096


def test_a_tiny_model_by_hand() -> None:
    # 1 layer, d = 4, one head: q, k, v, o 4 x 16 = 64; feed-forward 2 x 4 x 8 = 64; two norms 2 x 4 = 8; one outside 4
    # embeddings 10 x 4 = 40, once when tied
    tiny = Architecture(1, 4, 1, 1, 4, 8, 10, True, False, "rmsnorm")
    assert count_params(tiny) == (180, 140)
    untied = Architecture(1, 4, 1, 1, 4, 8, 10, False, False, "rmsnorm")
    assert count_params(untied) == (220, 140)
    gated = Architecture(1, 4, 1, 1, 4, 8, 10, True, True, "rmsnorm")
    assert count_params(gated) == (212, 172)
    bare = Architecture(1, 4, 1, 1, 4, 8, 10, True, False, "non-parametric")
    assert count_params(bare) == (168, 128)
    narrow = Architecture(1, 4, 1, 1, 4, 8, 10, True, False, "rmsnorm", embedding_dim=2)
    assert count_params(narrow) == (140 + 2 * 2 * 4 + 10 * 2, 140 + 2 * 2 * 4)


def test_every_recorded_model_is_counted_exactly(raw: dict[str, pd.DataFrame]) -> None:
    models = raw["models"]
    assert len(models) >= 208
    wrong = {}
    for row in models.to_dict("records"):
        counted = count_params(recorded_architecture(row))
        recorded = (int(row["total_params"]), int(row["non_embedding_params"]))
        if counted != recorded:
            wrong[row["model_id"]] = (counted, recorded)
    assert wrong == {}
