"""The benchmark files hold the settings that the score table and the study name."""

from pathlib import Path

import pytest
from known_targets import PAPER

from foretell.errors import ConfigError, DataError
from lms.benchmarks import benchmark_of_task, harness_configuration, load_benchmarks, local_folder, score_units
from lms.documents import mathqa_options, truthfulqa_probability_of_truth, winogrande_sentence_beginnings


def test_units_are_the_thirteen_prediction_targets() -> None:
    units = {unit.slug: unit for unit in score_units(list(PAPER))}
    assert set(units) == set(PAPER)
    for slug, target in PAPER.items():
        assert (units[slug].benchmark.name, units[slug].n_shot) == (target.benchmark, target.n_shot)
        assert units[slug].benchmark.metric == target.metric


def test_subtasks() -> None:
    counts = {name: len(benchmark.tasks) for name, benchmark in load_benchmarks().items()}
    assert counts["mmlu"] == 57
    assert counts["xnli"] == 15
    assert counts["anli"] == 3
    assert counts["gsm8k"] == counts["lambada"] == counts["truthfulqa"] == 2
    assert benchmark_of_task()["mmlu_virology"] == "mmlu"


def test_templates_are_filled() -> None:
    mmlu = load_benchmarks()["mmlu"].tasks["mmlu_high_school_biology"]
    assert mmlu["description"].endswith("about high school biology.\n\n")
    assert mmlu["dataset_name"] == "high_school_biology"
    german = load_benchmarks()["xnli"].tasks["xnli_de"]
    assert 'premise+", richtig? Nein, "+hypothesis' in german["doc_to_choice"]
    assert not {"subject", "question", "neutral"} & (set(mmlu) | set(german))


def test_a_word_that_yaml_1_1_takes_for_false_stays_a_word() -> None:
    assert ', correct? Non, "+hypothesis' in load_benchmarks()["xnli"].tasks["xnli_fr"]["doc_to_choice"]
    assert load_benchmarks()["anli"].tasks["anli_r1"]["doc_to_choice"] == ["True", "Neither", "False"]


def test_local_data_replace_the_hub(tmp_path: Path) -> None:
    task = load_benchmarks()["mmlu"].tasks["mmlu_anatomy"]
    folder = local_folder(task, tmp_path)
    assert folder == tmp_path / "mmlu" / "anatomy"
    with pytest.raises(DataError, match=r"anatomy/test\.jsonl"):
        harness_configuration(task, 0, tmp_path)
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text("{}\n")
    zero_shot = harness_configuration(task, 0, tmp_path)
    assert zero_shot["dataset_path"] == "json"
    assert set(zero_shot["dataset_kwargs"]["data_files"]) == {"test"}
    with pytest.raises(DataError, match=r"anatomy/dev\.jsonl"):
        harness_configuration(task, 5, tmp_path)
    assert harness_configuration(task, 5, None)["dataset_path"] == "cais/mmlu"


def test_unknown_benchmark_is_named() -> None:
    with pytest.raises(ConfigError, match="mmlu_7shot"):
        score_units(["mmlu_7shot"])


def test_documents() -> None:
    options = "a ) 38 , b ) 27.675 , c ) 30 , d ) data inadequate , e ) none of these"
    assert mathqa_options({"options": options}) == ["38", "27.675", "30", "data inadequate", "none of these"]
    doc = {"sentence": "It fell because _ was wet.", "option1": "a", "option2": "b"}
    assert winogrande_sentence_beginnings(doc) == ["It fell because a", "It fell because b"]
    # p = 1/4, 1/2, 1/4 after scaling; the first and third are true.
    truth = truthfulqa_probability_of_truth(
        {"mc2_targets": {"labels": [1, 0, 1]}},
        [(-1000.0, False), (-1000.0 + 0.6931471805599453, False), (-1000.0, True)],
    )
    assert truth["acc"] == pytest.approx(0.5)
