"""Forward selection finds what was planted, keeps its whole path, resumes, and does not depend on where work runs."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from known_targets import TARGETS

from features.catalogue import SCALE
from features.encoding import encoding_with
from foretell.parallel import HERE, Spread
from models.learners import XGBoostLearner
from models.nested import nested_cv
from models.problem import Problem
from models.protocol import Protocol
from models.schemes import Scheme
from models.selection import Rule, Step, forward_select, recheck, selected, stability
from models.task import Task

PROTOCOL = Protocol(max_depth=(2, 3), learning_rate=(0.3,), n_estimators=(20,))
CANDIDATES = ("d_model", "pct_web", "pct_code", "pct_books", "pct_academic", "sequence_length", "activation")
RULE = Rule(SCALE, CANDIDATES, PROTOCOL, n_seeds=2, threshold=1e-4)
ALONE = Spread("threads", 1)


def planted(seed: int = 0, n: int = 60, weight: float = 0.3) -> Task:
    """Scores made of size and the share of code; every other column is noise."""
    rng = np.random.default_rng(seed)
    design = pd.DataFrame(
        {
            "model_id": [f"org/m{i:03d}" for i in range(n)],
            "family": [f"f{i // 3}" for i in range(n)],
            "total_params": np.exp(rng.uniform(18, 25, n)),
            "tokens_billions": np.exp(rng.uniform(3, 8, n)),
            "d_model": rng.integers(4, 64, n) * 128.0,
            "sequence_length": rng.choice([1024.0, 2048, 4096], n),
            "activation": pd.Series(rng.choice(["gelu", "swiglu"], n), dtype="string"),
            **{f"pct_{what}": rng.uniform(0, 40, n) for what in ("web", "code", "books", "academic")},
        }
    )
    words = {"activation": ("gelu", "swiglu")}
    scores = 0.05 * np.log(design["total_params"]) - 0.8 + weight * (design["pct_code"] > 20)
    return Task(
        TARGETS["hellaswag_10shot"],
        design,
        scores.to_numpy() + rng.normal(0, 0.005, n),
        encoding_with("verified", words),
    )


@pytest.fixture(scope="module")
def task() -> Task:
    return planted()


@pytest.fixture(scope="module")
def path(task: Task) -> list[Step]:
    return forward_select(task, RULE, ALONE)


def as_bytes(path: list[Step]) -> bytes:
    return json.dumps([step.to_dict() for step in path], sort_keys=True).encode()


def test_the_planted_feature_is_chosen_first(path: list[Step]) -> None:
    assert path[0].base == SCALE
    assert path[0].added == "pct_code"
    best = min(path[0].candidates, key=lambda candidate: candidate.mae)
    assert best.feature == "pct_code"
    assert best.mae < 0.5 * path[0].mae


def test_the_path_is_complete(path: list[Step]) -> None:
    for step in path:
        left = [name for name in CANDIDATES if name not in step.base]
        assert [candidate.feature for candidate in step.candidates] == left
        chosen = [candidate.feature for candidate in step.candidates if candidate.chosen]
        assert chosen == [step.added] * bool(step.added)
        assert all(np.isfinite([candidate.mae, candidate.mae_std]).all() for candidate in step.candidates)
    assert all(step.added for step in path[:-1])
    assert path[-1].added == ""
    for before, after in pairwise(path):
        assert after.base == (*before.base, before.added)
        assert after.mae == next(candidate.mae for candidate in before.candidates if candidate.chosen)
    assert selected(path) == path[-1].base


def test_every_step_improves_by_more_than_the_threshold(path: list[Step]) -> None:
    for step in path[:-1]:
        best = min(candidate.mae for candidate in step.candidates)
        assert step.mae - best > RULE.threshold
    assert path[-1].mae - min(candidate.mae for candidate in path[-1].candidates) <= RULE.threshold


@pytest.mark.parametrize("factor", [0.999, 1.001])
def test_the_threshold_is_respected(task: Task, path: list[Step], factor: float) -> None:
    gain = path[0].mae - min(candidate.mae for candidate in path[0].candidates)
    found = forward_select(task, replace(RULE, threshold=gain * factor), ALONE)
    assert bool(found[0].added) is (factor < 1)


def test_a_candidates_error_is_nested_cross_validations(task: Task, path: list[Step]) -> None:
    splits = Scheme.RANDOM.splits(task, RULE.n_seeds, PROTOCOL)
    for candidate in path[1].candidates[:2]:
        mae = nested_cv(Problem.of(task, (*path[1].base, candidate.feature), splits, PROTOCOL)).mae
        assert candidate.mae == pytest.approx(mae.mean(), rel=1e-14)
        assert candidate.mae_std == pytest.approx(mae.std(ddof=1), rel=1e-9)


def test_one_seed_has_no_spread(task: Task) -> None:
    found = forward_select(task, replace(RULE, candidates=CANDIDATES[:2], n_seeds=1), ALONE)
    assert {candidate.mae_std for candidate in found[0].candidates} == {0.0}


def test_nothing_to_choose_from_ends_at_once(task: Task) -> None:
    [step] = forward_select(task, replace(RULE, candidates=()), ALONE)
    assert (step.base, step.added, step.candidates) == (SCALE, "", ())


def test_the_first_of_equals_wins(task: Task) -> None:
    twin = Task(task.target, task.design.assign(pct_web=task.design["pct_code"]), task.scores, task.encoding)
    assert forward_select(twin, replace(RULE, candidates=("pct_web", "pct_code")), ALONE)[0].added == "pct_web"
    assert forward_select(twin, replace(RULE, candidates=("pct_code", "pct_web")), ALONE)[0].added == "pct_code"


def test_resumed_steps_give_the_identical_path(task: Task, path: list[Step]) -> None:
    assert len(path) >= 2
    for taken in range(1, len(path) + 1):
        stored = json.loads(json.dumps([step.to_dict() for step in path[:taken]]))
        announced: list[int] = []
        done = [Step.from_dict(step) for step in stored]
        again = forward_select(task, RULE, ALONE, done, lambda steps, said=announced: said.append(len(steps)))
        assert as_bytes(again) == as_bytes(path)
        assert announced == list(range(taken + 1, len(path) + 1))  # nothing is computed again


@pytest.mark.parametrize(
    "spread",
    [
        pytest.param(Spread("threads", 4), id="4 threads"),
        pytest.param(Spread("loky", 2), id="2 processes", marks=pytest.mark.slow),
    ],
)
def test_the_same_bytes_wherever_it_runs(task: Task, path: list[Step], spread: Spread) -> None:
    assert as_bytes(forward_select(task, RULE, spread)) == as_bytes(path)


def test_chunks_of_candidates_do_not_matter(task: Task, path: list[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.selection.CHUNK", 1)
    assert as_bytes(forward_select(task, RULE, ALONE)) == as_bytes(path)


def test_on_a_large_table_each_candidate_is_work_of_its_own(
    task: Task, path: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    def count(step: int, done: int, total: int) -> None:
        heard.append(done)

    monkeypatch.setattr("models.selection.LARGE", len(task.scores) - 1)
    found = forward_select(task, RULE, ALONE, on_scored=count)
    assert as_bytes(found) == as_bytes(path)
    assert heard[: len(CANDIDATES)] == list(range(1, len(CANDIDATES) + 1))


def test_stability_counts_how_often_a_feature_is_chosen(task: Task) -> None:
    found = stability(task, replace(RULE, candidates=("pct_web", "pct_code"), n_seeds=1), ALONE, 4)
    assert found["pct_code"] == 1.0
    assert set(found.values()) <= {0.25, 0.5, 0.75, 1.0}
    assert stability(task, RULE, ALONE, 0) == {}


def test_noise_is_seldom_chosen() -> None:
    """With no planted effect the best candidate's gain is an order of magnitude below a real one's."""
    noise = planted(seed=3, weight=0.0)
    gain = {}
    for name, task in (("noise", noise), ("real", planted(seed=3))):
        first = forward_select(task, replace(RULE, threshold=1.0), ALONE)[0]
        gain[name] = first.mae - min(candidate.mae for candidate in first.candidates)
    assert gain["noise"] < 0.1 * gain["real"]


def test_a_sample_is_held_against_xgboost(small_task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = Protocol(max_depth=(2,), learning_rate=(0.3,), n_estimators=(10,))
    rule = Rule(SCALE, ("d_model", "pct_code"), protocol, n_seeds=1, threshold=1e-4)
    path = forward_select(small_task, rule, Spread())
    recheck(small_task, path, rule, HERE)
    monkeypatch.setattr(XGBoostLearner, "predict", _zeros)
    with pytest.raises(ArithmeticError, match="engine and XGBoost differ"):
        recheck(small_task, path, rule, HERE)


def _zeros(
    self: XGBoostLearner, table: object, columns: object, y: object, train: object, test: np.ndarray, cells: list[int]
) -> np.ndarray:
    return np.zeros((len(cells), len(test)), dtype=np.float32)
