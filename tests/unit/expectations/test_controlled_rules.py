"""The tables of controlled runs: every rule refuses a bad row with one line that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from expectations.run import Problem, _check, _context
from expectations.suites import suite_for
from features.schema import RAW_TABLES

Text = dict[str, pd.DataFrame]
NAMES = ("controlled_shares", "controlled_corpora", "controlled_recipes")
CELLS = (  # table, row, column, value, rule, rows that are named
    ("controlled_shares", 1, "study", "mine", "one of datablations", 1),
    ("controlled_shares", 2, "total_params", "2.8B", "a integer", 1),
    ("controlled_shares", 22, "score_rescaled_pct", "101", "from -100 to 100 points", 1),
    ("controlled_shares", 4, "seed_sd", "-1", "from 0 to 100 points", 1),
    ("controlled_shares", 5, "natural_language_corpus", "the Pile", "one of C4, OSCAR", 1),
    ("controlled_shares", 7, "pct_code", "95", "from 0 to 90 percent", 1),
    ("controlled_shares", 8, "task", "chess", "one of anli_r1", 1),
    ("controlled_shares", 8, "task", "chess", "every task at every share of code", 1),
    ("controlled_shares", 30, "benchmark", "chess", "a benchmark of the targets table", 1),
    ("controlled_shares", 30, "benchmark", "mmlu", "one benchmark per task", 1),
    ("controlled_shares", 9, "n_seeds", "", "the number of seeds where", 1),
    ("controlled_shares", 10, "source", "", "not empty", 1),
    ("controlled_corpora", 0, "corpus", "wikipedia", "one of c4", 1),
    ("controlled_corpora", 3, "pct_web", "130", "from 0 to 100 percent", 1),
    ("controlled_corpora", 3, "pct_web", "55", "one corpus, with its shares and size, per run", 1),
    ("controlled_corpora", 4, "metric", "vibes", "one of acc_norm", 1),
    ("controlled_corpora", 0, "value", "1.2", "0 to 1, or at least 1 where it is a perplexity", 1),
    ("controlled_corpora", 1, "task", "wsc", "every task and metric at every checkpoint", 1),
    ("controlled_corpora", 7, "stderr", "-0.1", "from 0 to 1e+12 per metric", 1),
    ("controlled_recipes", 0, "score", "1.2", "from 0 to 1 fraction", 1),
    ("controlled_recipes", 1, "task", "chess", "one of agi_eval_lsat_ar", 1),
    ("controlled_recipes", 2, "settings", "lr=1", "one recipe, with its shares, size and settings, per run", 1),
    ("controlled_recipes", 3, "tokens", "10", "from 1e+09 to 1e+13 tokens", 1),
)


@pytest.fixture(scope="module")
def check(small_text: Text) -> Iterator[object]:
    """A function that checks one table, given as text, beside the small tables."""
    with _context() as context:
        number = iter(range(1000))

        def checked(name: str, text: pd.DataFrame) -> list[Problem]:
            suite = suite_for(RAW_TABLES[name], {})
            suite.table = replace(suite.table, name=f"{name}{next(number)}")  # GX takes a suite's name once
            return _check(context, suite, text, small_text)

        yield checked


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_rows_are_in_order(check, small_text: Text, name: str) -> None:  # type: ignore[no-untyped-def]
    assert check(name, small_text[name]) == []


@pytest.mark.parametrize(
    ("name", "at", "column", "value", "rule", "count"), CELLS, ids=[f"{c[0]}-{c[4]}" for c in CELLS]
)
def test_a_bad_cell_is_one_line(  # type: ignore[no-untyped-def]
    check, small_text: Text, name: str, at: int, column: str, value: str, rule: str, count: int
) -> None:
    text = small_text[name].copy()
    text.loc[at, column] = value or None
    found = [problem for problem in check(name, text) if problem.rule.startswith(rule)]
    assert len(found) == count, found
    assert "\n" not in str(found[0])
    assert rule in str(found[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_repeated_row_is_named(check, small_text: Text, name: str) -> None:  # type: ignore[no-untyped-def]
    text = pd.concat([small_text[name], small_text[name].iloc[[3]]], ignore_index=True)
    assert {problem.rule for problem in check(name, text)} == {"rows are unique"}


def test_a_run_without_a_task_that_every_run_has(check, small_text: Text) -> None:  # type: ignore[no-untyped-def]
    text = small_text["controlled_recipes"]
    [problem] = check("controlled_recipes", text[text["task"] != "hellaswag"].reset_index(drop=True))[:1]
    assert (problem.rule, problem.value) == ("the tasks that every run has", "hellaswag")
