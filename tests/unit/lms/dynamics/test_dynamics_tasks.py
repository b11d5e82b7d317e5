"""The synthetic tasks against independent arithmetic: every example right, only answers scored, training and test
apart, and a batch a function of seed and step alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lms.dynamics.addition import FORMATS, SYMBOLS, Addition, Format, encode, text
from lms.dynamics.chains import LAYOUTS, Chains, Layout
from lms.dynamics.modular import ModularAddition
from lms.dynamics.quanta import Quanta
from lms.dynamics.skills import ORDERS, Curriculum, Order
from lms.dynamics.task import Task, as_batch
from lms.pretrain.loop import NOT_SCORED

MODULAR = ModularAddition(modulus=11, train_share=0.4, batch_size=20, seed=3)
ADDITION = Addition(form="plain", batch_size=50, n_test=30, seed=3)
CURRICULUM = Curriculum(order="ordered", shares=(0.2, 0.3, 0.5), steps=20, batch_size=10, n_test=30, seed=3)
QUANTA = Quanta(n_skills=12, exponent=1.5, batch_size=64, seed=3)
CHAINS = Chains(layout="all_first", modulus=7, max_steps=4, examples_per_length=5, n_test=10, seed=3)
TASKS: list[Task] = [MODULAR, *(replace(ADDITION, form=form) for form in FORMATS),
                     *(replace(CURRICULUM, order=order) for order in ORDERS), QUANTA,
                     *(replace(CHAINS, layout=layout) for layout in LAYOUTS)]  # fmt: skip


def name(task: Task) -> str:
    return f"{type(task).__name__}-{getattr(task, 'form', getattr(task, 'order', getattr(task, 'layout', '')))}"


@pytest.mark.parametrize("task", TASKS, ids=name)
class TestEveryTask:
    def test_a_batch_depends_on_seed_and_step_alone(self, task: Any) -> None:
        fresh = replace(task)
        fresh.batch(0)
        first, again = task.batch(7), fresh.batch(7)
        assert first.tokens.dtype == first.labels.dtype == np.int64
        assert np.array_equal(first.tokens, again.tokens) and np.array_equal(first.labels, again.labels)
        assert not np.array_equal(first.tokens, task.batch(8).tokens)
        assert not np.array_equal(first.tokens, replace(task, seed=4).batch(7).tokens)

    def test_labels_are_the_tokens_of_answers(self, task: Any) -> None:
        batch = task.batch(5)
        scored = batch.labels != NOT_SCORED
        assert np.array_equal(batch.labels[scored], batch.tokens[scored])
        assert not scored[:, 0].any()
        assert scored.sum() / len(scored) == pytest.approx(task.facts.labels_per_example)
        assert batch.tokens.shape[1] == task.context == task.facts.tokens_per_example
        assert batch.tokens.min() >= 0 and batch.tokens.max() < task.vocabulary


def test_modular_sums_are_right_and_every_pair_is_in_one_part() -> None:
    for a, b, equals, c in MODULAR.batch(2).tokens:
        assert equals == 11 and c == (a + b) % 11
    train, test = ({tuple(pair) for pair in pairs} for pairs in (MODULAR.train_pairs, MODULAR.test_pairs))
    assert len(train) == round(0.4 * 121) and not train & test
    assert train | test == {(a, b) for a in range(11) for b in range(11)}
    seen = {(a, b) for step in range(40) for a, b, *_ in MODULAR.batch(step).tokens}
    assert seen == train
    assert len({tuple(row) for row in MODULAR.batch(0).tokens}) == 20


def check_sum(written: str, form: Format) -> tuple[int, int]:
    """Read an example back and check it with Python's own arithmetic; the problem."""
    prompt, answer = written.split("=", 1)
    a, b = prompt.split("+")
    assert len(a) == len(b) == 3
    if form == "plain":
        assert answer == f"{int(a) + int(b):04d}"
    elif form == "reversed":
        assert answer[::-1] == f"{int(a) + int(b):04d}"
    else:
        *columns, total = answer.split(";")
        assert total == f"{int(a) + int(b):04d}" and len(columns) == 3
        carry = 0
        for x, y, column in zip(reversed(a), reversed(b), columns, strict=True):
            assert column == f"{x}+{y}+{carry}={int(x) + int(y) + carry:02d}"
            carry = (int(x) + int(y) + carry) // 10
        assert int(total) // 1000 == carry
    return int(a), int(b)


