"""A part of a benchmark is no score of it; which parts are needed is decided target by target."""

from features.score_selection import Key, complete
from features.targets import read_targets

TARGETS = read_targets()
SUBJECTS = TARGETS["mmlu_5shot"].needed


def mmlu(*subtasks: str) -> list[Key]:
    return [("mmlu", subtask, 5, "accuracy") for subtask in subtasks]


def test_one_subject_is_not_mmlu() -> None:
    kept, left_out = complete(mmlu(SUBJECTS[0]), [], TARGETS)
    assert not kept
    assert "53 more" in left_out[0]


def test_all_subjects_are_and_their_mean_is_not_needed_then() -> None:
    kept, left_out = complete(mmlu(*SUBJECTS, "mmlu"), [], TARGETS)
    assert kept == set(mmlu(*SUBJECTS))
    assert len(left_out) == 1


def test_the_mean_stands_for_all_subjects() -> None:
    kept, left_out = complete(mmlu(SUBJECTS[0], "mmlu"), [], TARGETS)
    assert kept == set(mmlu("mmlu"))
    assert "stands for all" in left_out[0]


def test_recorded_scores_count() -> None:
    assert complete(mmlu(SUBJECTS[0]), mmlu(*SUBJECTS[1:]), TARGETS)[0] == set(mmlu(SUBJECTS[0]))


def test_half_of_lambada_is_left_out_with_its_perplexity() -> None:
    new: list[Key] = [("lambada", "lambada_openai", 0, metric) for metric in ("accuracy", "perplexity")]
    kept, left_out = complete(new, [], TARGETS)
    assert not kept
    assert len(left_out) == 2
    other: list[Key] = [("lambada", "lambada_standard", 0, "accuracy")]
    assert complete(new + other, [], TARGETS)[0] == set(new + other)


def test_mc2_alone_is_the_whole_of_a_target_of_its_own() -> None:
    mc2: Key = ("truthfulqa", "truthfulqa_mc2", 0, "accuracy")
    mc1: Key = ("truthfulqa", "truthfulqa_mc1", 0, "accuracy")
    assert complete([mc2], [], TARGETS) == ({mc2}, [])
    assert not complete([mc1], [], TARGETS)[0]


def test_optional_parts_may_be_absent_and_are_no_score_alone() -> None:
    xnli: list[Key] = [("xnli", subtask, 0, "brier_score") for subtask in TARGETS["xnli_0shot"].needed]
    basque: list[Key] = [("xnli", "xnli_eu", 0, "brier_score")]
    assert complete(xnli, [], TARGETS)[0] == set(xnli)
    assert complete(xnli + basque, [], TARGETS)[0] == set(xnli + basque)
    assert not complete(basque, [], TARGETS)[0]
