"""Each kind of defect in targets, subtasks, scores, witnesses and doubts gives one clear line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from conftest import write_raw

from expectations.run import Problem, validate
from features.schema import DOUBTS, WITNESSES

Text = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Defect:
    """A cell of a small, correct copy that is overwritten, and the problem that must be reported."""

    table: str
    column: str
    value: str
    rule: str
    shown: str


DEFECTS = (
    Defect("targets", "slug", "../x", "lower-case letters, digits, dashes", "../x"),
    Defect("targets", "chance", "", "not empty", "(empty)"),
    Defect("targets", "chance", "1.5", "low < high, and chance from low to high", "low 0, chance 1.5, high 1"),
    Defect("targets", "benchmark", "boolq", "a benchmark and subtasks of the subtasks table", "boolq"),
    Defect("targets", "subtasks", "hellaswag;no_such", "a benchmark and subtasks of the subtasks table", "no_such"),
    Defect("targets", "group", "favourites", "one of paper, leaderboard_v1", "favourites"),
    Defect("subtasks", "role", "sometimes", "one of part, optional, whole", "sometimes"),
    Defect("scores", "subtask", "no_such", "a benchmark and subtask of the subtasks table", "lambada / no_such"),
    Defect("witnesses", "subtask", "no_such", "a benchmark and subtask of the subtasks table, or", "lambada / no_such"),
    Defect("witnesses", "model_id", "nobody/at-all", "a model_id of the models table", "nobody/at-all"),
    Defect("doubts", "source", "", "not empty", "(empty)"),
    Defect("doubts", "target", "no_such_target", "a slug of the targets table", "no_such_target"),
    Defect("doubts", "subtask", "mmlu_anatomy", "a subtask of the target's benchmark, or all", "mmlu_anatomy"),
    Defect("doubts", "decision", "use_witness", "a score, where the decision is use_witness", "(empty)"),
)  # fmt: skip


@pytest.fixture
def tables(small_text: Text) -> Text:
    """The slice with a witness and a doubt about its first model."""
    model = small_text["models"].loc[0, "model_id"]
    witness = {"model_id": model, "benchmark": "lambada", "subtask": "mean", "n_shot": "0", "metric": "accuracy",
               "score": "0.5", "same_setting": "true", "source": "somebody"}  # fmt: skip
    doubt = {"model_id": model, "target": "lambada_0shot", "subtask": "all", "recorded": "0.5",
             "decision": "leave_out", "reason": "failed", "source": "somebody"}  # fmt: skip
    added = {
        "witnesses": pd.DataFrame([witness], columns=WITNESSES.names, dtype=object),
        "doubts": pd.DataFrame([doubt], columns=DOUBTS.names, dtype=object),
    }
    return {name: frame.copy() for name, frame in {**small_text, **added}.items()}


def problems(tables: Text, root: Path) -> list[Problem]:
    write_raw(root, tables)
    return validate(root).problems


def test_the_slice_is_in_order(tables: Text, tmp_path: Path) -> None:
    assert problems(tables, tmp_path) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: f"{d.table}-{d.column}-{d.value}")
def test_a_defect_is_one_clear_line(tables: Text, tmp_path: Path, defect: Defect) -> None:
    frame = tables[defect.table]
    at = 0
    if defect.table == "targets":
        at = int(frame.index[frame["slug"] == "hellaswag_10shot"][0])
    if defect.table == "scores":
        at = int(frame.index[frame["benchmark"] == "lambada"][0])
    frame.loc[at, defect.column] = defect.value
    found = [problem for problem in problems(tables, tmp_path) if problem.table == defect.table]
    assert len(found) == 1, found
    assert found[0].rule.startswith(defect.rule)
    assert found[0].value == defect.shown


def test_a_score_of_a_model_without_pretraining_facts_is_named(tables: Text, tmp_path: Path) -> None:
    lost = tables["pretraining"].loc[0, "model_id"]
    tables["pretraining"] = tables["pretraining"].iloc[1:].reset_index(drop=True)
    found = problems(tables, tmp_path)
    assert found
    assert all("a row in the pretraining table" in p.rule and p.value == lost for p in found if p.table == "scores")
    assert {p.table for p in found} == {"scores"}


def test_a_held_out_mixture_is_the_same_at_every_size(tables: Text, tmp_path: Path) -> None:
    losses = tables["mixture_losses"]
    test = losses.iloc[[0]].assign(split="test")
    same, unknown = test.assign(proxy_params="60000000"), test.assign(proxy_params="60000000", mixture_id="77")
    tables["mixture_losses"] = pd.concat([losses, test, same, unknown], ignore_index=True)
    found = problems(tables, tmp_path)
    assert [(p.table, p.row, p.value) for p in found] == [("mixture_losses", "test / 60000000 / 77", "77")]


def test_a_doubt_needs_a_recorded_score(tables: Text, tmp_path: Path) -> None:
    tables["doubts"].loc[0, ["target", "subtask"]] = ["bbh_3shot", "all"]
    found = problems(tables, tmp_path)
    assert [(p.table, p.rule) for p in found] == [("doubts", "a model with a recorded score on the target")]
