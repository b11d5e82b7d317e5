"""From the evaluation harness's results to our score rows. One pure reduction serves both a run of our own and a
results file somebody else made, so that the two cannot disagree about what "accuracy" means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

import pandas as pd

from foretell.errors import DataError
from lms.benchmarks import benchmark_of_task, load_benchmarks
from lms.brier import brier_score

SCORE_COLUMNS = ["model_id", "benchmark", "subtask", "n_shot", "metric", "score", "stderr", "reason"]

# Our metric -> the harness's keys for it, first match wins. GSM8K counts strictly extracted answers only.
_HARNESS_KEYS: dict[str, tuple[str, ...]] = {
    "accuracy": (
        "acc,none",
        "exact_match,strict-match",
        "exact_match,none",
        "pass@1,create_test",
        "acc",
        "exact_match,get-answer",
        "pass@1",
    ),
    "brier_score": ("brier_score,none", "brier_score"),
    "acc_norm": ("acc_norm,none", "acc_norm"),
    "f1": ("f1,none", "f1"),
    "perplexity": ("perplexity,none", "perplexity", "ppl"),
}
# Rows beside a benchmark's own metric, kept because the recorded table holds them too.
SECONDARY = {"arc_challenge": ("acc_norm",), "hellaswag": ("acc_norm",), "lambada": ("perplexity",)}


@dataclass(frozen=True)
class ScoreRow:
    """One score of one language model. `score` is NaN where it could not be made, and `reason` then says why."""

    model_id: str
    benchmark: str
    subtask: str
    n_shot: int
    metric: str
    score: float
    stderr: float
    reason: str = ""


def score_table(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """Rows as a table of SCORE_COLUMNS, sorted by benchmark, n_shot, subtask, metric (equal rows, equal table)."""
    table = pd.DataFrame([asdict(row) for row in rows], columns=SCORE_COLUMNS)
    return table.sort_values(["model_id", "benchmark", "n_shot", "subtask", "metric"], ignore_index=True)


def _log_likelihood(answer: Any) -> float:
    # In memory an option is (log-likelihood, is_greedy); in a samples file it is ["-12.3", "False"], once more nested.
    while isinstance(answer, (list, tuple)):
        answer = answer[0]
    return float(answer)


def _continuations(sample: Mapping[str, Any]) -> list[str]:
    arguments = sample["arguments"]
    if isinstance(arguments, Mapping):
        return [str(arguments[f"gen_args_{i}"]["arg_1"]) for i in range(len(arguments))]
    return [str(argument[1]) for argument in arguments]


def right_option(sample: Mapping[str, Any]) -> int:
    """The index of a multiple-choice sample's right option: its target is that index or the option's own words.

    A number in range is an index (MathQA's options are numbers themselves). Raises DataError if the target is neither.
    """
    target, options = str(sample["target"]).strip(), [option.strip() for option in _continuations(sample)]
    if target.isdecimal() and int(target) < len(options):
        return int(target)
    if options.count(target) == 1:
        return options.index(target)
    raise DataError(f"Sample {sample.get('doc_id')}: target {target!r} is neither an index nor one of {options}.")


def _brier(samples: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    return brier_score(
        [([_log_likelihood(answer) for answer in sample["filtered_resps"]], right_option(sample)) for sample in samples]
    )


def _harness_value(values: Mapping[str, Any], metric: str) -> tuple[float, float] | None:
    if metric == "prompt_instruction_strict_mean":  # IFEval: the mean of both counts; no standard error is stated
        both = [values.get(f"{level}_level_strict_acc,none") for level in ("prompt", "inst")]
        numbers = [float(value) for value in both if _is_number(value)]
        return (sum(numbers) / 2, math.nan) if len(numbers) == 2 else None
    for key in _HARNESS_KEYS[metric]:
        if _is_number(values.get(key)):
            name, _, filtered = key.partition(",")
            stderr = values.get(f"{name}_stderr,{filtered}" if filtered else f"{name}_stderr")
            return float(values[key]), float(stderr) if _is_number(stderr) else math.nan
    return None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def score_of(
    values: Mapping[str, Any], metric: str, samples: Sequence[Mapping[str, Any]] = ()
) -> tuple[float, float, str]:
    """(score, standard error, reason) of one task's metrics; the score is NaN where it could not be made, and the
    reason then says why. A Brier score is made from the task's logged samples where there are any."""
    found = _harness_value(values, metric)
    reason = "" if found else f"the results hold no {metric} for this task"
    if metric == "brier_score" and samples:
        try:
            found, reason = _brier(samples), ""
        except ValueError as error:
            found, reason = None, str(error)
    score, stderr = found or (math.nan, math.nan)
    if found and not math.isfinite(score):
        return math.nan, math.nan, f"the harness returned {score}"
    return score, stderr, reason


def reduce_results(
    model_id: str, results: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[list[ScoreRow], list[str]]:
    """Score rows of a run of our own, and the tasks left out because no benchmark of ours holds them.

    `results` is the harness's dict (`results`: task -> metrics, `n-shot`: task -> examples, `groups`: ignored);
    `samples` maps a task to its logged samples. A benchmark judged by its Brier score takes it from the samples;
    without samples, from a `brier_score` the harness itself made; without either the row is NaN with its reason."""
    rows: list[ScoreRow] = []
    left_out: list[str] = []
    groups = set(results.get("groups") or {}) | {
        group for group, members in (results.get("group_subtasks") or {}).items() if members
    }
    for task, values in sorted(results["results"].items()):
        if task in groups:
            continue
        benchmark_name = benchmark_of_task().get(task)
        if benchmark_name is None:
            left_out.append(task)
            continue
        n_shot = int((results.get("n-shot") or {}).get(task, (values or {}).get("n_shot", -1)))
        if n_shot not in load_benchmarks()[benchmark_name].n_shots:
            left_out.append(f"{task} ({n_shot}-shot)")
            continue
        metric = load_benchmarks()[benchmark_name].metric
        for wanted in (metric, *SECONDARY.get(benchmark_name, ())):
            score, stderr, reason = score_of(values, wanted, samples.get(task, ()))
            if wanted == metric or not reason:
                rows.append(ScoreRow(model_id, benchmark_name, task, n_shot, wanted, score, stderr, reason))
    return rows, left_out
