"""The cost arithmetic against hand-worked values, and its inputs against the benchmark files."""

import pytest

from lms import cost
from lms.benchmarks import score_units


def test_every_unit_is_costed() -> None:
    assert {unit.slug for unit in score_units(list(cost.WORK))} == set(cost.WORK)
    assert len(cost.WORK) == 13


def test_a_decoding_step_is_bound_by_python_and_then_by_memory() -> None:
    assert cost.step_seconds(1e9) == 0.030
    # 34e9 parameters of 2 bytes at half of 3.35e12 bytes/s.
    assert cost.step_seconds(34e9) == pytest.approx(68e9 / 1.675e12)


def test_sampling() -> None:
    # 79 batches of 256 steps of 30 ms, a minute of start, 2 s of reading.
    assert cost.sampling_hours(1e9) == pytest.approx((60 + 2 + 79 * 256 * 0.030) / 3600)
    assert cost.vllm_sampling_hours(8.03e9) == pytest.approx((60 + 16.06 + 5000 * 256 / 12_500) / 3600)
    assert cost.vllm_sampling_hours(1e9) > (5000 * 256 / 12_500) / 3600, "never faster than the cited run"


def test_scoring_grows_by_two_flops_a_parameter_and_token() -> None:
    tokens = sum(work.items * work.sequences * work.prompt for work in cost.WORK.values())
    grown = (cost.scoring_hours(2e9) - cost.scoring_hours(1e9)) * 3600
    assert grown == pytest.approx(2e9 * tokens / (0.30 * 989e12) + 2.0)


def test_what_fits() -> None:
    assert cost.fits_one_gpu(34e9)
    assert not cost.fits_one_gpu(35e9)
    summary = cost.cost_lines([1e9, 7e9, 70e9])[-1]
    assert summary.startswith("2 of 3 models fit one H100 in bfloat16, mean 4.0B.")
