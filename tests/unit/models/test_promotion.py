"""Promotion moves every champion or none, and its probes reach every limit of a predictor's features."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from registered import save_predictor

from foretell.answering.predictor import Predictor
from foretell.errors import ConfigError, RefusedError, TrackingError
from models.gates import Gate
from models.registry import champions
from models.registry.champions import CLAIM, answering_version, champion, events
from models.registry.promotion import Plan, check_benchmarks, promote, roll_back
from models.registry.served_check import probes
from models.registry.store import Store
from models.task import Task

A, B = "foretell-lambada_0shot", "foretell-mmlu_5shot"


@dataclass
class MadeUpStore:
    """A registry in memory: tags and aliases of registered models, each with versions 1 and 2. `broken` names a model
    whose alias cannot be moved."""

    tags: dict[str, dict[str, str]] = field(default_factory=lambda: {A: {}, B: {}})
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: str = ""
    uri: str = "made-up"

    @property
    def client(self) -> MadeUpStore:
        return self

    def get_registered_model(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(tags=dict(self.tags[name]))

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        self.tags[name][key] = value

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        del self.tags[name][key]

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        self.tags[name][f"version {version}: {key}"] = value

    def version_numbers(self, name: str) -> list[str]:
        return ["2", "1"]

    def alias(self, name: str, alias: str) -> SimpleNamespace | None:
        number = self.aliases.get((name, alias))
        return SimpleNamespace(version=number) if number else None

    def move_alias(self, name: str, alias: str, version: str) -> None:
        if name == self.broken:
            raise TrackingError(f"{name} cannot be moved")
        self.aliases[name, alias] = version

    def drop_alias(self, name: str, alias: str) -> None:
        del self.aliases[name, alias]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(champions, "SETTLE_SECONDS", 0.0)


def planned(name: str, before: str, version: str, passed: bool = True, note: str = "") -> Plan:
    return Plan(name.removeprefix("foretell-"), name, before, version, (Gate("coverage", passed, {}, ""),), note)


def real(store: MadeUpStore) -> Store:
    return cast(Store, cast(Any, store))


def test_every_champion_is_moved_and_rolled_back_one_step() -> None:
    store = MadeUpStore()
    promote(real(store), [planned(A, "", "1"), planned(B, "", "1")])
    promote(real(store), [planned(A, "1", "2"), planned(B, "1", "1", note="nothing to do")])
    assert [champion(real(store), name) for name in (A, B)] == ["2", "1"]
    assert roll_back(real(store), "lambada_0shot", "worse in use").after == "1"
    assert roll_back(real(store), "lambada_0shot", "").after == ""
    with pytest.raises(TrackingError, match="has no champion to roll back"):
        roll_back(real(store), "lambada_0shot", "")
    assert [event.action for event in events(real(store), A)] == ["promote", "promote", "rollback", "rollback"]
    assert not any(CLAIM in tags for tags in store.tags.values())


def test_a_failed_gate_moves_nobody_unless_a_reason_is_given() -> None:
    store, plans = MadeUpStore(), [planned(A, "", "1"), planned(B, "", "1", passed=False)]
    with pytest.raises(RefusedError, match=r"mmlu_5shot \(coverage\); no champion was moved.*others: lambada_0shot"):
        promote(real(store), plans)
    assert store == MadeUpStore()
    promote(real(store), plans, "to be replaced")
    assert events(real(store), B)[0].failed == ("coverage",)
    assert events(real(store), B)[0].reason == "to be replaced"


def test_a_move_that_fails_takes_the_earlier_ones_back() -> None:
    store = MadeUpStore(broken=B)
    with pytest.raises(TrackingError, match=f"{B} cannot be moved; taken back: {A}"):
        promote(real(store), [planned(A, "", "1"), planned(B, "", "1")])
    assert store == MadeUpStore(broken=B)


def test_a_champion_that_somebody_else_moved_stays() -> None:
    store = MadeUpStore(aliases={(A, "champion"): "2"})
    with pytest.raises(TrackingError, match="the champion is version 2 and no longer nobody"):
        promote(real(store), [planned(A, "", "1")])
    assert store == MadeUpStore(aliases={(A, "champion"): "2"})


def test_the_champion_answers_and_else_the_candidate() -> None:
    store = MadeUpStore(aliases={(A, "candidate"): "2"})

    def answering() -> tuple[str, tuple[str, ...]] | None:
        version = answering_version(real(store), "lambada_0shot")
        return (version.number, version.aliases) if version else None

    assert answering() == ("2", ("candidate",))
    store.aliases[A, "champion"] = "1"
    assert answering() == ("1", ("champion",))
    store.aliases[A, "champion"] = "2"
    assert answering() == ("2", ("champion", "candidate"))
    store.aliases.clear()
    assert answering() is None


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown benchmark mmlu; known: "):
        check_benchmarks(["mmlu_5shot", "mmlu"])


def test_probes_reach_every_word_and_every_limit(tmp_path: Path, small_task: Task) -> None:
    save_predictor(tmp_path / "predictor", small_task)
    predictor = Predictor.load(tmp_path / "predictor")
    table = probes(predictor)
    assert tuple(table) == predictor.features
    assert table.isna().all(axis=1).any()  # nothing known
    for name in predictor.features:
        feature = predictor.card.encoding.feature(name)
        words = {word for word in predictor.card.encoding.words.get(name, ()) if word != "missing"}
        expected = words if feature.kind == "word" else {feature.low, feature.high}
        assert expected <= set(table[name].dropna())
    assert len(predictor.predict(table)) == len(table)
