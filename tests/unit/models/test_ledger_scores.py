"""The figures of a settled forecast against closed forms, and against numerical integration as an oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from foretell.errors import DataError
from models.ledger.scores import ALL, calibration, crps, quarter, scored, share_interval, two_piece_quantile


def cdf(x: float, point: float, low: float, high: float, level: float) -> float:
    """The distribution function that a forecast states: half a normal on each side of the point."""
    z = stats.norm.ppf((1 + level) / 2)
    spread = (point - low) / z if x < point else (high - point) / z
    return float(stats.norm.cdf((x - point) / spread)) if spread > 0 else float(x >= point)


def crps_by_integration(actual: float, *forecast: float) -> float:
    """The definition: the integral of (F(x) - 1[x >= actual])^2."""
    point, low, high, _ = forecast
    reach = 12 * max(high - point, point - low, 1e-3)
    ends = sorted({point - reach, point, actual, point + reach})
    parts = itertools.pairwise(ends)
    return sum(
        integrate.quad(lambda x: (cdf(x, *forecast) - (x >= actual)) ** 2, a, b, limit=200, epsabs=1e-12)[0]
        for a, b in parts
    )


@pytest.mark.parametrize("actual", [0.1, 0.39, 0.4, 0.41, 0.7])
@pytest.mark.parametrize(
    ("low", "high", "level"), [(0.3, 0.5, 0.9), (0.35, 0.6, 0.9), (0.2, 0.4, 0.5), (0.4, 0.55, 0.8)]
)
def test_crps_equals_its_definition(actual: float, low: float, high: float, level: float) -> None:
    expected = crps_by_integration(actual, 0.4, low, high, level)
    assert crps(actual, 0.4, low, high, level) == pytest.approx(expected, abs=1e-8)


def test_crps_of_a_symmetric_interval_is_the_normals() -> None:
    """Closed form of Gneiting and Raftery (2007, eq. 21)."""
    sigma, actual = 0.05, np.linspace(0.2, 0.8, 7)
    z = stats.norm.ppf(0.95)
    w = (actual - 0.5) / sigma
    expected = sigma * (w * (2 * stats.norm.cdf(w) - 1) + 2 * stats.norm.pdf(w) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(crps(actual, 0.5, 0.5 - z * sigma, 0.5 + z * sigma, 0.9), expected, rtol=1e-12)


def test_crps_of_a_point_without_spread_is_the_absolute_error() -> None:
    np.testing.assert_allclose(crps([0.2, 0.5, 0.9], 0.5, 0.5, 0.5, 0.9), [0.3, 0.0, 0.4], atol=1e-15)


def test_the_stated_distribution_agrees_with_point_and_interval() -> None:
    quantiles = two_piece_quantile([0.05, 0.5, 0.95], 0.4, 0.3, 0.6, 0.9)
    np.testing.assert_allclose(quantiles, [0.3, 0.4, 0.6], rtol=1e-12)


def test_crps_is_proper() -> None:
    """Scores drawn from the stated distribution: in the mean no other forecast does better."""
    own = (0.4, 0.3, 0.6, 0.9)
    drawn = two_piece_quantile(np.random.default_rng(0).uniform(size=20_000), *own)
    others = [(0.42, 0.3, 0.6, 0.9), (0.4, 0.35, 0.5, 0.9), (0.4, 0.2, 0.8, 0.9), (0.45, 0.35, 0.65, 0.9)]
    assert all(crps(drawn, *own).mean() < crps(drawn, *other).mean() for other in others)


@pytest.mark.parametrize("forecast", [(0.4, 0.5, 0.6), (0.4, 0.3, 0.35), (np.nan, 0.3, 0.5)])
def test_a_point_outside_its_interval_is_refused(forecast: tuple[float, float, float]) -> None:
    with pytest.raises(DataError, match="low <= point <= high"):
        crps(0.4, *forecast, 0.9)


def test_error_inside_and_interval_score() -> None:
    rows = pd.DataFrame(
        {"actual": [0.5, 0.7], "predicted": [0.4, 0.4], "low": [0.3, 0.3], "high": [0.6, 0.6], "level": [0.9, 0.8]}
    )
    result = scored(rows)
    assert result["inside"].tolist() == [True, False]
    np.testing.assert_allclose(result["error"], [0.1, 0.3])
    np.testing.assert_allclose(result["interval_score"], [0.3, 0.3 + 2 / 0.2 * 0.1])
    np.testing.assert_allclose(result["crps"], [crps(0.5, 0.4, 0.3, 0.6, 0.9), crps(0.7, 0.4, 0.3, 0.6, 0.8)])


def test_wilson_interval_is_its_closed_form() -> None:
    n, k, z = 20, 17, stats.norm.ppf(0.975)
    centre, half = k / n + z**2 / (2 * n), z * np.sqrt(k / n * (1 - k / n) / n + z**2 / (4 * n**2))
    expected = (k / n, (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n))
    assert share_interval(k, n) == pytest.approx(expected)
    assert share_interval(5, 5).high == pytest.approx(1)


def test_calibration_by_period_and_together() -> None:
    rows = pd.DataFrame(
        {
            "source": ["replay"] * 4 + ["registered"],
            "period": ["2024 Q1", "2024 Q1", "2024 Q2", "2024 Q2", "2024 Q2"],
            "model_id": ["a", "a", "b", "c", "d"],
            "level": 0.9,
            "error": [0.1, 0.3, 0.2, 0.2, 0.5],
            "inside": [True, False, True, True, False],
            "interval_score": [1.0, 3.0, 1.0, 1.0, 2.0],
            "crps": 0.1,
        }
    )
    table = calibration(rows).set_index(["source", "period"])
    assert table["n"].to_dict() == {
        ("registered", "2024 Q2"): 1,
        ("registered", ALL): 1,
        ("replay", "2024 Q1"): 2,
        ("replay", "2024 Q2"): 2,
        ("replay", ALL): 4,
    }
    whole = table.loc[("replay", ALL)]
    assert (whole["n_models"], whole["inside"], whole["mae"], whole["interval_score"]) == (3, 0.75, 0.2, 1.5)
    assert table.loc[("replay", "2024 Q1"), "inside"] == 0.5
    assert calibration(rows.head(0)).empty


def test_quarters() -> None:
    assert [quarter(day) for day in ("2024-01", "2024-03-31", "2024-04-01", "2023-12")] == [
        "2024 Q1", "2024 Q1", "2024 Q2", "2023 Q4",
    ]  # fmt: skip
    with pytest.raises(DataError, match="no date"):
        quarter("fold 3")
