"""Results files of several versions of the harness, small and made up, in the shapes that the real ones have."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from features.targets import read_targets
from foretell.errors import DataError
from lms.harness_settings import objections, short_of_items
from lms.results_file import ResultsFile, read_results_file

HARNESS_04: dict[str, Any] = {
    "results": {
        "winogrande": {"alias": "winogrande", "acc,none": 0.7, "acc_stderr,none": 0.01},
        "piqa": {"acc,none": 0.8},
    },
    "n-shot": {"winogrande": 5, "piqa": 0},
    "n-samples": {"winogrande": {"original": 1267, "effective": 1267}},
    "config": {
        "model": "hf",
        "model_args": "pretrained=org/name,dtype=bfloat16",
        "model_dtype": "torch.bfloat16",
        "model_revision": "main",
        "model_sha": "a" * 40,
        "limit": None,
    },
    "date": 1768964383.0,
    "lm_eval_version": "0.4.9",
    "chat_template": None,
    "chat_template_sha": None,
    "fewshot_as_multiturn": False,
    "system_instruction": None,
}


def read(tmp_path: Path, document: Any, **options: str) -> ResultsFile:
    path = tmp_path / "results_2026-01-02.json"
    path.write_text(json.dumps(document))
    return read_results_file(path, read_targets(), **options)


def scores(file: ResultsFile) -> dict[tuple[str, int, str], float]:
    return {(row.subtask, row.n_shot, row.metric): row.score for row in file.rows}


def test_harness_04(tmp_path: Path) -> None:
    file = read(tmp_path, HARNESS_04)
    assert scores(file) == {("winogrande", 5, "accuracy"): 0.7}
    assert file.left_out == ["piqa: no target averages it"]
    assert file.objections == []
    assert (file.stated_model, file.revision, file.precision) == ("org/name", "a" * 40, "bfloat16")
    assert (file.harness_version, file.backend, file.date) == ("0.4.9", "hf", "2026-01-21")


def test_harness_03(tmp_path: Path) -> None:
    results = {
        "hendrycksTest-anatomy": {"acc": 0.3, "acc_norm": 0.31, "acc_stderr": 0.04},
        "truthfulqa_mc": {"mc1": 0.2, "mc1_stderr": 0.01, "mc2": 0.4, "mc2_stderr": 0.02},
    }
    config = {"model": "hf-causal", "model_args": "pretrained=org/name", "num_fewshot": 0, "limit": None}
    file = read(tmp_path, {"results": results, "versions": {}, "config": config})
    assert scores(file) == {
        ("mmlu_anatomy", 0, "accuracy"): 0.3,
        ("truthfulqa_mc1", 0, "accuracy"): 0.2,
        ("truthfulqa_mc2", 0, "accuracy"): 0.4,
    }


def test_the_first_leaderboards_names(tmp_path: Path) -> None:
    results = {
        "harness|arc:challenge|25": {"acc": 0.5, "acc_norm": 0.55},
        "harness|truthfulqa:mc|0": {"mc1": 0.2, "mc2": 0.4},
        "harness|hendrycksTest-anatomy|5": {"acc": 0.3},
    }
    file = read(tmp_path, {"config_general": {"model_name": "org/name", "model_dtype": "float16"}, "results": results})
    assert scores(file)["arc_challenge", 25, "acc_norm"] == 0.55
    assert scores(file)["truthfulqa_mc2", 0, "accuracy"] == 0.4
    assert scores(file)["mmlu_anatomy", 5, "accuracy"] == 0.3
    assert (file.stated_model, file.precision) == ("org/name", "float16")


def test_groups_take_the_number_of_examples_of_their_members(tmp_path: Path) -> None:
    document = {
        "results": {
            "mmlu": {"acc,none": 0.5},
            "leaderboard_bbh": {"acc_norm,none": 0.4, "alias": " - leaderboard_bbh"},
            "leaderboard_ifeval": {"prompt_level_strict_acc,none": 0.2, "inst_level_strict_acc,none": 0.4},
            "leaderboard_math_hard": {"exact_match,none": 0.1},
        },
        "group_subtasks": {
            "mmlu": ["mmlu_stem"],
            "mmlu_stem": ["mmlu_anatomy"],
            "leaderboard_bbh": ["leaderboard_bbh_navigate"],
        },
        "n-shot": {"mmlu": 0, "mmlu_anatomy": 5, "leaderboard_bbh_navigate": 3, "leaderboard_ifeval": 0},
        "configs": {"leaderboard_math_hard": {"num_fewshot": 4}},
        "model_name": "org/name",
    }
    assert scores(read(tmp_path, document)) == {
        ("mmlu", 5, "accuracy"): 0.5,
        ("leaderboard_bbh", 3, "acc_norm"): 0.4,
        ("leaderboard_ifeval", 0, "prompt_instruction_strict_mean"): pytest.approx(0.3),
        ("leaderboard_math_hard", 4, "accuracy"): 0.1,
    }


def test_what_is_uncertain_is_left_out_by_name(tmp_path: Path) -> None:
    document = {
        "results": {
            "winogrande": {"acc,none": 0.7},
            "mmlu": {"acc,none": 0.5},
            "drop": None,
            "hellaswag": {"acc,none": None, "acc_norm,none": 0.5},
            "my/tasks/gsm8k": {"acc": 0.1},
            "arc_challenge": {"acc,none": 0.4},
        },
        "n-shot": {"winogrande": 5, "mmlu": None, "drop": 3, "hellaswag": 10, "arc_challenge": 0},
        "model_name": "org/name",
    }
    file = read(tmp_path, document)
    assert file.left_out == [
        "arc_challenge: 0-shot; targets average it 25-shot",
        "drop: the file holds no values for it",
        "mmlu: the file does not say with how many examples",
        "my/tasks/gsm8k: no target averages it",
    ]
    found = scores(file)
    assert math.isnan(found["hellaswag", 10, "accuracy"])
    assert found["hellaswag", 10, "acc_norm"] == 0.5


def test_a_brier_score_comes_from_the_samples_beside_the_file(tmp_path: Path) -> None:
    sample = {
        "doc_id": 0,
        "target": "1",
        "arguments": {f"gen_args_{i}": {"arg_0": "c", "arg_1": option} for i, option in enumerate(("a", "b"))},
        "filtered_resps": [[str(math.log(0.5)), "False"], [str(math.log(0.5)), "True"]],
    }
    (tmp_path / "samples_anli_r1_2026-01-02.jsonl").write_text(json.dumps(sample) + "\n")
    document = {"results": {"anli_r1": {"acc,none": 0.5}}, "n-shot": {"anli_r1": 0}, "model_name": "org/name"}
    assert scores(read(tmp_path, document)) == {("anli_r1", 0, "brier_score"): pytest.approx(0.5)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": {"limit": 100}}, "limit=100"),
        ({"config": {"model_args": "pretrained=org/name,revision=step1000"}}, "--finished-revision step1000"),
        ({"config": {"model_args": "pretrained=org/name,peft=me/adapter"}}, "adapter"),
        ({"config": {"model_args": {"pretrained": "org/name", "load_in_4bit": True}}}, "quantized"),
        ({"config": {"model_args": "pretrained=org/name,autogptq=True"}}, "quantized"),
        ({"chat_template": "{{ messages }}", "chat_template_sha": "ab12"}, "chat"),
        ({"config": {"apply_chat_template": True}}, "chat"),
        ({"system_instruction": "Be brief."}, "system prompt"),
        ({"fewshot_as_multiturn": True}, "turns"),
    ],
)
def test_settings_that_stand_against_every_score(change: dict[str, Any], words: str) -> None:
    (reason,) = objections({**HARNESS_04, **change})
    assert words in reason


def test_settings_that_are_off_or_explained() -> None:
    loaded = "pretrained=org/name,load_in_8bit=False,peft=None,revision=step9"
    document = {**HARNESS_04, "config": {"model_args": loaded, "limit": None}}
    assert objections(document, "step9") == []


def test_part_of_the_items(tmp_path: Path) -> None:
    short = {**HARNESS_04, "n-samples": {"winogrande": {"original": 1267, "effective": 100}}}
    assert "100 of 1267" in short_of_items(short, "winogrande")
    with pytest.raises(DataError, match="100 of 1267"):
        read(tmp_path, short)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "not a readable JSON"),
        ("[]", "no object `results`"),
        ('{"results": {}}', "is empty"),
        ('{"results": {"piqa": {}}}', "names no model"),
        ('{"results": {"piqa": {}}, "model_name": "a/b"}', "none of its tasks"),
    ],
)
def test_files_that_are_not_results(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_results_file(path, read_targets())
