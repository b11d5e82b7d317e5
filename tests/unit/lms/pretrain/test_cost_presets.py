"""Parameters, cost and the study's setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foretell.errors import ConfigError
from lms.cost import PEAK_FLOPS
from lms.pretrain.cost import flops_per_token, gpu_hours, parameter_count
from lms.pretrain.presets import DOLMA_BILLIONS, SHARES_PERCENT, STUDY_MODEL, mixture_weights, study_run
from lms.pretrain.schedule import learning_rate


@pytest.mark.parametrize("changed", [{}, {"tied": False}, {"key_value_heads": 4}])
@pytest.mark.usefixtures("libraries")
def test_parameters_are_those_of_the_model_itself(changed: dict[str, int]) -> None:
    import torch

    from lms.pretrain.loop import build_model, settings_of

    shape = replace(STUDY_MODEL, **changed)
    with torch.device("meta"):
        model = build_model(shape, 0)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameter_count(shape)
    assert settings_of(model) == shape


def test_the_study_calls_it_460_million() -> None:
    assert parameter_count(STUDY_MODEL) == 447_622_656
    assert parameter_count(replace(STUDY_MODEL, tied=False)) == 496_774_656
    assert parameter_count(STUDY_MODEL) == pytest.approx(460e6, rel=0.03)


def test_flops_are_six_for_each_multiplied_parameter_and_attention() -> None:
    attention = 12 * 14 * 1536 * 2048
    assert flops_per_token(STUDY_MODEL) == 6 * 447_622_656 + attention
    assert flops_per_token(replace(STUDY_MODEL, tied=False)) == flops_per_token(STUDY_MODEL)


def test_a_run_that_reaches_the_peak_takes_its_flops() -> None:
    tokens = int(3600 * PEAK_FLOPS / flops_per_token(STUDY_MODEL))
    assert gpu_hours(STUDY_MODEL, tokens, 1.0) == pytest.approx(1.0)
    assert gpu_hours(STUDY_MODEL, tokens, 0.25) == pytest.approx(4.0)


@pytest.mark.parametrize("varied", ["code", "web"])
def test_only_the_share_differs_between_runs(varied: str) -> None:
    runs = {share: study_run(varied, share / 100, Path("text")) for share in SHARES_PERCENT[varied]}  # type: ignore[index,arg-type]
    first = runs[0]
    for share, run in runs.items():
        weights = run.phases[0].weights
        assert sum(weights.values()) == pytest.approx(1)
        assert weights.get(varied, 0.0) == pytest.approx(share / 100)
        assert replace(run, phases=first.phases) == first
        if share < 100:
            others = {name: weight / weights["papers"] for name, weight in weights.items() if name != varied}
            assert others == pytest.approx(
                {name: size / DOLMA_BILLIONS["papers"] for name, size in DOLMA_BILLIONS.items() if name != varied}
            )


def test_the_study_stops_at_a_tenth_of_its_horizon() -> None:
    run = study_run("code", 0.2, Path("text"))
    assert run.tokens == pytest.approx(10e9, rel=1e-4)
    assert run.optimiser.horizon_steps == pytest.approx(10 * run.loop.steps, rel=1e-3)
    assert learning_rate(100, run.optimiser) == 1.5e-4
    assert 1.4e-4 < learning_rate(run.loop.steps, run.optimiser) < 1.5e-4
    assert (run.seed, run.sequences, run.optimiser.weight_decay, run.optimiser.clip) == (42, 512, 0.01, 1.0)


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 to 100 percent"):
        mixture_weights("code", 1.2)
