"""Two designs asked of one predictor: the same answers as alone, and a difference that is theirs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from registered import DESIGN, ROOT, save_predictor

from foretell.answering.intervals import usual_error
from foretell.answering.predictor import Predictor
from foretell.errors import DataError
from models.task import Task


@pytest.fixture(scope="module")
def predictor(small_task: Task, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("compared") / "lambada_0shot"
    save_predictor(folder, small_task)
    return Predictor.load(folder)


OTHER = {**DESIGN, "tokens_billions": 100.0, "pct_code": 2.0}


def test_both_answers_are_those_of_each_design_alone(predictor: Predictor) -> None:
    compared = predictor.compare(DESIGN, OTHER)
    assert compared.first == predictor.predict(DESIGN)
    assert compared.second == predictor.predict(OTHER)
    of = compared.difference
    assert of.difference == compared.second.score - compared.first.score
    assert of.low < of.difference < of.high
    assert of.level == predictor.card.level


def test_the_other_way_round_is_the_opposite(predictor: Predictor) -> None:
    straight, back = predictor.compare(DESIGN, OTHER), predictor.compare(OTHER, DESIGN)
    assert straight.difference.low == pytest.approx(-back.difference.high)
    assert straight.difference.chance_higher == pytest.approx(1 - back.difference.chance_higher)
    assert straight.chance_better == straight.difference.chance_higher


def test_a_design_differs_from_itself_by_nothing(predictor: Predictor) -> None:
    compared = predictor.compare(DESIGN, {**DESIGN, "pct_books": 3.0})  # which this predictor does not read
    assert compared.difference.difference == 0.0
    assert compared.chance_better == 0.5
    assert compared.words == ("the second is predicted equal to the first.",)


def test_where_lower_is_better_the_lower_is_the_better_one(predictor: Predictor) -> None:
    error = replace(predictor, card=replace(predictor.card, lower_is_better=True))
    scores, errors = predictor.compare(DESIGN, OTHER), error.compare(DESIGN, OTHER)
    assert errors.difference == scores.difference
    assert errors.chance_better == 1 - scores.chance_better


def test_the_words_name_the_designs_and_what_is_given(predictor: Predictor) -> None:
    said = " ".join(predictor.compare(DESIGN, OTHER, names=("old", "new")).words)
    assert said.startswith("new is predicted ")
    assert "tokens_billions 100 (in old: 1000)" in said


def test_the_answer_and_its_explanation_have_words(predictor: Predictor) -> None:
    answer = predictor.predict(DESIGN)
    assert answer.words[0].startswith(f"{answer.score:.3f} is ")
    assert all(name in answer.words[0] for name in answer.nearest)
    assert predictor.explain(DESIGN).words == answer.words
    assert str(predictor.explain(DESIGN)).endswith(answer.words[-1])
    assert answer.to_dict()["words"] == list(answer.words)


def test_a_comparison_is_json(predictor: Predictor) -> None:
    compared = predictor.compare(DESIGN, OTHER, 0.5)
    plain = json.loads(json.dumps(compared.to_dict()))
    assert plain["level"] == plain["first"]["level"] == 0.5
    assert (plain["low"], plain["high"]) == (compared.difference.low, compared.difference.high)
    assert f"{compared.difference.difference:+.3f}" in str(compared)


def test_a_wrong_design_is_refused(predictor: Predictor) -> None:
    with pytest.raises(DataError, match="pct_cod"):
        predictor.compare(DESIGN, {"pct_cod": 3.0})
    with pytest.raises(DataError, match="interval level"):
        predictor.compare(DESIGN, OTHER, 1.5)


def test_the_usual_error_is_the_mean_of_the_third_that_a_distance_falls_into() -> None:
    distance, error = np.arange(9.0), np.repeat([0.1, 0.2, 0.6], 3)
    np.testing.assert_allclose(usual_error(distance, error, np.array([0.0, 4.0, 7.5, 99.0])), [0.1, 0.2, 0.6, 0.6])
    assert usual_error(np.zeros(4), np.zeros(4), np.array([0.3]))[0] > 0


def test_out_of_fold_are_those_of_the_stored_residuals(predictor: Predictor) -> None:
    """The errors that pairs are made of are the calibration's own, with their signs."""
    error = predictor.model.out_of_fold.error
    np.testing.assert_allclose(np.abs(error), predictor.model.calibration.residual, atol=1e-6)


def test_the_page_runs(predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "compare-designs.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(compile(block, "docs/compare-designs.md", "exec"), {"predictor": predictor})
    printed = capsys.readouterr().out
    assert "pct_code 20 (in little code: 5)" in printed
    assert "better with" in printed.splitlines()[-1]
