"""Units of the experiments on learning dynamics: what is trained, a real run of one, resuming it, and its tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ConfigError, DataError
from lms.dynamics import units as listed
from lms.dynamics.experiment import collect, run_unit
from lms.dynamics.settings import DynamicsSettings, Training
from lms.dynamics.task import decode_greedily
from lms.dynamics.units import EXPERIMENTS, Unit, measured_steps, units
from lms.pretrain.loop import build_model
from lms.pretrain.settings import ModelSettings

TRAINING = {"steps": 12, "learning_rate": 0.01, "warm_up_steps": 2, "beta2": 0.98, "weight_decay": 0.1, "clip": 1.0,
            "measure_from": 2, "measurements": 6, "stop_at": 2.0}  # fmt: skip
MODEL = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 32}
EACH = {"model": MODEL, "training": TRAINING}
SECTION: dict[str, Any] = {  # as params.yaml holds it
    "seeds": [0, 3],
    "grokking": {"modulus": 7, "train_share": 0.5, "batch_size": 8, "weight_decays": [0.0, 0.1],
                 "learning_rates": [0.001, 0.01, 0.03], **EACH},
    "format": {"batch_size": 4, "n_test": 8, **EACH},
    "curriculum": {"shares": [0.25, 0.25, 0.5], "batch_size": 4, "n_test": 8, **EACH},
    "quanta": {"n_skills": 5, "exponent": 1.5, "batch_size": 16, **EACH},
    "steps": {"modulus": 7, "max_steps": 3, "examples_per_length": 4, "n_test": 8, **EACH},
}  # fmt: skip
SETTINGS = DynamicsSettings(**SECTION)


def test_units_are_the_settings_of_each_experiment_times_seeds() -> None:
    names = {name: [unit.setting for unit in units(SETTINGS, name) if unit.seed == 0] for name in EXPERIMENTS}
    assert names == {
        "grokking": ["lr=0.001,wd=0.1", "lr=0.01,wd=0", "lr=0.01,wd=0.1", "lr=0.03,wd=0.1"],
        "format": ["plain", "reversed", "scratchpad"],
        "curriculum": ["ordered", "mixed", "alone"],
        "quanta": ["skills=5"],
        "steps": ["one_by_one", "all_first"],
    }
    every = [unit for name in EXPERIMENTS for unit in units(SETTINGS, name)]
    assert len({unit.name for unit in every}) == len({unit.fingerprint for unit in every}) == len(every) == 26
    rates = {unit.setting: unit.training.learning_rate for unit in units(SETTINGS, "grokking")}
    assert rates["lr=0.03,wd=0.1"] == 0.03
    with pytest.raises(ConfigError, match="'jumps': expected one of grokking"):
        units(SETTINGS, "jumps")


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="measure_from 12"):
        Training(**{**TRAINING, "measure_from": 12})
    with pytest.raises(ConfigError, match="expected a sum of 1"):
        replace(SETTINGS.curriculum, shares=(0.5, 0.2, 0.2))


def test_a_fingerprint_changes_with_all_that_decides_a_number() -> None:
    unit = units(SETTINGS, "quanta")[0]
    task: Any = unit.task
    changed = [
        replace(unit, seed=5),
        replace(unit, model=replace(unit.model, hidden=32)),
        replace(unit, training=replace(unit.training, clip=0.0)),
        replace(unit, task=replace(task, n_skills=8)),
    ]
    assert len({one.fingerprint for one in [unit, *changed]}) == 5
    assert replace(unit).fingerprint == unit.fingerprint


def test_measured_steps_are_even_in_log_step() -> None:
    training = Training(**{**TRAINING, "steps": 1000, "measure_from": 10, "measurements": 7})
    assert measured_steps(training) == (0, 10, 22, 46, 100, 215, 464, 1000)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_really_trains(name: str, libraries: None, tmp_path: Path) -> None:
    unit = units(SETTINGS, name)[0]
    folder = run_unit(unit, tmp_path)
    recorded = collect([(unit, folder)])
    facts = unit.task.facts
    assert recorded.curves["loss_nats"].iloc[-1] < 1.1 * recorded.curves["loss_nats"].iloc[0]
    assert set(recorded.metrics["step"]) == set(measured_steps(unit.training))
    assert facts.skill in set(recorded.metrics["metric"])
    run = recorded.runs.iloc[0]
    assert json.loads(run["facts"])["n_test"] == facts.n_test
    assert run["tokens"] == 12 * unit.task.batch(0).tokens.size
    labels = run["tokens"] * facts.labels_per_example / facts.tokens_per_example
    assert run["compression_ratio"] == pytest.approx(
        facts.raw_bits_per_label * labels * 11 / 12 / run["code_bits"], rel=1e-4
    )


class Killed(Exception):
    """In place of a signal."""


def test_a_killed_unit_goes_on_and_gives_the_same_bytes(
    libraries: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed, "STATE_EVERY", 4)
    unit = units(SETTINGS, "quanta")[0]
    whole = run_unit(unit, tmp_path / "whole")
    batch = type(unit.task).batch

    def killed(task: Any, step: int) -> Any:
        if step == 9:
            raise Killed
        return batch(task, step)

    monkeypatch.setattr(type(unit.task), "batch", killed)
    with pytest.raises(Killed):
        run_unit(unit, tmp_path / "killed")
    drawn: list[int] = []
    monkeypatch.setattr(type(unit.task), "batch", lambda task, step: (drawn.append(step), batch(task, step))[1])
    resumed = run_unit(unit, tmp_path / "killed")
    assert drawn == [8, 9, 10, 11]
    for name in ("curve.csv", "metrics.csv", "finished.json"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_ends_when_its_skill_is_learned(libraries: None, tmp_path: Path) -> None:
    unit = units(SETTINGS, "quanta")[0]
    early = replace(unit, training=replace(unit.training, stop_at=1e-9))
    assert json.loads((run_unit(early, tmp_path) / "finished.json").read_text())["steps"] <= 12
    curve = pd.read_csv(run_unit(early, tmp_path) / "metrics.csv")
    learned = curve[(curve["metric"] == "mean_accuracy") & (curve["value"] > 0)]
    assert len(learned) == 1 and learned["step"].iloc[0] == curve["step"].max()


def test_an_unfinished_unit_is_named(libraries: None, tmp_path: Path) -> None:
    unit = units(SETTINGS, "quanta")[0]
    folder = run_unit(unit, tmp_path)
    (folder / "finished.json").unlink()
    with pytest.raises(DataError, match="not finished"):
        collect([(unit, folder)])


def test_greedy_decoding_is_the_argmax_of_the_whole_text(libraries: None) -> None:
    """Token by token with the cache, against one pass over the finished text."""
    import torch

    shape = ModelSettings(vocabulary=9, context=12, hidden=16, layers=2, heads=2, key_value_heads=2, feed_forward=32,
                          tied=False)  # fmt: skip
    model = build_model(shape, 1).eval()
    prompts = np.random.default_rng(0).integers(0, 9, (30, 4))
    decoded = decode_greedily(model, prompts, 5)
    assert decoded.shape == (30, 5) and len(np.unique(decoded)) > 4
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(np.concatenate([prompts, decoded], axis=1))).logits
    assert np.array_equal(logits[:, 3:8].argmax(dim=-1).numpy(), decoded)


def test_unit_names_tell_units_apart() -> None:
    first, second = units(SETTINGS, "format")[:2]
    assert isinstance(first, Unit) and first.name == "format-plain-0" and second.name == "format-reversed-0"


def test_frequent_facts_are_learned_before_rare_ones(libraries: None, tmp_path: Path) -> None:
    training = {**TRAINING, "steps": 400, "learning_rate": 0.003, "warm_up_steps": 10, "weight_decay": 0.0,
                "measure_from": 10, "measurements": 25}  # fmt: skip
    unit = units(replace(SETTINGS, quanta={"n_skills": 40, "exponent": 2.0, "batch_size": 16, "model": MODEL,
                                           "training": training}), "quanta")[0]  # fmt: skip
    metrics = pd.read_csv(run_unit(unit, tmp_path) / "metrics.csv")
    wide = metrics.pivot(index="step", columns="metric", values="value")
    half = [wide.index[wide[f"loss_skill_{i:03d}"] < np.log(40) / 2] for i in (1, 3, 9)]
    assert half[0][0] < half[1][0] < half[2][0]
    assert wide["loss_skill_040"].iloc[-1] > np.log(40) / 2
    assert wide["mean_loss_nats"].iloc[-1] < 0.3 * wide["mean_loss_nats"].iloc[0]
