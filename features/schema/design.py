"""Columns of the design facts: what each language model is built of and trained on, in the two views the project
keeps (`verified`: models + pretraining; `published`: the values the paper's database held) and the corrections
that lead from one to the other."""

from __future__ import annotations

from features.schema.core import RAW, Column, Table, date, flag, integer, number, text, word

POSITIONS = ("alibi", "learned", "rope", "sinusoidal")
NORMS = ("non-parametric", "parametric", "rmsnorm")
ATTENTION = ("full", "gqa", "local", "mqa")
BIASES = ("all", "attn_only", "ln_only", "none", "some")
BLOCKS = ("parallel", "sequential")
ACTIVATIONS = ("geglu", "gelu", "relu", "silu", "swiglu")
PUBLISHED_ACTIVATIONS = (*ACTIVATIONS, "gelu_fast", "gelu_new")
PUBLISHED_ATTENTION = (*ATTENTION, "local,full")
BASE_KINDS = ("continued_pretraining", "from_scratch", "from_scratch_distilled", "merge_or_finetune", "unclear")
SHARES = ("pct_web", "pct_code", "pct_books", "pct_reference", "pct_academic")
MAX_PARAMS = 2e12
MAX_TOKENS_BILLIONS = 50_000.0


def _share(what: str, nullable: bool = True) -> Column:
    return number(f"pct_{what}", f"share of {what} in the pretraining tokens", "percent", 0, 100, nullable)


MODELS = Table(
    "models",
    RAW / "models.csv",
    ("model_id",),
    (
        text("model_id", "language model, org/name as on the Hugging Face hub"),
        text("family", "models trained by one recipe at several sizes; kept on one side in held-out-family tests"),
        text("config_class", "transformers configuration class that the counts were made with"),
        text("config_json", "the configuration values, as JSON"),
        integer("n_layers", "transformer blocks", "blocks", 1, 500),
        integer("d_model", "width of the residual stream", "units", 16, 65_536),
        integer("n_heads", "query heads", "heads", 1, 1024),
        integer("n_kv_heads", "key/value heads", "heads", 1, 1024),
        integer("head_dim", "width of one head", "units", 8, 1024),
        integer("d_ff", "hidden width of the feed-forward block", "units", 16, 1_000_000),
        integer("vocab_size", "rows of the token embedding", "tokens", 100, 2_000_000),
        flag("tied_embeddings", "input and output embedding are one matrix"),
        word("layer_norm_type", "normalisation", NORMS),
        word("positional_embeddings", "how positions enter", POSITIONS),
        word("attention_variant", "attention layout", ATTENTION),
        text("attention_window", "which layers attend locally, and how far"),
        word("biases", "where bias terms are", BIASES),
        text("biases_detail", "the same in words"),
        word("block_type", "attention and feed-forward one after the other, or side by side", BLOCKS),
        word("activation", "activation of the feed-forward block; gated ones are swiglu or geglu", ACTIVATIONS),
        text("activation_raw", "the word the configuration uses"),
        flag("gated_mlp", "the feed-forward block has a gate (three matrices)"),
        integer("sequence_length", "context of the main pretraining stage", "tokens", 64, 10_000_000),
        integer("context_final", "longest context trained", "tokens", 64, 10_000_000),
        number("batch_tokens_millions", "pretraining batch", "million tokens", 0.001, 100, nullable=True),
        integer("total_params", "unique parameters, embeddings included, tied once", "parameters", 1e5, MAX_PARAMS),
        integer("non_embedding_params", "the same without embeddings", "parameters", 1e4, MAX_PARAMS),
        integer("official_params", "the count its makers give", "parameters", 1e5, MAX_PARAMS),
        text("official_params_source", "where the makers' count stands"),
        word(
            "params_check",
            "how the rebuilt count compares with the makers'",
            ("exact", "over_1pct_nominal", "within_1pct", "within_1pct_nominal"),
        ),
        date("release_month", "month of release"),
        word("is_base", "an original pretrained base model", ("doubtful", "false", "true")),
        word("base_kind", "how it came to be", BASE_KINDS),
        text("derived_from", "the model it continues or merges", nullable=True),
        text("count_method", "how total_params was counted"),
        text("design_source", "where the design facts stand"),
        word("design_confidence", "confidence in them", ("high", "low", "medium")),
        text("design_notes", "remarks", nullable=True),
    ),
    "Architecture of each language model, rebuilt from its configuration and counted.",
)

