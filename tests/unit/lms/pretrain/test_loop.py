"""The training loop: what it writes, that it resumes to the same bytes, and how it stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("libraries")

from lms.pretrain.loop import Batch, Schedule, build_model, train  # noqa: E402
from lms.pretrain.settings import LoopSettings, ModelSettings, OptimiserSettings  # noqa: E402

MODEL = ModelSettings(
    vocabulary=32, context=16, hidden=16, layers=2, heads=2, key_value_heads=2, feed_forward=24, tied=True
)
OPTIMISER = OptimiserSettings(
    learning_rate=1e-2,
    final_learning_rate=1e-3,
    warm_up_steps=3,
    horizon_steps=40,
    beta1=0.9,
    beta2=0.95,
    weight_decay=0.1,
    clip=1.0,
)
LOOP = LoopSettings(steps=20, optimiser=OPTIMISER, micro_batches=1, dtype="float32", seed=0, threads=1)
SCHEDULE = Schedule(measure_at=(0, 10, 20), checkpoint_at=(0, 15), state_every=4, say_every_seconds=0)


class Counting:
    """Sequences that count upwards from a random number; the first half of the labels is not scored."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at

    def batch(self, step: int) -> Batch:
        if step == self.stop_at:
            raise KeyboardInterrupt
        start = np.random.default_rng([7, step]).integers(0, 32, (6, 1))
        tokens = (start + np.arange(16)) % 32
        labels = tokens.copy()
        labels[::2, :8] = -100
        return Batch(tokens, labels)


def loss_of(model: Any, step: int) -> Mapping[str, float]:
    import torch

    batch = Counting().batch(10_000)
    tokens = torch.from_numpy(batch.tokens)
    return {"held_out": model(tokens, labels=tokens).loss.item(), "steps": step}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train(build_model(MODEL, 0), Counting(), LOOP, SCHEDULE, loss_of, folder)
    return folder


def test_a_run_writes_its_curve_metrics_checkpoints_and_end(undisturbed: Path) -> None:
    from transformers import AutoModelForCausalLM

    curve, metrics = pd.read_csv(undisturbed / "curve.csv"), pd.read_csv(undisturbed / "metrics.csv")
    assert list(curve) == ["step", "tokens", "learning_rate", "loss_nats", "gradient_norm"]
    assert curve.step.tolist() == list(range(1, 21))
    assert curve.tokens.tolist() == [96 * step for step in range(1, 21)]
    assert curve.loss_nats.iloc[0] == pytest.approx(np.log(32), rel=0.05)
    assert curve.loss_nats.iloc[-1] < 0.8 * curve.loss_nats.iloc[0]
    assert metrics[metrics.metric == "steps"].value.tolist() == [0, 10, 20]
    assert set(json.loads((undisturbed / "finished.json").read_text())) >= {"steps", "tokens", "parameters"}
    trained = AutoModelForCausalLM.from_pretrained(undisturbed / "checkpoints" / "step-000015")
    assert loss_of(trained, 15)["held_out"] < metrics[metrics.metric == "held_out"].value.iloc[0]
    assert not (undisturbed / "state").exists()


def test_the_first_loss_is_the_mean_over_scored_labels(undisturbed: Path) -> None:
    import torch

    batch = Counting().batch(0)
    loss = build_model(MODEL, 0)(torch.from_numpy(batch.tokens), labels=torch.from_numpy(batch.labels)).loss
    assert pd.read_csv(undisturbed / "curve.csv").loss_nats.iloc[0] == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("stops", [(0,), (3, 4), (9, 17)])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    undisturbed: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            train(build_model(MODEL, 0), Counting(stop), LOOP, SCHEDULE, loss_of, tmp_path)
    train(build_model(MODEL, 0), Counting(), LOOP, SCHEDULE, loss_of, tmp_path)
    assert files(tmp_path) == files(undisturbed)


def test_a_finished_run_is_left_alone(undisturbed: Path) -> None:
    before = files(undisturbed)
    train(build_model(MODEL, 0), Counting(stop_at=0), LOOP, SCHEDULE, loss_of, undisturbed)
    assert files(undisturbed) == before


def test_micro_batches_change_nothing_but_rounding(undisturbed: Path, tmp_path: Path) -> None:
    train(build_model(MODEL, 0), Counting(), replace(LOOP, micro_batches=4), SCHEDULE, loss_of, tmp_path)
    one, four = (pd.read_csv(folder / "curve.csv") for folder in (undisturbed, tmp_path))
    np.testing.assert_allclose(four.loss_nats, one.loss_nats, rtol=1e-4)


def test_weights_are_fixed_by_the_seed_alone() -> None:
    import torch

    first = build_model(MODEL, 5).state_dict()
    before = torch.random.get_rng_state()
    second, other = build_model(MODEL, 5).state_dict(), build_model(MODEL, 6).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_a_run_stops_when_told_to(tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, measure_at=(5, 10))
    train(build_model(MODEL, 0), Counting(), LOOP, schedule, loss_of, tmp_path, stop_when=lambda found: True)
    assert len(pd.read_csv(tmp_path / "curve.csv")) == 5
    assert json.loads((tmp_path / "finished.json").read_text())["stopped_early"] is True


def test_another_run_is_not_continued(undisturbed: Path) -> None:
    with pytest.raises(DataError, match="another folder"):
        train(build_model(MODEL, 0), Counting(), replace(LOOP, seed=1), SCHEDULE, loss_of, undisturbed)


@pytest.mark.parametrize("rate", [1e30, 30.0])
def test_a_run_that_diverges_stops_with_one_line(tmp_path: Path, rate: float) -> None:
    wild = replace(OPTIMISER, learning_rate=rate, clip=0.0, warm_up_steps=0, horizon_steps=1000)
    settings = replace(LOOP, steps=200, optimiser=wild)
    with pytest.raises(DataError, match=r"diverged at step \d+ .*learning_rate") as stopped:
        train(build_model(MODEL, 0), Counting(), settings, SCHEDULE, loss_of, tmp_path)
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "finished.json").exists()


@pytest.mark.parametrize("changed", [{"heads": 3}, {"key_value_heads": 3}, {"layers": 0}])
def test_an_impossible_model_is_refused(changed: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        replace(MODEL, **changed)
