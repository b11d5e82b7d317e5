"""Columns of what the laboratory measures: training runs of small models made for this project (`make lab` writes them
to data/lab/collected). Tables share the key of a run: experiment, setting, seed."""

from __future__ import annotations

from features.schema.core import RAW, Column, Table, flag, integer, number, text, word

EXPERIMENTS = ("code_share", "sizes", "grokking", "format", "curriculum", "quanta", "steps")
RUN_KEY = ("experiment", "setting", "seed")


def _run_columns() -> tuple[Column, ...]:
    return (
        word("experiment", "controlled experiment the run belongs to", EXPERIMENTS),
        text("setting", "what this run has differently from the others of its experiment"),
        integer("seed", "fixes initial weights and data order", "", 0, 1e6),
    )


LAB_RUNS = Table(
    "lab_runs",
    RAW / "lab_runs.csv",
    RUN_KEY,
    (
        *_run_columns(),
        integer("parameters", "unique parameters, embeddings included", "parameters", 1e3, 1e12),
        integer("tokens", "tokens trained on", "tokens", 1, 1e14),
        number("code_bits", "length of the scored tokens coded by the model as it learned them", "bits", 0, 1e15),
        number("compression_ratio", "length under a uniform code over code_bits", "", 0, 1e9),
        text("facts", "what a synthetic task's analysis has to know, as one JSON object; {} for text"),
        text("settings", "everything that defines the run, as one JSON object"),
    ),
    "Training runs of the laboratory.",
)

LAB_CURVES = Table(
    "lab_curves",
    RAW / "lab_curves.csv",
    (*RUN_KEY, "step"),
    (
        *_run_columns(),
        integer("step", "optimiser steps done", "steps", 0, 1e8),
        integer("tokens", "tokens trained on by then", "tokens", 0, 1e14),
        number("loss_nats", "training loss of that step's batch", "nats per scored token", 0, 20),
    ),
    "Training loss over the steps of the laboratory's runs, thinned.",
)

LAB_METRICS = Table(
    "lab_metrics",
    RAW / "lab_metrics.csv",
    (*RUN_KEY, "step", "metric"),
    (
        *_run_columns(),
        integer("step", "optimiser steps done", "steps", 0, 1e8),
        integer("tokens", "tokens trained on by then", "tokens", 0, 1e14),
        text("metric", "what is measured: losses of held-out text by source, accuracies, losses of options"),
        number("value", "the measurement", "per metric", -1e6, 1e6),
    ),
    "What was measured of the laboratory's models over training, on examples they were not trained on.",
)

LAB_OPTIONS = Table(
    "lab_options",
    RAW / "lab_options.csv.gz",
    (*RUN_KEY, "step", "source", "item", "option"),
    (
        *_run_columns(),
        integer("step", "optimiser steps done", "steps", 0, 1e8),
        text("source", "source of the held-out text that the item was made from"),
        integer("item", "number of the item within its source", "", 0, 1e6),
        integer("option", "number of the continuation within its item", "", 0, 100),
        flag("is_right", "whether the passage goes on so"),
        number("loss_nats_per_token", "loss of the continuation given the passage", "nats per token", 0, 50),
    ),
    "Losses of right and wrong continuations of held-out passages under the checkpoints of several sizes.",
)

_CHECKPOINT = (
    text("setting", "size of the model, a setting of the experiment `sizes`"),
    integer("seed", "seed of the run", "", 0, 1e6),
    integer("step", "optimiser steps done", "steps", 1, 1e8),
)

LAB_ITEMS = Table(
    "lab_items",
    RAW / "lab_items.csv",
    ("item",),
    (
        integer("item", "number of a token of held-out text", "", 0, 1e8),
        word("domain", "what kind of text it is from", ("code", "language")),
        text("source", "source of the text"),
        integer("text_index", "number of the text", "", 0, 1e8),
        integer("position", "place of the token in its text", "tokens", 0, 1e6),
        text("token", "the token as the tokenizer spells it"),
        text("word", "the word that the token is a part of; empty = it is not of a word", nullable=True),
    ),
    "The tokens of held-out text whose losses are in lab_losses.",
)

CHECKPOINTS = 14  # of each run of `sizes`, params.yaml's lab.schedules

LAB_LOSSES = Table(
    "lab_losses",
    RAW / "lab_losses.csv.gz",
    ("setting", "seed", "item"),
    (
        *_CHECKPOINT[:2],
        integer("item", "number of the token, in lab_items", "", 0, 1e8),
        *(
            number(f"loss_{k:02d}", f"loss at the run's checkpoint {k} (steps: lab_texts)", "nats", 0, 100)
            for k in range(1, CHECKPOINTS + 1)
        ),
    ),
    "Losses of single tokens under the checkpoints of several sizes.",
    (("item", "lab_items"),),
)

LAB_TEXTS = Table(
    "lab_texts",
    RAW / "lab_texts.csv",
    ("setting", "seed", "step", "kind", "text_index"),
    (
        *_CHECKPOINT,
        text("kind", "held-out text, noise, a true or false statement, or what a small model prefers"),
        integer("text_index", "number of the text within its kind", "", 0, 1e8),
        integer("n_tokens", "tokens of the text", "tokens", 1, 1e6),
        number("loss_nats", "mean loss per token", "nats per token", 0, 100),
    ),
    "Mean losses of whole texts of several kinds under the checkpoints of several sizes.",
)
