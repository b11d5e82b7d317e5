"""Columns of the measured losses that scaling laws are fitted to: finished runs of three public studies, and the
learning curves of one of them. Parameters are counted as each study counts them, so laws are fitted within a study,
never across."""

from __future__ import annotations

from features.schema.core import RAW, Table, integer, number, text, word

STUDIES = ("chinchilla", "olmo-ladder", "overtraining")
VALIDATIONS = ("c4_en", "c4_val", "massivetext", "openlm")
MAX_TOKENS = 1e14

LOSS_POINTS = Table(
    "loss_points",
    RAW / "loss_points.csv",
    ("study", "run", "validation"),
    (
        word("study", "public study the run belongs to", STUDIES),
        text("run", "name of the run within the study"),
        number("params", "parameters as the study counts them", "parameters", 1e6, 1e12),
        number("tokens", "training tokens seen", "tokens", 1e7, MAX_TOKENS),
        number("flops", "training compute, 6 params tokens", "FLOPs", 1e14, 1e27),
        word("corpus", "training corpus", ("c4_original", "massivetext", "olmo-mix", "rpj", "rw_original")),
        word("validation", "validation set the loss is measured on", VALIDATIONS),
        number("loss_nats", "cross-entropy at the end of training", "nats per token", 0.5, 15),
        text("source", "where the values stand, and their licence"),
    ),
    "Final validation losses of language models at many sizes and token counts.",
)

LOSS_CURVES = Table(
    "loss_curves",
    RAW / "loss_curves.csv",
    ("study", "run", "step"),
    (
        word("study", "public study the run belongs to", STUDIES),
        text("run", "name of the run within the study; its final loss is in loss_points"),
        integer("params", "parameters as the study counts them", "parameters", 1e6, 1e12),
        integer("step", "optimiser steps taken", "steps", 1, 1e8),
        number("tokens", "training tokens seen so far", "tokens", 1e6, MAX_TOKENS),
        number("learning_rate", "learning rate at this step", "per step", 1e-9, 1),
        word("validation", "validation set the loss is measured on", VALIDATIONS),
        number("loss_nats", "cross-entropy at this step", "nats per token", 0.5, 15),
        text("source", "where the values stand, and their licence"),
    ),
    "Validation loss over training of the ladder runs.",
)
