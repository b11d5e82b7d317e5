"""The grid search: every cell COMPLETE exactly once, resumed where it stopped, and failed loudly."""

from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from foretell.errors import ConfigError
from models.search import search_grid

CELLS = [{"depth": depth, "rate": rate} for depth in (2, 3, 5) for rate in (0.01, 0.1, 0.3)]


def matrix_of(cell: dict[str, float | int]) -> np.ndarray:
    return np.arange(6.0).reshape(2, 3) / 7 + cell["depth"] + cell["rate"] / 3


EXPECTED = np.stack([matrix_of(cell) for cell in CELLS])


class Counting:
    """errors_of that counts its calls and may fail at one of them."""

    def __init__(self, fail_at: int = 0, with_value: float | None = None):
        self.calls: Counter[tuple[float, float]] = Counter()
        self.fail_at, self.with_value = fail_at, with_value

    def __call__(self, cell: dict[str, float | int]) -> np.ndarray:
        self.calls[cell["depth"], cell["rate"]] += 1
        matrix = matrix_of(cell)
        if self.calls.total() == self.fail_at:
            if self.with_value is None:
                raise KeyboardInterrupt
            matrix[1, 2] = self.with_value
        return matrix


def states(url: str, name: str) -> dict[tuple[float, float], list[TrialState]]:
    study = optuna.load_study(study_name=name, storage=url)
    found: dict[tuple[float, float], list[TrialState]] = {}
    for trial in study.get_trials():
        params = trial.params or trial.system_attrs.get("fixed_params", {})
        found.setdefault((params["depth"], params["rate"]), []).append(trial.state)
    return found


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'grid.db'}"


def test_every_cell_is_computed_once_and_returned_in_order() -> None:
    errors_of = Counting()
    found = search_grid("memory", CELLS, errors_of)
    assert found.shape == (9, 2, 3)
    np.testing.assert_array_equal(found, EXPECTED)
    assert set(errors_of.calls.values()) == {1}
    assert len(errors_of.calls) == 9


def test_a_stored_study_holds_every_cell_complete_once(sqlite: str) -> None:
    np.testing.assert_array_equal(search_grid("stored", CELLS, Counting(), sqlite), EXPECTED)
    assert states(sqlite, "stored") == {(c["depth"], c["rate"]): [TrialState.COMPLETE] for c in CELLS}


def test_a_finished_study_is_read_and_not_computed_again(sqlite: str) -> None:
    search_grid("done", CELLS, Counting(), sqlite)
    again = Counting()
    np.testing.assert_array_equal(search_grid("done", CELLS, again, sqlite), EXPECTED)
    assert again.calls.total() == 0
    assert sum(map(len, states(sqlite, "done").values())) == 9


def test_values_come_back_to_the_last_bit(sqlite: str) -> None:
    rng = np.random.default_rng(0)
    random = {cell["rate"]: rng.random((4, 3, 3)) for cell in CELLS[:3]}
    for url in ("", sqlite):
        found = search_grid("exact", CELLS[:3], lambda cell: random[cell["rate"]], url)
        np.testing.assert_array_equal(found, np.stack(list(random.values())))


def test_an_interrupted_study_resumes(sqlite: str) -> None:
    first = Counting(fail_at=5)
    with pytest.raises(KeyboardInterrupt):
        search_grid("resumed", CELLS, first, sqlite)
    second = Counting()
    np.testing.assert_array_equal(search_grid("resumed", CELLS, second, sqlite), EXPECTED)
    assert second.calls.total() == 5  # nine cells, four of them were complete
    assert [found.count(TrialState.COMPLETE) for found in states(sqlite, "resumed").values()] == [1] * 9


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cell_that_is_not_finite_fails_the_search(sqlite: str, value: float) -> None:
    for url in ("", sqlite):
        with pytest.raises(ArithmeticError, match=r"study broken: cell .* gave a non-finite error"):
            search_grid("broken", CELLS, Counting(fail_at=3, with_value=value), url)
    # and the cell is not lost: the next attempt computes it
    np.testing.assert_array_equal(search_grid("broken", CELLS, Counting(), sqlite), EXPECTED)


def test_an_error_in_a_cell_is_not_swallowed() -> None:
    def errors_of(cell: dict[str, float | int]) -> np.ndarray:
        raise ZeroDivisionError("in the cell")

    with pytest.raises(ZeroDivisionError, match="in the cell"):
        search_grid("raises", CELLS, errors_of)


def test_studies_of_other_names_do_not_mix(sqlite: str) -> None:
    search_grid("one", CELLS, Counting(), sqlite)
    other = search_grid("other", CELLS, lambda cell: matrix_of(cell) + 100, sqlite)
    np.testing.assert_array_equal(other, EXPECTED + 100)


def test_a_duplicate_trial_is_noticed(sqlite: str) -> None:
    search_grid("twice", CELLS, Counting(), sqlite)
    study = optuna.load_study(study_name="twice", storage=sqlite)
    study.enqueue_trial(dict(CELLS[0]))
    values = {key: sorted({cell[key] for cell in CELLS}) for key in CELLS[0]}
    trial = study.ask({key: optuna.distributions.CategoricalDistribution(some) for key, some in values.items()})
    study.tell(trial, 1.0)
    with pytest.raises(AssertionError, match="not COMPLETE exactly once"):
        search_grid("twice", CELLS, Counting(), sqlite)


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all/grid.db", "no-such-database://x/y", "grid.db", "postgresql+psycopg://127.0.0.1:1/x"],
)
def test_a_storage_that_cannot_be_opened_gets_one_line(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.search.time.sleep", lambda seconds: None)
    with pytest.raises(ConfigError, match=r"evaluate\.storage: cannot open the Optuna storage") as caught:
        search_grid("none", CELLS, Counting(), url)
    assert "\n" not in str(caught.value)


def test_a_grid_of_one_cell_is_searched() -> None:
    cell: dict[str, float | int] = {"learning_rate": 0.1, "max_depth": 2, "n_estimators": 50}
    found = search_grid("one", [cell], lambda setting: np.full((2, 3), float(setting["max_depth"])))
    assert found.tolist() == [[[2.0] * 3] * 2]
