"""Columns of the measured scores, and the bounds of every metric."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Benchmark:
    """One prediction target: the rows of the score table that it averages, and how to read its score.
    `lower_is_better` holds for Brier scores (0-2); accuracies are 0-1, higher is better."""

    slug: str
    title: str
    benchmark: str
    n_shot: int
    metric: str

    @property
    def lower_is_better(self) -> bool:
        """True for Brier scores."""
        return self.metric == "brier_score"


BENCHMARKS: dict[str, Benchmark] = {
    b.slug: b
    for b in (
        Benchmark("arc_challenge_25shot", "ARC-Challenge (25-shot)", "arc_challenge", 25, "accuracy"),
        Benchmark("gsm8k_5shot", "GSM8K (5-shot)", "gsm8k", 5, "accuracy"),
        Benchmark("hellaswag_10shot", "HellaSwag (10-shot)", "hellaswag", 10, "accuracy"),
        Benchmark("humaneval_0shot", "HumanEval (0-shot)", "humaneval", 0, "accuracy"),
        Benchmark("lambada_0shot", "LAMBADA (0-shot)", "lambada", 0, "accuracy"),
        Benchmark("mmlu_0shot", "MMLU (0-shot)", "mmlu", 0, "accuracy"),
        Benchmark("mmlu_5shot", "MMLU (5-shot)", "mmlu", 5, "accuracy"),
        Benchmark("truthfulqa_0shot", "TruthfulQA (0-shot)", "truthfulqa", 0, "accuracy"),
        Benchmark("winogrande_5shot", "Winogrande (5-shot)", "winogrande", 5, "accuracy"),
        Benchmark("anli_0shot", "ANLI (0-shot, Brier)", "anli", 0, "brier_score"),
        Benchmark("logiqa2_0shot", "LogiQA2 (0-shot, Brier)", "logiqa2", 0, "brier_score"),
        Benchmark("mathqa_0shot", "MathQA (0-shot, Brier)", "mathqa", 0, "brier_score"),
        Benchmark("xnli_0shot", "XNLI (0-shot, Brier)", "xnli", 0, "brier_score"),
    )
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
