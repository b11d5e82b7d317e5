"""Items from a file, from held-out text and from the harness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foretell.errors import ConfigError, DataError
from lms.benchmarks import score_units
from lms.measure.harness_items import harness_items
from lms.measure.items import Item, Option, by_benchmark, items_sha256, read_items
from lms.measure.passages import passage_items
from lms.measure.scoring import option_losses
from lms.measure.settings import PassageSettings
from lms.record import Record
from lms.score import score_unit
from lms.settings import ScoreSettings
from lms.weights import load_model


def _file(folder: Path, *lines: object) -> Path:
    path = folder / "capitals.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


GOOD = {"prompt": "Where?", "options": [" here", " there"], "answer": 1}


def test_own_items(tmp_path: Path) -> None:
    path = _file(
        tmp_path, GOOD, "", GOOD | {"id": "x", "answer": " here"},
        GOOD | {"options": ["a", "b", "c"], "answer": ["a", 2]}, {"prompt": "1 + 1 =", "solution": " 2"},
    )  # fmt: skip
    items = read_items(path)
    assert [item.item for item in items] == ["1", "x", "4", "5"]
    assert {(item.benchmark, item.task) for item in items} == {("capitals", "capitals")}
    assert [[option.is_right for option in item.options] for item in items] == [
        [False, True], [True, False], [True, False, True], [True],
    ]  # fmt: skip
    assert items[3] == Item("capitals", "capitals", "5", "solution", (Option("1 + 1 =", " 2", True),))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ([1], "line 2: expected an object"),
        ({"prompt": "a", "options": [" b"]}, "line 2: expected an object"),
        (GOOD | {"solution": "x"}, "line 2: expected an object"),
        (GOOD | {"prompt": 3}, "line 2: expected the prompt as text"),
        (GOOD | {"options": [" here", ""]}, "line 2: expected options"),
        (GOOD | {"options": [" a", " a"]}, "line 2: an option is there twice"),
        (GOOD | {"answer": 2}, "line 2: answer 2 is neither"),
        (GOOD | {"answer": True}, "line 2: answer True is neither"),
        (GOOD | {"answer": [0, 1]}, "line 2: 2 of 2 options are right"),
        (GOOD | {"answer": []}, "line 2: 0 of 2 options are right"),
        ({"prompt": "a", "solution": ""}, "line 2: expected solution"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    path = _file(tmp_path, GOOD, line)
    with pytest.raises(DataError, match=message) as error:
        read_items(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_files_without_items_and_items_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not readable"):
        read_items(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no items"):
        read_items(_file(tmp_path))
    with pytest.raises(DataError, match=r"'1' of capitals .* twice"):
        by_benchmark(read_items(_file(tmp_path, GOOD, GOOD | {"id": "1"})))


SETTINGS = PassageSettings(items_per_source=12, n_options=4, prompt_tokens=5, option_tokens=3, seed=0)
TEXTS = [list(range(start, start + 100)) for start in (0, 1000, 2000)]


def test_passages_continue_where_they_stood() -> None:
    """The text counts upwards, so that a right continuation follows its prompt and a wrong one does not."""
    items = passage_items("books", TEXTS, SETTINGS)
    assert len(items) == 12
    assert len({item.options[0].prompt for item in items}) == 12
    for item in items:
        assert item.benchmark == "books"
        assert len(item.options) == len({option.text for option in item.options}) == 4
        (prompt,) = {option.prompt for option in item.options}
        assert len(prompt) == 5
        for option in item.options:
            whole = np.array([*prompt, *option.text])
            assert len(option.text) == 3
            assert bool((np.diff(whole) == 1).all()) == option.is_right
    places = [[option.is_right for option in item.options].index(True) for item in items]
    assert len(set(places)) > 1


def test_passages_are_fixed_by_seed_source_and_text() -> None:
    items = passage_items("books", TEXTS, SETTINGS)
    assert passage_items("books", [np.array(text) for text in TEXTS], SETTINGS) == items
    assert passage_items("code", TEXTS, SETTINGS)[0].options != items[0].options
    other = PassageSettings(items_per_source=12, n_options=4, prompt_tokens=5, option_tokens=3, seed=1)
    assert items_sha256(passage_items("books", TEXTS, other)) != items_sha256(items)


def test_too_little_text_for_passages_is_said() -> None:
    with pytest.raises(DataError, match=r"source 'books': 1 held-out windows of 8 tokens, 12 are needed"):
        passage_items("books", [list(range(15))], SETTINGS)
    with pytest.raises(DataError, match="1 different continuations for 4 options"):
        passage_items("books", [[7] * 400], SETTINGS)
    with pytest.raises(ConfigError, match="n_options"):
        PassageSettings(items_per_source=1, n_options=1, prompt_tokens=5, option_tokens=3, seed=0)


def _log_likelihoods(record: Record, data: Path, slug: str) -> None:
    """Losses, right options and numbers of options are those that `lms.score` records of the same benchmark."""
    (unit,) = score_units([slug])
    loaded = load_model(record, "cpu")
    settings = ScoreSettings(benchmarks=[slug], data_folder=str(data), batch_size=8)
    scored = {(item["task"], str(item["doc_id"])): item for item in score_unit(loaded, record, unit, settings).items}
    items = harness_items(unit, data)
    assert {(item.task, item.item) for item in items} == set(scored)
    losses = option_losses(loaded, items, 3).set_index(["task", "item"])
    for item in items:
        rows, expected = losses.loc[[(item.task, item.item)]], scored[item.task, item.item]
        np.testing.assert_allclose(rows.loss_nats, -np.array(expected["log_likelihoods"]), rtol=1e-4)
        assert rows.is_greedy.tolist() == expected["greedy"]
        right = [index for index, option in enumerate(item.options) if option.is_right]
        if item.task == "truthfulqa_mc2":
            assert right == [0, 1]
        elif item.kind == "choice":
            assert right == [expected["right"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "slug",
    [
        "arc_challenge_25shot",
        "hellaswag_10shot",
        "lambada_0shot",
        "truthfulqa_0shot",
        "anli_0shot",
        "mathqa_0shot",
        "winogrande_5shot",
    ],
)
def test_prompts_and_losses_are_those_of_the_recorded_scores(
    tiny_records: list[Record], benchmark_data: Path, slug: str
) -> None:
    _log_likelihoods(tiny_records[1], benchmark_data, slug)


def test_solutions_of_written_answers(libraries: None, benchmark_data: Path) -> None:
    items = [
        item
        for unit in score_units(["gsm8k_5shot", "humaneval_0shot"])
        for item in harness_items(unit, benchmark_data, 2)
    ]
    assert [(item.benchmark, item.task, item.kind) for item in items] == [
        ("gsm8k_5shot", "gsm8k", "solution"), ("gsm8k_5shot", "gsm8k", "solution"),
        ("humaneval_0shot", "humaneval", "solution"), ("humaneval_0shot", "humaneval", "solution"),
    ]  # fmt: skip
    (solution,) = items[0].options
    assert solution.text == " She sells 3 + 4 = 7 loaves.\n#### 7"
    assert solution.prompt.count("Question:") == 6
    assert solution.prompt.endswith("How many does she sell?\nAnswer:")
    assert items[2].options[0].text == "    return x + 0\n"
    assert items[2].options[0].prompt.endswith('"""Return x plus 0."""\n')
