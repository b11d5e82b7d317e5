"""Columns of the tables about training itself: scores and item losses over checkpoints, and domain losses of small
proxies trained on many mixtures of the Pile's domains."""

from __future__ import annotations

from features.schema.core import RAW, Table, integer, number, text, word

MIXTURE_DOMAIN_NAMES = (
    "arxiv",
    "freelaw",
    "nih_exporter",
    "pubmed_central",
    "wikipedia_en",
    "dm_mathematics",
    "github",
    "philpapers",
    "stackexchange",
    "enron_emails",
    "gutenberg_pg_19",
    "pile_cc",
    "ubuntu_irc",
    "europarl",
    "hackernews",
    "pubmed_abstracts",
    "uspto_backgrounds",
)
# The study measures no loss on four of the seventeen domains it mixes.
MIXTURE_LOSS_NAMES = tuple(
    name for name in MIXTURE_DOMAIN_NAMES if name not in ("nih_exporter", "philpapers", "enron_emails", "europarl")
)

CHECKPOINT_SCORES = Table(
    "checkpoint_scores",
    RAW / "checkpoint_scores.csv",
    ("model", "step", "benchmark", "n_shot", "metric"),
    (
        word("suite", "models trained on one corpus by one recipe", ("opt", "pythia")),
        text("model", "language model of the suite"),
        integer("total_params", "parameters, as the source counts them", "parameters", 1e5, 2e12),
        integer("step", "optimiser step of the checkpoint", "steps", 0, 1e8),
        integer("tokens", "training tokens seen by then", "tokens", 0, 1e14),
        text("benchmark", "task, or `validation` for the loss on the suite's held-out pretraining text"),
        integer("n_shot", "worked examples in the prompt", "examples", 0, 100),
        word("metric", "what is measured", ("accuracy", "perplexity")),
        number("score", "the result: accuracy 0-1, perplexity at least 1", "per metric", 0, 1e12),
        number("score_stderr", "standard error over items; empty = not published", "per metric", 0, 1e12, True),
        text("source", "where the result stands, and its licence"),
    ),
    "Benchmark results of the OPT and Pythia models over their training checkpoints.",
)

ITEM_LOSSES = Table(
    "item_losses",
    RAW / "item_losses.csv.gz",
    ("model", "step", "benchmark", "item"),
    (
        text("model", "language model, named width x depth"),
        integer("d_model", "width of the residual stream", "units", 16, 65_536),
        integer("n_layers", "transformer blocks", "blocks", 1, 500),
        integer("step", "optimiser step of the checkpoint", "steps", 1, 1e8),
        integer("tokens", "training tokens seen by then (2048 sequences of 2048 a step)", "tokens", 1, 1e14),
        word("benchmark", "benchmark of the item", ("hellaswag", "mmlu")),
        integer("item", "number of the item in its benchmark", "number", 0, 1e7),
        number("loss_nats", "loss of the right answer given the question, as the study recorded it", "nats", 0, 1e3),
        text("source", "where the loss stands, and its licence"),
    ),
    "Loss of the right answer, item by item, over 34 checkpoints of five Gemstone models (gzip-compressed CSV).",
)

MIXTURE_LOSSES = Table(
    "mixture_losses",
    RAW / "mixture_losses.csv",
    ("split", "proxy_params", "mixture_id"),
    (
        word("split", "fitted on, held out, or other mixtures of large proxies", ("large", "test", "train")),
        integer("proxy_params", "parameters of the proxy model trained on the mixture", "parameters", 1e4, 1e12),
        integer("mixture_id", "number of the mixture within its split, the same at every size", "number", 1, 1e6),
        *(number(f"weight_{name}", f"share of {name} in training", "fraction", 0, 1) for name in MIXTURE_DOMAIN_NAMES),
        *(number(f"loss_nats_{name}", f"validation loss on {name}", "nats", 0, 100) for name in MIXTURE_LOSS_NAMES),
        text("source", "where the losses stand, and their licence"),
    ),
    "Domain losses of proxies trained on random mixtures; weights are rounded, so a row sums to 0.996-1.003.",
)

MIXTURE_DOMAINS = Table(
    "mixture_domains",
    RAW / "mixture_domains.csv",
    ("domain",),
    (
        word("domain", "domain of the mixtures", tuple(sorted(MIXTURE_DOMAIN_NAMES))),
        number("natural_pct", "share in the Pile as published (22 domains, 17 of them here)", "percent", 0, 100),
        number("raw_size_gib", "text of the domain before any repetition", "GiB", 0, 1e6),
        text("source", "where the facts stand"),
    ),
    "The Pile's own weights and sizes for the domains that the mixtures mix.",
)
