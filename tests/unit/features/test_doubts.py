"""Scores that are not believed: left out with the reason, or replaced by another measurement of the same thing."""

import pandas as pd
import pytest
from known_targets import PAPER, TARGETS

from features.doubts import settle_scores, settle_subtasks
from features.schema import DOUBTS
from features.tabulate import aggregate, tabulate
from foretell.errors import DataError

MMLU, TRUTHFULQA = TARGETS["mmlu_5shot"], TARGETS["truthfulqa_0shot"]


def doubt(target: str, model: str, recorded: float, **changes: object) -> dict[str, object]:
    plain = {"subtask": "all", "witness": None, "decision": "leave_out", "reason": "failed", "source": "a card"}
    return {"model_id": model, "target": target, "recorded": recorded, **plain, **changes}


def doubts(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=DOUBTS.names)


MEANS = pd.DataFrame({"model_id": ["a/x", "b/y", "c/z"], "score": [0.25, 0.4, 0.5]})
PARTS = pd.DataFrame(
    {"model_id": ["a/x", "a/x", "b/y"], "subtask": ["truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_mc1"],
     "score": [0.2, 0.4, 0.3]}
)  # fmt: skip


def test_a_doubtful_score_is_left_out_with_its_reason_and_others_stay() -> None:
    table = doubts(doubt("mmlu_5shot", "a/x", 0.25, reason="at chance"), doubt("gsm8k_5shot", "b/y", 0.9))
    settled, reasons = settle_scores(MEANS, table, MMLU)
    assert settled["model_id"].tolist() == ["b/y", "c/z"]
    assert reasons == {"a/x": "doubtful score: at chance"}


def test_a_witness_with_the_same_settings_takes_its_place() -> None:
    table = doubts(doubt("mmlu_5shot", "a/x", 0.25, witness=0.31, decision="use_witness"))
    settled, reasons = settle_scores(MEANS, table, MMLU)
    assert settled["score"].tolist() == [0.31, 0.4, 0.5]
    assert reasons == {}


def test_a_doubtful_part_is_replaced_or_makes_the_whole_incomplete() -> None:
    part = {"subtask": "truthfulqa_mc2"}
    used = doubts(doubt("truthfulqa_0shot", "a/x", 0.4, witness=0.6, decision="use_witness", **part))
    assert settle_subtasks(PARTS, used, TRUTHFULQA)["score"].tolist() == [0.2, 0.6, 0.3]
    out = doubts(doubt("truthfulqa_0shot", "a/x", 0.4, **part))
    assert settle_subtasks(PARTS, out, TRUTHFULQA)["score"].tolist() == [0.2, 0.3]
    without = MEANS[MEANS["model_id"] != "a/x"]  # a part is missing, so that the model has no mean
    assert settle_scores(without, out, TRUTHFULQA)[1] == {"a/x": "doubtful score of truthfulqa_mc2: failed"}
    assert settle_scores(MEANS, out, TRUTHFULQA)[1] == {}  # an optional part: the model is scored all the same


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (doubt("mmlu_5shot", "a/x", 0.26), "a/x / mmlu_5shot / all: recorded 0.26, but the score table gives 0.25"),
        (doubt("mmlu_5shot", "d/w", 0.25), "d/w / mmlu_5shot / all: no such score is recorded"),
    ],
)
def test_a_doubt_that_fits_no_score_is_refused(row: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        settle_scores(MEANS, doubts(row), MMLU)


def test_the_recorded_doubts_fit_and_touch_the_verified_view_alone(raw: dict[str, pd.DataFrame]) -> None:
    recorded = raw["doubts"]
    none = {**raw, "doubts": recorded.iloc[:0]}
    for slug, target in TARGETS.items():
        believed, every = (aggregate(raw["scores"], target, table["doubts"]) for table in (raw, none))
        own = recorded[recorded["target"] == slug]
        lost = len(every.scores) - len(believed.scores)
        assert lost == (own["decision"] == "leave_out").sum(), slug
    published = [tabulate(tables, "published", list(PAPER.values()), 30).scores for tables in (raw, none)]
    pd.testing.assert_frame_equal(*published)
