"""A benchmark with too few models for a cut-off has no coverage over time, and is shown without it."""

import pandas as pd
import pytest

from models.backtest.coverage import coverage_of, schemes_covered
from models.catalogue import FORECAST
from models.schemes import Scheme


def forecasts(schemes: list[Scheme]) -> pd.DataFrame:
    rows = [
        {
            "scheme": scheme.value,
            "predictor": FORECAST.name,
            "actual": actual,
            "predicted": 0.5,
            "low": 0.4,
            "high": 0.6,
        }
        | {"support": support}
        for scheme in schemes
        for actual, support in ((0.5, "inside"), (0.55, "edge"), (0.7, "edge"))
    ]
    return pd.DataFrame(rows)


def test_coverage_by_scheme_and_verdict() -> None:
    covered = coverage_of(forecasts([Scheme.RANDOM, Scheme.TIME]), FORECAST)
    assert list(schemes_covered({"level": 0.9, **covered})) == [Scheme.RANDOM, Scheme.TIME]
    over_time = covered[Scheme.TIME]
    assert over_time["coverage"] == pytest.approx(2 / 3)
    assert over_time["mean_width"] == pytest.approx(0.2)
    assert over_time["interval_score"] == pytest.approx(0.2 + 20 * 0.1 / 3)
    assert over_time["verdicts"]["edge"]["coverage"] == pytest.approx(0.5)
    assert "outside" not in over_time["verdicts"]
