"""Reducing harness results to score rows, from memory and from the files the harness writes."""

import math
from typing import Any

import pytest

from foretell.errors import DataError
from lms.results import reduce_results, right_option


def _sample(target: Any, log_likelihoods: list[float], options: list[str]) -> dict[str, Any]:
    return {
        "doc_id": 0,
        "target": target,
        "arguments": [("context", f" {option}") for option in options],
        "filtered_resps": [(value, False) for value in log_likelihoods],
    }


ANLI = [
    _sample("Neither", [math.log(0.5), math.log(0.25), math.log(0.25)], ["True", "Neither", "False"]),
    _sample("True", [math.log(0.5), math.log(0.25), math.log(0.25)], ["True", "Neither", "False"]),
]
# (0.25 + 0.5625 + 0.0625 + 0.25 + 0.0625 + 0.0625) / 2
ANLI_BRIER = 0.625
RESULTS: dict[str, Any] = {
    "results": {
        "anli_r1": {"alias": "anli_r1", "acc,none": 0.5, "acc_stderr,none": 0.5},
        "hellaswag": {"acc,none": 0.4, "acc_stderr,none": 0.01, "acc_norm,none": 0.5, "acc_norm_stderr,none": 0.02},
        "gsm8k": {
            "exact_match,strict-match": 0.1,
            "exact_match,flexible-extract": 0.3,
            "exact_match_stderr,strict-match": "N/A",
        },
        "mmlu": {"acc,none": 0.3},
        "mmlu_anatomy": {"acc,none": 0.31, "acc_stderr,none": 0.03},
        "piqa": {"acc,none": 0.7},
        "winogrande": {"acc,none": 0.6},
    },
    "groups": {"mmlu": {"acc,none": 0.3}},
    "n-shot": {"anli_r1": 0, "hellaswag": 10, "gsm8k": 5, "mmlu_anatomy": 5, "piqa": 0, "winogrande": 0},
    "config": {
        "model": "hf",
        "model_args": "pretrained=org/name,revision=abc,dtype=bfloat16",
        "model_dtype": "torch.bfloat16",
    },
    "lm_eval_version": "0.4.13",
}


def test_rows() -> None:
    rows, left_out = reduce_results("org/name", RESULTS, {"anli_r1": ANLI})
    found = {(row.subtask, row.n_shot, row.metric): (row.score, row.stderr) for row in rows}
    assert found[("anli_r1", 0, "brier_score")][0] == pytest.approx(ANLI_BRIER)
    assert found[("hellaswag", 10, "accuracy")] == (0.4, 0.01)
    assert found[("hellaswag", 10, "acc_norm")] == (0.5, 0.02)
    assert found[("gsm8k", 5, "accuracy")][0] == 0.1
    assert math.isnan(found[("gsm8k", 5, "accuracy")][1])
    assert found[("mmlu_anatomy", 5, "accuracy")] == (0.31, 0.03)
    assert len(found) == 5
    assert left_out == ["piqa", "winogrande (0-shot)"]


def test_a_brier_benchmark_without_samples_has_no_score_and_a_reason() -> None:
    rows, _ = reduce_results("org/name", RESULTS, {})
    (row,) = [row for row in rows if row.benchmark == "anli"]
    assert math.isnan(row.score)
    assert "brier_score" in row.reason


def test_a_broken_log_likelihood_is_a_reason_not_a_number() -> None:
    broken = [_sample("True", [math.nan, -1.0, -1.0], ["True", "Neither", "False"])]
    rows, _ = reduce_results("org/name", RESULTS, {"anli_r1": broken})
    (row,) = [row for row in rows if row.benchmark == "anli"]
    assert math.isnan(row.score)
    assert "log-likelihoods" in row.reason


def test_right_option() -> None:
    assert right_option(_sample("False", [], ["True", "Neither", "False"])) == 2
    assert right_option(_sample(1, [], ["x", "y"])) == 1
    assert right_option(_sample("1", [], ["1", "0"])) == 1  # an index, though an option is called "1"
    with pytest.raises(DataError, match="neither an index"):
        right_option(_sample("Perhaps", [], ["True", "False"]))
