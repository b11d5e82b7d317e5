"""The laboratory's runs as params.yaml declares them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from features.schema.lab import CHECKPOINTS, EXPERIMENTS
from foretell.errors import ConfigError
from lms.corpus.packages import SOURCES
from lms.lab import run_settings
from lms.lab_settings import LabSettings
from lms.pretrain.mixture import spread_sources
from pipelines.params import read_params

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def lab() -> LabSettings:
    return read_params(ROOT / "params.yaml").lab


def test_shares_of_code_differ_and_nothing_else(lab: LabSettings) -> None:
    cells = [cell for cell in lab.runs.values() if cell.experiment == "code_share"]
    assert [cell.setting for cell in cells] == [f"code={share}" for share in (0, 10, 20, 40, 60, 80, 100)]
    assert [100 * cell.weights["code"] for cell in cells] == pytest.approx([0, 10, 20, 40, 60, 80, 100])
    assert {cell.model for cell in cells} == {"small"}
    assert lab.schedules["code_share"].seeds >= 3
    for cell in cells:
        others = [weight for source, weight in cell.weights.items() if source != "code"]
        assert others == pytest.approx([(1 - cell.weights["code"]) / 3] * 3, abs=1e-5)
        assert set(cell.weights) == set(SOURCES)


def test_sizes_differ_in_their_model_alone(lab: LabSettings) -> None:
    cells = [cell for cell in lab.runs.values() if cell.experiment == "sizes"]
    assert len({cell.model for cell in cells}) == len(cells) == 4
    assert len({str(cell.weights) for cell in cells}) == 1
    assert len(lab.schedules["sizes"].checkpoint_at) == CHECKPOINTS


def test_every_experiment_is_one_of_the_tables(lab: LabSettings) -> None:
    assert {cell.experiment for cell in lab.runs.values()} <= set(EXPERIMENTS)


def test_a_seed_is_a_whole_run(lab: LabSettings, tmp_path: Path) -> None:
    first, second = (run_settings(lab, "code-20", seed, tmp_path) for seed in (0, 1))
    assert first == replace(second, seed=0)
    assert first.model.context * first.sequences * first.loop.steps == first.tokens
    counts = [(spread_sources(list(first.phases[0].weights.values()), 1000, [0]) == k).sum() for k in range(4)]
    assert counts == pytest.approx([200, 267, 267, 267], abs=1)


def test_a_run_of_an_unknown_model_is_named(lab: LabSettings) -> None:
    with pytest.raises(ConfigError, match=r"runs\.code-0: model 'large'"):
        replace(lab, runs={"code-0": replace(lab.runs["code-0"], model="large")})
