"""The learning rate, at steps where its value is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from foretell.errors import ConfigError
from lms.pretrain.schedule import learning_rate
from lms.pretrain.settings import OptimiserSettings

SETTINGS = OptimiserSettings(
    learning_rate=2.0,
    final_learning_rate=1.0,
    warm_up_steps=10,
    horizon_steps=110,
    beta1=0.9,
    beta2=0.95,
    weight_decay=0.0,
    clip=0.0,
)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.2),
        (4, 1.0),
        (9, 2.0),
        (10, 2.0),
        (35, 1.5 + math.sqrt(2) / 4),
        (60, 1.5),
        (85, 1.5 - math.sqrt(2) / 4),
        (110, 1.0),
        (500, 1.0),
    ],
)
def test_warm_up_then_a_cosine_to_the_horizon(step: int, rate: float) -> None:
    assert learning_rate(step, SETTINGS) == pytest.approx(rate, rel=1e-12)


def test_a_run_that_ends_before_its_horizon_is_still_near_the_peak() -> None:
    """A tenth of the horizon: (1 + cos(pi / 10)) / 2 of the way from the final rate to the peak."""
    settings = replace(SETTINGS, warm_up_steps=0, horizon_steps=1000)
    assert learning_rate(100, settings) == pytest.approx(1 + (1 + math.cos(math.pi / 10)) / 2)


def test_a_constant_rate_is_constant() -> None:
    settings = replace(SETTINGS, final_learning_rate=2.0, warm_up_steps=0)
    assert {learning_rate(step, settings) for step in (0, 7, 110, 1000)} == {2.0}


@pytest.mark.parametrize("changed", [{"warm_up_steps": 110}, {"final_learning_rate": 3.0}, {"learning_rate": 0.0}])
def test_an_impossible_schedule_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        replace(SETTINGS, **changed)
