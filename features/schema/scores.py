"""Columns of the measured scores, and the bounds of every metric."""

from __future__ import annotations

from features.schema.core import RAW, Table, date, integer, number, text, word

SCORE_BOUNDS: dict[str, tuple[float, float]] = {
    "acc_norm": (0.0, 1.0),
    "accuracy": (0.0, 1.0),
    "brier_score": (0.0, 2.0),
    "f1": (0.0, 1.0),
    "perplexity": (1.0, 1e12),
    "prompt_instruction_strict_mean": (0.0, 1.0),
}
METRICS = tuple(SCORE_BOUNDS)
METRIC_WORDS = {
    "acc_norm": "normalised accuracy",
    "accuracy": "accuracy",
    "brier_score": "Brier score",
    "f1": "F1",
    "perplexity": "perplexity",
    "prompt_instruction_strict_mean": "strict accuracy",
}


SCORES = Table(
    "scores",
    RAW / "scores.csv",
    ("model_id", "benchmark", "subtask", "n_shot", "metric"),
    (
        text("model_id", "language model"),
        text("benchmark", "benchmark, as in the subtasks table"),
        text("subtask", "part of the benchmark (subject, language, round, version), as in the subtasks table"),
        integer("n_shot", "worked examples in the prompt", "examples", 0, 100),
        word("metric", "what is measured", METRICS),
        number("score", "the result; empty = listed but not measured", "per metric", 0, 1e12, nullable=True),
        number("stderr", "standard error over items", "per metric", 0, 1e12, nullable=True),
        text("source", "who measured it, and the licence; empty = the study's own results", nullable=True),
        date("date", "when it was measured", nullable=True),
        text("precision", "number format of the weights when it was measured", nullable=True),
        text("model_revision", "commit of the weights that were measured", nullable=True),
    ),
    "Benchmark results per subtask, 6 significant digits.",
    references=(("model_id", "models"),),
)
