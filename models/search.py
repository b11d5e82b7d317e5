"""The grid search, driven by Optuna: one study per benchmark and predictor, one trial per grid cell. A trial keeps the
whole error matrix of its cell (every seed, outer and inner fold), so that the nested choice is made afterwards, per
seed and fold, from the study alone. The only module that imports optuna.

A study in a shared storage is filled by any number of processes and machines: its creator enqueues every cell once,
each worker takes a waiting cell, and a cell whose worker died is enqueued again. At the end every cell is COMPLETE
exactly once, or the search fails."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from foretell.errors import ConfigError

Cell = dict[str, float | int]
HEARTBEAT_SECONDS = 5
WAIT_SECONDS = 600.0
_ENQUEUED, _MATRIX = "cells_enqueued", "inner_mae"
_LIVE = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.WAITING)

optuna.logging.set_verbosity(optuna.logging.WARNING)


def search_grid(
    name: str, cells: Sequence[Cell], errors_of: Callable[[Cell], NDArray[np.float64]], storage: str = ""
) -> NDArray[np.float64]:
    """Evaluate every cell of the grid once and return the error matrices, shape [len(cells), ...].

    `name` identifies the study (it must change with the data and the protocol); `errors_of(cell)` returns the cell's
    error matrix, all finite; `storage` is an Optuna storage URL, empty for memory. An interrupted study in a storage
    resumes: cells that are COMPLETE are not computed again. Raises ConfigError when the storage cannot be opened.
    """
    study = _open(name, cells, storage)

    def objective(trial: optuna.Trial) -> float:
        if not _is_first_of_its_cell(study, trial.number):
            raise optuna.TrialPruned  # another worker took the cell in between
        cell = {key: trial.suggest_categorical(key, sorted({c[key] for c in cells})) for key in cells[0]}
        matrix = np.asarray(errors_of(cell), dtype=np.float64)
        if not np.isfinite(matrix).all():
            raise ArithmeticError(f"study {name}: cell {cell} gave a non-finite error")
        trial.set_user_attr(_MATRIX, matrix.tolist())
        return float(matrix.mean())

    while _has_waiting(study, cells):
        study.optimize(objective, n_trials=1)
    return _collect(study, cells)


def _open(name: str, cells: Sequence[Cell], url: str) -> optuna.Study:
    storage: BaseStorage = InMemoryStorage()
    sampler = optuna.samplers.RandomSampler(seed=0)  # never asked: every cell is enqueued with its values
    if url:
        storage = _open_storage(url)
    try:
        study = optuna.create_study(study_name=name, storage=storage, sampler=sampler, direction="minimize")
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
        deadline = time.monotonic() + HEARTBEAT_SECONDS * 2
        while _ENQUEUED not in study.user_attrs and time.monotonic() < deadline:
            time.sleep(0.2)
        if _ENQUEUED in study.user_attrs:
            return study
    for cell in cells:
        study.enqueue_trial(dict(cell), skip_if_exists=True)
    study.set_user_attr(_ENQUEUED, len(cells))
    return study


def _open_storage(url: str) -> RDBStorage:
    for attempt in (1, 2, 3):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # heartbeats are marked experimental
                engine = {"pool_pre_ping": True}
                return RDBStorage(url, heartbeat_interval=HEARTBEAT_SECONDS, engine_kwargs=engine)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            if isinstance(error, SQLAlchemyError) and attempt < 3:
                time.sleep(attempt)  # two processes made the tables at once: the loser finds them made
                continue
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(f"evaluate.storage: cannot open the Optuna storage: {reason}") from None
    raise AssertionError("unreachable: the last attempt returns or raises")


def _has_waiting(study: optuna.Study, cells: Sequence[Cell]) -> bool:
    """True when a cell waits to be computed, False when every cell is COMPLETE. Blocks while other workers hold the
    last cells, and enqueues again those whose worker stopped its heartbeat."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            return True
        done = {_key(trial.params) for trial in _complete(study)}
        if all(_key(cell) in done for cell in cells):
            return False
        _requeue_lost(study, cells)
        time.sleep(0.2)
    raise ConfigError(f"study {study.study_name}: other workers hold its last cells for {WAIT_SECONDS:.0f} s")


def _is_first_of_its_cell(study: optuna.Study, number: int) -> bool:
    trials = study.get_trials(deepcopy=False)
    cell = _key(_params(trials[number]))
    earlier = [t for t in trials[:number] if t.state in _LIVE and _key(_params(t)) == cell]
    return bool(cell) and not earlier


def _requeue_lost(study: optuna.Study, cells: Sequence[Cell]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.storages.fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    held = {_key(_params(trial)) for trial in trials if trial.state in _LIVE}
    for cell in cells:
        if _key(cell) not in held:
            study.enqueue_trial(dict(cell), skip_if_exists=False)


def _params(trial: FrozenTrial) -> dict[str, Any]:
    return trial.params or trial.system_attrs.get("fixed_params", {})


def _key(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _complete(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _collect(study: optuna.Study, cells: Sequence[Cell]) -> NDArray[np.float64]:
    by_cell = Counter(_key(trial.params) for trial in _complete(study))
    wrong = {str(dict(key)): count for key, count in by_cell.items() if count != 1}
    missing = [cell for cell in cells if _key(cell) not in by_cell]
    if wrong or missing or len(by_cell) != len(cells):
        raise AssertionError(f"study {study.study_name}: cells not COMPLETE exactly once: {wrong}, missing {missing}")
    matrices = {_key(trial.params): trial.user_attrs[_MATRIX] for trial in _complete(study)}
    return np.array([matrices[_key(cell)] for cell in cells], dtype=np.float64)