@pytest.mark.parametrize("form", FORMATS)
def test_additions_are_right(form: Format) -> None:
    corners = np.array([[0, 0], [999, 999], [999, 1], [345, 678], [500, 500], [9, 90]])
    prompts, answers = encode(corners, form)
    read = [check_sum(text(row), form) for row in np.concatenate([prompts, answers], axis=1)]
    assert read == [tuple(pair) for pair in corners.tolist()]
    for row in replace(ADDITION, form=form).batch(1).tokens:
        check_sum(text(row), form)


def test_formats_share_problems_and_none_is_tested() -> None:
    batches = {form: replace(ADDITION, form=form).batch(4) for form in FORMATS}
    problems = {form: [check_sum(text(row), form) for row in batch.tokens] for form, batch in batches.items()}
    assert problems["plain"] == problems["reversed"] == problems["scratchpad"]
    assert len({tuple(map(tuple, replace(ADDITION, form=form).test_problems)) for form in FORMATS}) == 1
    tested = {tuple(pair) for pair in ADDITION.test_problems}
    assert len(tested) == 30
    wide = replace(ADDITION, n_test=999_000)  # a thousand problems are left for training
    tested = {a * 1000 + b for a, b in wide.test_problems}
    assert all(a * 1000 + b not in tested for step in range(5) for a, b in wide.problems(step))


def test_only_the_answer_of_an_addition_is_scored() -> None:
    labels = ADDITION.batch(0).labels
    assert (labels[:, :8] == NOT_SCORED).all() and (labels[:, 8:] != NOT_SCORED).all()
    assert SYMBOLS[ADDITION.batch(0).tokens[0, 7]] == "="


@pytest.mark.parametrize("order", ORDERS)
def test_the_curriculum_spends_its_shares(order: Order) -> None:
    task = replace(CURRICULUM, order=order)
    skills = np.array([task.skills(step) for step in range(20)])
    counts = [int((skills == skill).sum()) for skill in (1, 2, 3)]
    assert counts == ([0, 0, 200] if order == "alone" else [40, 60, 100])
    if order == "ordered":
        assert all(a.max() <= b.min() for a, b in pairwise(skills))
    if order == "mixed":
        assert all(np.array_equal(a, b) for a, b in pairwise(skills))
    tested = {tuple(pair) for pair in task.test_problems}
    for step in range(20):
        for row, skill in zip(task.batch(step).tokens, task.skills(step), strict=True):
            a, b = check_sum(text(row), "reversed")
            assert {len(str(a)), len(str(b))} == {skill} and (a, b) not in tested


def test_every_skill_of_quanta_has_one_answer_of_its_own() -> None:
    seen = {tuple(row) for step in range(5) for row in QUANTA.batch(step).tokens.tolist()}
    skills, answers = zip(*sorted(seen), strict=True)
    assert skills == tuple(range(12)) and sorted(answers) == list(range(12, 24))


def test_skills_are_as_frequent_as_a_power_of_their_rank() -> None:
    large = replace(QUANTA, batch_size=40_000)
    counts = np.bincount(large.batch(0).tokens[:, 0], minlength=12)
    expected = np.array([i**-1.5 for i in range(1, 13)])
    assert counts / counts.sum() == pytest.approx(expected / expected.sum(), abs=0.01)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_chains_add_step_by_step(layout: Layout) -> None:
    task = replace(CHAINS, layout=layout)
    batch = task.batch(1)
    lengths = []
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        k = sum(label != NOT_SCORED for label in labels)
        if layout == "one_by_one":
            start, numbers, values = tokens[1], tokens[2 : 2 * k + 2 : 2], tokens[3 : 2 * k + 3 : 2]
            assert tokens[0] == 7
        else:
            start, numbers, values = tokens[0], tokens[1 : k + 1], tokens[k + 2 : 2 * k + 2]
            assert tokens[k + 1] == 7
        assert values == [(start + sum(numbers[: i + 1])) % 7 for i in range(k)]
        assert [label for label in labels if label != NOT_SCORED] == values
        assert set(tokens[2 * k + 2 :]) <= {7}
        lengths.append(k)
    assert sorted(lengths) == sorted([1, 2, 3, 4] * 5)


def test_prompts_are_not_scored() -> None:
    batch = as_batch(np.array([[1, 2], [3, 4]]), np.array([[5], [6]]))
    assert batch.tokens.tolist() == [[1, 2, 5], [3, 4, 6]]
    assert batch.labels.tolist() == [[NOT_SCORED, NOT_SCORED, 5], [NOT_SCORED, NOT_SCORED, 6]]
