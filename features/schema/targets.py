"""What is predicted, as data: the targets, the subtasks of every benchmark, other people's measurements of the same
things (witnesses), and the recorded scores that are not believed (doubts). A new target is a row and its scores."""

from __future__ import annotations

from features.schema.core import RAW, Table, date, flag, integer, number, text, word
from features.schema.scores import METRICS

GROUPS = ("paper", "leaderboard_v1", "leaderboard_v2", "more")
ROLES = ("part", "optional", "whole")
DECISIONS = ("leave_out", "use_witness")

TARGETS = Table(
    "targets",
    RAW / "targets.csv",
    ("slug",),
    (
        text("slug", "name of the target in files, runs and params.yaml: lower-case letters, digits, dashes, dots"),
        text("title", "name of the target on pages and in figures; says what is unusual about its metric"),
        word("group", "targets that are asked for together", GROUPS),
        text("benchmark", "benchmark whose scores it averages, as in the scores and subtasks tables"),
        text("subtasks", "the subtasks it averages, separated by ';'; empty = all of the benchmark", nullable=True),
        integer("n_shot", "worked examples in the prompt", "examples", 0, 100),
        word("metric", "which measurement of the subtasks", METRICS),
        flag("lower_is_better", "true for errors, false for accuracies"),
        number("chance", "score of guessing: uniform over the options; 0 where an answer is written", "score", 0, 2),
        number("low", "lowest possible score", "score", 0, 2),
        number("high", "highest possible score", "score", 0, 2),
        word("views", "the views of the facts that it exists in", ("both", "verified")),
        text("source", "where definition and chance level stand"),
    ),
    "What foretell predicts: one row per target.",
    versioned_by="git",
)

SUBTASKS = Table(
    "subtasks",
    RAW / "subtasks.csv",
    ("benchmark", "subtask"),
    (
        text("benchmark", "benchmark"),
        text("subtask", "part of it (subject, language, round, version), named as in the scores table"),
        word(
            "role",
            "part: a target counts only with it; optional: may be absent; whole: one score that stands for all parts",
            ROLES,
        ),
        text("meaning", "why it may be absent, or what it stands for", nullable=True),
    ),
    "The parts of every benchmark whose scores are recorded, and which of them a target can do without.",
    versioned_by="git",
)

WITNESSES = Table(
    "witnesses",
    RAW / "witnesses.csv",
    ("model_id", "benchmark", "subtask", "n_shot", "metric", "source"),
    (
        text("model_id", "language model"),
        text("benchmark", "benchmark"),
        text("subtask", "part of it; `mean` for the benchmark as a whole"),
        integer("n_shot", "worked examples in the prompt", "examples", 0, 100),
        word("metric", "what is measured", METRICS),
        number("score", "the result", "per metric", 0, 1e12),
        flag("same_setting", "measured with the harness, prompt and metric of the recorded scores"),
        text("source", "who measured it, and its licence"),
        date("date", "when it was measured or published", nullable=True),
        text("note", "how its setting differs, and other remarks", nullable=True),
    ),
    "Second measurements of scores: what a recorded score is held against. They are not predicted.",
    references=(("model_id", "models"),),
)

DOUBTS = Table(
    "doubts",
    RAW / "doubts.csv",
    ("model_id", "target", "subtask"),
    (
        text("model_id", "language model"),
        text("target", "slug of the target"),
        text("subtask", "the part in doubt; `all` for the target as a whole"),
        number("recorded", "the recorded score, averaged as the target averages it", "score", 0, 2),
        number("witness", "what somebody else measured; empty = nobody", "score", 0, 2, nullable=True),
        word("decision", "leave the score out, or use the witness's (same settings only)", DECISIONS),
        text("reason", "why the run and not the model failed"),
        text("source", "on whose authority"),
    ),
    "Recorded scores that are failures of a run and not of a model; applied in the view `verified` only.",
    references=(("model_id", "models"), ("target", "targets")),
)
