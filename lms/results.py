"""From the evaluation harness's results to our score rows. One pure reduction serves both a run of our own and a
results file somebody else made, so that the two cannot disagree about what "accuracy" means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
        "pass@1,create_test",
        "acc",
        "exact_match,get-answer",
        "pass@1",
    ),
    "brier_score": ("brier_score,none", "brier_score"),
    "acc_norm": ("acc_norm,none", "acc_norm"),
    "perplexity": ("perplexity,none", "perplexity"),
}
# Rows beside a benchmark's own metric, kept because the recorded table holds them too.
_SECONDARY = {"arc_challenge": ("acc_norm",), "hellaswag": ("acc_norm",), "lambada": ("perplexity",)}


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
    for key in _HARNESS_KEYS[metric]:
        if key in values and isinstance(values[key], (int, float)):
            name, _, filtered = key.partition(",")
            stderr = values.get(f"{name}_stderr,{filtered}" if filtered else f"{name}_stderr")
            return float(values[key]), float(stderr) if isinstance(stderr, (int, float)) else math.nan
    return None


def reduce_results(
    model_id: str, results: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[list[ScoreRow], list[str]]:
    """Score rows of a harness result, and the tasks left out because no benchmark of ours holds them.

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
        for wanted in (metric, *_SECONDARY.get(benchmark_name, ())):
            score_and_stderr = _harness_value(values, wanted)
            reason = "" if score_and_stderr else f"the results hold no {wanted} for this task"
            if wanted == "brier_score" and samples.get(task):
                try:
                    score_and_stderr, reason = _brier(samples[task]), ""
                except ValueError as error:
                    score_and_stderr, reason = None, str(error)
            if score_and_stderr is None and wanted != metric:
                continue
            score, stderr = score_and_stderr or (math.nan, math.nan)
            if score_and_stderr and not math.isfinite(score):
                score, stderr, reason = math.nan, math.nan, f"the harness returned {score_and_stderr[0]}"
            rows.append(ScoreRow(model_id, benchmark_name, task, n_shot, wanted, score, stderr, reason))
    return rows, left_out


@dataclass(frozen=True)
class HarnessImport:
    """What a results file held: the rows, the tasks left out, and the lineage the file states ("" where it does
    not)."""

    rows: list[ScoreRow]
    left_out: list[str]
    model_id: str
    harness_version: str
    revision: str
    dtype: str
    backend: str


def _model_arguments(config: Mapping[str, Any]) -> dict[str, str]:
    stated = config.get("model_args") or {}
    if isinstance(stated, str):
        stated = dict(pair.split("=", 1) for pair in stated.split(",") if "=" in pair)
    return {str(key): str(value) for key, value in stated.items()}


def _samples_beside(path: Path, tasks: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    # The harness writes results_<date>.json and, with --log_samples, samples_<task>_<same date>.jsonl.
    date = path.stem.removeprefix("results_")
    samples = {}
    for task in tasks:
        file = path.with_name(f"samples_{task}_{date}.jsonl")
        if file.is_file():
            samples[task] = [json.loads(line) for line in file.read_bytes().splitlines() if line]
    return samples


def read_harness_results(path: Path, model_id: str | None = None) -> HarnessImport:
    """Score rows from a results file of the evaluation harness (0.4 or later) and the sample files beside it.

    `model_id` overrides the model the file names. Raises DataError if the file is not JSON, has no results, names no
    model, or if none of its tasks belongs to a benchmark.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error}).") from error
    if not isinstance(results, dict) or not isinstance(results.get("results"), dict):
        raise DataError(f"{path}: no object `results`; expected a results file of lm-evaluation-harness 0.4 or later.")
    config = results.get("config") or {}
    arguments = _model_arguments(config)
    name = model_id or results.get("model_name") or arguments.get("pretrained") or ""
    if not name:
        raise DataError(f"{path}: the file names no model; give its id yourself.")
    rows, left_out = reduce_results(name, results, _samples_beside(path, results["results"]))
    if not rows:
        raise DataError(f"{path}: none of its tasks {left_out} is scored here with that number of examples.")
    return HarnessImport(
        rows=rows,
        left_out=left_out,
        model_id=name,
        harness_version=str(results.get("lm_eval_version") or ""),
        revision=str(config.get("model_sha") or arguments.get("revision") or ""),
        dtype=str(config.get("model_dtype") or arguments.get("dtype") or "").removeprefix("torch."),
        backend=str(results.get("model_source") or config.get("model") or ""),
    )