PRETRAINING = Table(
    "pretraining",
    RAW / "pretraining.csv",
    ("model_id",),
    (
        text("model_id", "language model"),
        number("tokens_billions", "training tokens seen, repeats too", "billion tokens", 0.001, MAX_TOKENS_BILLIONS),
        number("corpus_tokens_billions", "size of the corpus", "billion tokens", 0.001, MAX_TOKENS_BILLIONS, True),
        *(_share(what) for what in ("web", "code", "books", "reference", "academic", "other")),
        number("pct_english", "share of English in the pretraining tokens", "percent", 0, 100, True),
        text("corpus", "name of the pretraining corpus or mix"),
        text("data_source", "where the data facts stand"),
        word("data_confidence", "confidence in them", ("high", "low", "medium")),
        text("data_notes", "remarks", nullable=True),
    ),
    "Tokens seen and shares of domains in the pretraining data.",
    references=(("model_id", "models"),),
)

CORPORA = Table(
    "corpora",
    RAW / "corpora.csv",
    ("corpus", "component"),
    (
        text("corpus", "pretraining corpus"),
        text("component", "part of it"),
        number("share_pct", "share of the part", "percent", 0, 100),
        word(
            "category",
            "domain the part is counted under",
            ("academic", "books", "code", "other", "reference", "web"),
        ),
        text("source", "where the share stands"),
    ),
    "Components behind the computed shares of open corpora, to re-bin them.",
)

PUBLISHED_DESIGN = Table(
    "published_design",
    RAW / "published_design.csv",
    ("model_id",),
    (
        text("model_id", "language model"),
        number("d_model", "width of the residual stream", "units", 16, 65_536, True),
        number("n_heads", "query heads", "heads", 1, 1024, True),
        number("mlp_ratio", "feed-forward width over model width", "ratio", 0.1, 100, True),
        word("layer_norm_type", "normalisation", NORMS, True),
        word("positional_embeddings", "how positions enter", POSITIONS, True),
        word("attention_variant", "attention layout", PUBLISHED_ATTENTION, True),
        word("biases", "where bias terms are", BIASES, True),
        word("block_type", "sequential or parallel blocks", BLOCKS, True),
        word("activation", "activation of the feed-forward block", PUBLISHED_ACTIVATIONS, True),
        number("sequence_length", "context length", "tokens", 64, 10_000_000, True),
        number("batch_instances", "pretraining batch", "sequences", 1, 1e7, True),
        flag("tied_embeddings", "input and output embedding are one matrix", True),
        number("total_params", "parameters", "parameters", 1e5, MAX_PARAMS),
        number("tokens_billions", "training tokens", "billion tokens", 0.001, MAX_TOKENS_BILLIONS),
        *(_share(what) for what in ("web", "code", "books", "reference", "academic")),
        number("pct_english", "share of English", "percent", 0, 100, True),
    ),
    "The design facts as the study's own database published them (snapshot 2025-03-03), errors included.",
    references=(("model_id", "models"),),
)

CORRECTIONS = Table(
    "corrections",
    RAW / "corrections.csv",
    ("model_id", "field"),
    (
        text("model_id", "language model"),
        text("field", "field of the published database"),
        text("published_value", "what it held"),
        text("corrected_value", "what the verified tables hold; empty = withdrawn", nullable=True),
        word(
            "kind",
            "what sort of change",
            (
                "corpus_size_not_tokens_seen",
                "definition",
                "doubtful",
                "error",
                "label",
                "precision",
                "taxonomy",
                "unsupported",
            ),
        ),
        text("reason", "why"),
        text("source", "on whose authority"),
    ),
    "Every published value that the verified tables change, with the reason.",
    references=(("model_id", "models"),),
)
