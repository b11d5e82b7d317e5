"""Promotion and rollback: plans every move with its gates checked, then makes all moves or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from features.targets import known_target, read_targets
from foretell.errors import ForetellError, RefusedError, TrackingError
from foretell.loading import CANDIDATE
from models.gates import Gate
from models.registry.champions import Event, champion, claimed, events, move, previous, stamp, undo
from models.registry.evidence import Candidate, check_gates
from models.registry.runs import model_name
from models.registry.served_check import served_answers
from models.registry.store import Store
from models.registry.workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """What promoting one benchmark would do: from champion `before` ("" = none) to `version`, and the gates' verdicts;
    `note` is set when there is nothing to do."""

    benchmark: str
    name: str
    before: str
    version: str
    gates: tuple[Gate, ...]
    note: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that were not passed."""
        return tuple(gate.name for gate in self.gates if not gate.passed)


def check_benchmarks(names: Sequence[str]) -> None:
    """Raise ConfigError for a benchmark that is not known."""
    known = read_targets()
    for name in names:
        known_target(name, known)


def plan(store: Store, workspace: Workspace, benchmarks: Sequence[str], version: str = "") -> list[Plan]:
    """Check every gate of each benchmark's candidate (or of `version`), moving nothing.

    Raises TrackingError when there is no such version, ConfigError for an unknown benchmark.
    """
    check_benchmarks(benchmarks)
    chosen = {benchmark: _version(store, model_name(benchmark), version) for benchmark in benchmarks}
    champions = {benchmark: champion(store, model_name(benchmark)) for benchmark in benchmarks}
    to_check = {name: entry for name, entry in chosen.items() if champions[name] != str(entry.version)}
    uris = {benchmark: f"models:/{entry.name}/{entry.version}" for benchmark, entry in to_check.items()}
    folders = {benchmark: store.download(entry) for benchmark, entry in to_check.items()}
    served = served_answers(store.uri, {uris[benchmark]: folder for benchmark, folder in folders.items()})
    plans = []
    for benchmark, entry in chosen.items():
        before, number = champions[benchmark], str(entry.version)
        if benchmark in to_check:
            candidate = Candidate(benchmark, entry, before, folders[benchmark], served[uris[benchmark]])
            gates = check_gates(store, workspace, candidate)
            plans.append(Plan(benchmark, str(entry.name), before, number, gates))
        else:
            note = f"version {number} is the champion already: nothing to do"
            plans.append(Plan(benchmark, str(entry.name), before, number, (), note))
    return plans


def promote(store: Store, plans: Sequence[Plan], reason: str = "") -> list[Event]:
    """Move every planned champion, or none: a move that fails takes the earlier ones back. `reason` forces plans whose
    gates failed and is recorded. Raises RefusedError when a gate failed and no reason is given, TrackingError when
    somebody else moved a champion meanwhile."""
    refused = [f"{item.benchmark} ({', '.join(item.failed)})" for item in plans if item.failed]
    if refused and not reason:
        passed = " ".join(item.benchmark for item in plans if not item.failed and not item.note)
        hint = f"; `--passing` promotes the others: {passed}" if passed else ""
        raise RefusedError(f"not promoted: {'; '.join(refused)}; no champion was moved{hint}")
    to_move = [item for item in plans if not item.note]
    made: list[tuple[str, Event]] = []
    if not to_move:
        return []
    with claimed(store, [item.name for item in to_move]):
        try:
            for item in to_move:
                when, who = stamp()
                event = Event("promote", item.before, item.version, when, who, reason, item.failed)
                move(store, item.name, event)
                made.append((item.name, event))
        except ForetellError as error:
            for name, event in reversed(made):
                undo(store, name, event)
            back = f"; taken back: {', '.join(name for name, _ in made)}" if made else ""
            raise TrackingError(f"{error}{back}") from None
    return [event for _, event in made]


def roll_back(store: Store, benchmark: str, reason: str) -> Event:
    """Make the champion before the present one the champion again (or nobody, when it was the first)."""
    check_benchmarks([benchmark])
    name = model_name(benchmark)
    store.version_numbers(name)  # raises when nothing is registered
    current = champion(store, name)
    if not current:
        raise TrackingError(f"{name} has no champion to roll back")
    with claimed(store, [name]):
        when, who = stamp()
        event = Event("rollback", current, previous(events(store, name)), when, who, reason)
        move(store, name, event)
    return event


def _version(store: Store, name: str, number: str) -> ModelVersion:
    """A version by its number, or the candidate; TrackingError says which there are."""
    if number:
        return store.version(name, number)
    candidate = store.alias(name, CANDIDATE)
    if candidate is None:
        numbers = store.version_numbers(name)
        raise TrackingError(f"{name} has no {CANDIDATE}; its versions are: {', '.join(numbers)}")
    return candidate
