"""What each configuration class of a dense decoder fixes beyond what its config.json says: norms, biases, positions,
tying. One entry per class, each held against the class's own implementation (transformers on the meta device) or the
makers' counts by the tests. What cannot be represented as one dense decoder is listed with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from features.config_values import HEADS, INNER, KV_HEADS, WIDTH, Config


@dataclass(frozen=True)
class Biases:
    """Where bias terms are: on query, key and value; on the attention's output; in the feed-forward block; in the
    norms; on the output matrix."""

    qkv: bool = False
    out: bool = False
    mlp: bool = False
    norm: bool = False
    head: bool = False

    @property
    def word(self) -> str:
        """The word for it in the models table."""
        linear = (self.qkv, self.out, self.mlp)
        if not any(linear):
            return "ln_only" if self.norm else "none"
        if linear == (True, False, False) and not self.norm:
            return "attn_only"
        return "all" if all(linear) and self.norm else "some"

    @property
    def detail(self) -> str:
        """The same in a few words."""
        if self.word != "some":
            return BIAS_WORDS[self.word]
        if self in SOME_BIASES:
            return SOME_BIASES[self]
        named = {"query, key, value": self.qkv, "attention output": self.out, "MLP": self.mlp, "norms": self.norm}
        return f"{', '.join(n for n, there in named.items() if there)}; none in " + ", ".join(
            name for name, there in named.items() if not there
        )


ALL = Biases(qkv=True, out=True, mlp=True, norm=True)
NONE = Biases()
NORMS = Biases(norm=True)
QKV = Biases(qkv=True)
BIAS_WORDS = {
    "all": "every linear layer of the blocks and every LayerNorm",
    "attn_only": "query, key and value projections only",
    "ln_only": "LayerNorm biases only; no linear bias",
    "none": "no bias in any linear layer or norm",
}
SOME_BIASES = {
    Biases(mlp=True, norm=True, head=True): "MLP, LayerNorm and lm_head; no bias in any attention projection",
    Biases(out=True, mlp=True, norm=True): "attention output, MLP and LayerNorm; none in query, key, value",
    Biases(qkv=True, norm=True): "query, key and value projections and every LayerNorm",
    Biases(qkv=True, out=True): "query, key, value and attention output; none in the MLP; RMSNorm has none",
    Biases(qkv=True, out=True, mlp=True): (
        "every linear layer of attention (q, k, v, attention output) and MLP; RMSNorm has none"
    ),
}

Widths = tuple[int, int]


@dataclass(frozen=True)
class ConfigClass:
    """What a class fixes: `norm` and `positions` as words of the models table, `tied` where the file does not say,
    `parallel` blocks, a `gated` feed-forward block, `act` the raw activation by default.

    The functions take the configuration: `biases`; `norms`, the width-d norms of one block; `qk_norms`, the widths of
    additional norms on queries and keys; `inner`, the feed-forward width where the file's value is not it. `after` are
    the norms outside the blocks, `extra_positions` rows that a learned position table has beyond the context,
    `qk_bias` whether norms on queries and keys have biases. `types` are the values of `model_type` that mean it;
    `makers_own` that only its makers' code defines it, `four_times_wide` that a
    feed-forward width which is not given is four times the model's, `stated` what must be given because the class has a
    default of its own: "head_dim", "kv_heads".
    """

    norm: str
    types: tuple[str, ...] = ()
    positions: str = "rope"
    tied: bool = False
    parallel: bool = False
    gated: bool = False
    act: str = "gelu"
    biases: Callable[[Config], Biases] = lambda config: NONE
    norms: Callable[[Config], int] = lambda config: 2
    qk_norms: Callable[[Config], Widths] = lambda config: (0, 0)
    inner: Callable[[Config], int | None] = lambda config: None
    after: int = 1
    extra_positions: int = 0
    qk_bias: bool = False
    makers_own: bool = False
    four_times_wide: bool = False
    stated: tuple[str, ...] = ()


def head_dim(config: Config) -> int:
    """Width of one head."""
    return config.size("head_dim", "kv_channels", default=config.size(*WIDTH) // config.size(*HEADS))


def _each(biases: Biases) -> Callable[[Config], Biases]:
    return lambda config: biases


def _per_head(config: Config) -> Widths:
    return head_dim(config), head_dim(config)


def _full_width(config: Config) -> Widths:
    heads = config.size(*HEADS)
    return heads * head_dim(config), config.size(*KV_HEADS, default=heads) * head_dim(config)


def _llama_biases(config: Config) -> Biases:
    attention = config.flag("attention_bias")
    return Biases(qkv=attention, out=attention, mlp=config.flag("mlp_bias"))


def _falcon_norms(config: Config) -> int:
    if config.flag("new_decoder_architecture"):
        return 1 if config.raw("num_ln_in_parallel_attn") == 1 else 2
    return 1 if config.flag("parallel_attn", default=True) else 2


def _falcon_biases(config: Config) -> Biases:
    linear = config.flag("bias")
    return Biases(qkv=linear, out=linear, mlp=linear, norm=True)


def _stablelm_qk(config: Config) -> Widths:
    return _full_width(config) if config.flag("qk_layernorm") else (0, 0)


def _starcoder2_biases(config: Config) -> Biases:
    linear = config.flag("use_bias", default=True)
    return Biases(qkv=linear, out=linear, mlp=linear, norm=True)


def _mpt_biases(config: Config) -> Biases:
    return NONE if config.flag("no_bias") else ALL


def _chatglm_biases(config: Config) -> Biases:
    linear = config.flag("add_bias_linear")
    return Biases(qkv=linear or config.flag("add_qkv_bias"), out=linear, mlp=linear)


def _one_if(name: str, default: bool = False) -> Callable[[Config], int]:
    return lambda config: 1 if config.flag(name, default=default) else 2


_rms = partial(ConfigClass, "rmsnorm", gated=True, act="silu")
_gemma = partial(ConfigClass, "rmsnorm", tied=True, gated=True, act="gelu_pytorch_tanh")
_GPTJ = Biases(mlp=True, norm=True, head=True)

CLASSES: Mapping[str, ConfigClass] = {
    "BloomConfig": ConfigClass(
        "parametric", ("bloom",), "alibi", tied=True, biases=_each(ALL), after=2, four_times_wide=True
    ),
    "CodeGenConfig": ConfigClass(
        "parametric",
        ("codegen",),
        parallel=True,
        act="gelu_new",
        biases=_each(_GPTJ),
        norms=lambda config: 1,
        four_times_wide=True,
    ),
    "CohereConfig": ConfigClass(
        *("parametric", ("cohere",)),
        tied=True,
        parallel=True,
        gated=True,
        act="silu",
        norms=lambda config: 1,
        biases=lambda config: Biases(qkv=config.flag("attention_bias"), out=config.flag("attention_bias")),
        qk_norms=lambda config: _full_width(config) if config.flag("use_qk_norm") else (0, 0),
    ),
    "FalconConfig": ConfigClass(
        *("parametric", ("falcon", "RefinedWeb", "RefinedWebModel")),
        tied=True,
        parallel=True,
        biases=_falcon_biases,
        norms=_falcon_norms,
        four_times_wide=True,
    ),
    "GPT2Config": ConfigClass(
        "parametric", ("gpt2",), "learned", tied=True, act="gelu_new", biases=_each(ALL), four_times_wide=True
    ),
    "GPTBigCodeConfig": ConfigClass(
        "parametric",
        ("gpt_bigcode",),
        "learned",
        tied=True,
        act="gelu_pytorch_tanh",
        biases=_each(ALL),
        four_times_wide=True,
    ),
    "GPTJConfig": ConfigClass(
        "parametric",
        ("gptj",),
        parallel=True,
        act="gelu_new",
        biases=_each(_GPTJ),
        norms=lambda config: 1,
        four_times_wide=True,
    ),
    "GPTNeoConfig": ConfigClass(
        *("parametric", ("gpt_neo",), "learned"),
        tied=True,
        act="gelu_new",
        biases=_each(Biases(out=True, mlp=True, norm=True)),
        four_times_wide=True,
    ),
    "GPTNeoXConfig": ConfigClass(
        *("parametric", ("gpt_neox",)),
        parallel=True,
        biases=lambda c: Biases(c.flag("attention_bias", True), c.flag("attention_bias", True), mlp=True, norm=True),
    ),
    "Gemma2Config": _gemma(
        ("gemma2",),
        norms=lambda config: 4,
        biases=_llama_biases,
        stated=("head_dim", "kv_heads"),
    ),
    "Gemma3TextConfig": _gemma(
        ("gemma3_text",),
        norms=lambda config: 4,
        biases=_llama_biases,
        qk_norms=_per_head,
        stated=("head_dim", "kv_heads"),
    ),
    "GemmaConfig": _gemma(
        ("gemma",),
        biases=_llama_biases,
        stated=("head_dim", "kv_heads"),
    ),
    "GlmConfig": _rms(
        ("glm",), biases=lambda c: Biases(qkv=c.flag("attention_bias", True)), stated=("head_dim", "kv_heads")
    ),
    "GraniteConfig": _rms(("granite",), biases=_llama_biases),
    "LlamaConfig": _rms(("llama",), biases=_llama_biases),
    "MistralConfig": _rms(
        ("mistral",),
        stated=("kv_heads",),
    ),
    "MptConfig": ConfigClass(
        "parametric",
        ("mpt",),
        "learned",
        tied=True,
        four_times_wide=True,
    ),
    "OPTConfig": ConfigClass(
        "parametric", ("opt",), "learned", tied=True, act="relu", biases=_each(ALL), extra_positions=2
    ),
    "Olmo2Config": _rms(("olmo2",), biases=_llama_biases, qk_norms=_full_width),
    "OlmoConfig": ConfigClass("non-parametric", ("olmo",), gated=True, act="silu", biases=_llama_biases),
    "Phi3Config": _rms(("phi3",)),
    "PhiConfig": ConfigClass(
        *("parametric", ("phi",)),
        parallel=True,
        act="gelu_new",
        biases=_each(Biases(qkv=True, out=True, mlp=True, norm=True, head=True)),
        norms=lambda config: 1,
        qk_norms=lambda config: _per_head(config) if config.flag("qk_layernorm") else (0, 0),
        qk_bias=True,
    ),
    "Qwen2Config": _rms(
        ("qwen2",),
        biases=_each(QKV),
        stated=("kv_heads",),
    ),
    "Qwen3Config": _rms(
        ("qwen3",),
        biases=_llama_biases,
        qk_norms=_per_head,
        stated=("head_dim", "kv_heads"),
    ),
    "SmolLM3Config": _rms(
        ("smollm3",),
        tied=True,
        biases=_llama_biases,
        stated=("kv_heads",),
    ),
    "StableLmConfig": ConfigClass(
        *("parametric", ("stablelm", "stablelm_epoch")),
        gated=True,
        act="silu",
        biases=lambda config: Biases(qkv=config.flag("use_qkv_bias"), norm=True),
        norms=_one_if("use_parallel_residual"),
        qk_norms=_stablelm_qk,
        stated=("kv_heads",),
    ),
    "Starcoder2Config": ConfigClass(
        "parametric",
        ("starcoder2",),
        tied=True,
        act="gelu_pytorch_tanh",
        biases=_starcoder2_biases,
        stated=("kv_heads",),
    ),
    "XGLMConfig": ConfigClass("parametric", ("xglm",), "sinusoidal", tied=True, biases=_each(ALL)),
    # Classes that only their makers' code defines.
    "custom:BTLMConfig": ConfigClass(
        *("parametric", ("btlm",), "alibi"), tied=True, gated=True, act="swiglu", biases=_each(ALL), makers_own=True
    ),
    "custom:BaichuanConfig": _rms(("baichuan",), makers_own=True),
    "custom:ChatGLMConfig": _rms(("chatglm",), biases=_chatglm_biases, makers_own=True),
    "custom:CrystalCoderConfig": ConfigClass(
        "parametric", ("crystalcoder",), tied=True, gated=True, act="swiglu", biases=_each(ALL), makers_own=True
    ),
    "custom:InternLM2Config": _rms(
        ("internlm2",), biases=lambda config: Biases(qkv=config.flag("bias"), out=config.flag("bias")), makers_own=True
    ),
    "custom:InternLMConfig": _rms(
        ("internlm",),
        biases=lambda config: Biases(qkv=config.flag("bias", True), out=config.flag("bias", True)),
        makers_own=True,
    ),
    "custom:MPTConfig": ConfigClass(
        *("parametric", (), "learned"),
        tied=True,
        biases=_mpt_biases,
        qk_norms=lambda config: _full_width(config) if config.section("attn_config").flag("qk_ln") else (0, 0),
        qk_bias=True,
        makers_own=True,
        four_times_wide=True,
    ),
    "custom:MiniCPMConfig": _rms(("minicpm",), tied=True, biases=_llama_biases, makers_own=True),
    "custom:MixFormerConfig": ConfigClass(
        *("parametric", ("phi-msft",)),
        parallel=True,
        act="gelu_new",
        biases=_each(Biases(qkv=True, out=True, mlp=True, norm=True, head=True)),
        norms=lambda config: 1,
        makers_own=True,
        four_times_wide=True,
    ),
    "custom:OpenLMConfig": ConfigClass(
        "parametric",
        gated=True,
        act="silu",
        inner=lambda config: 256 * -(-int(8 * config.size(*WIDTH) / 3) // 256),  # as open_lm rounds a SwiGLU's width
        qk_norms=lambda config: _full_width(config) if config.flag("qk_norm") else (0, 0),
        makers_own=True,
        four_times_wide=True,
    ),
    "custom:OrionConfig": ConfigClass(
        "parametric", ("orion",), gated=True, act="silu", biases=_each(NORMS), makers_own=True
    ),
    "custom:QWenConfig": _rms(
        ("qwen",),
        biases=_each(QKV),
        inner=lambda config: config.size(*INNER) // 2,  # the file holds the width of gate and value together
        makers_own=True,
    ),
    "custom:StableLMAlphaConfig": ConfigClass(
        *("parametric", ("stablelm_alpha",)),
        parallel=True,
        gated=True,
        act="silu",
        biases=_each(NORMS),
        norms=_one_if("shared_norm"),
        makers_own=True,
    ),
}
CLASS_OF_TYPE = {kind: name for name, about in CLASSES.items() for kind in about.types}

# Types of models that are no single dense decoder, by the reason.
REASONS: Mapping[str, tuple[str, ...]] = {
    "a mixture of experts: only a part of its parameters works on a token": (
        *("mixtral", "qwen2_moe", "qwen3_moe", "deepseek", "deepseek_v2", "deepseek_v3", "dbrx", "olmoe", "phimoe"),
        *("granitemoe", "jetmoe", "arctic", "gpt_oss", "grok-1", "llama4_text", "llama4", "ernie4_5_moe", "minimax"),
        *("hunyuan_v1_moe", "glm4_moe", "xverse_moe"),
    ),
    "a state-space or recurrent model: it has no attention to describe": (
        *("mamba", "mamba2", "falcon_mamba", "rwkv", "rwkv5", "rwkv6", "xlstm", "retnet"),
    ),
    "a hybrid of attention and recurrent layers": (
        *("jamba", "zamba", "zamba2", "recurrent_gemma", "bamba", "nemotron_h", "granitemoehybrid", "falcon_h1"),
        *("lfm2", "plamo2", "qwen3_next", "stripedhyena", "hymba"),
    ),
    "an encoder-decoder model": (
        *("t5", "mt5", "umt5", "longt5", "switch_transformers", "bart", "mbart", "pegasus", "blenderbot", "m2m_100"),
        *("marian", "encoder-decoder", "led", "whisper", "t5gemma"),
    ),
    "an encoder: it does not generate text": (
        *("bert", "roberta", "xlm-roberta", "deberta", "deberta-v2", "electra", "modernbert"),
    ),
}
REFUSED = {kind: reason for reason, kinds in REASONS.items() for kind in kinds}
EXPERTS = (
    *("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts"),
    *("num_experts_per_tok", "moe_intermediate_size"),
)
