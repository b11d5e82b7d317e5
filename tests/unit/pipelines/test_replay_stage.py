"""Stage `replay` on a made-up backtest: what it writes, that it writes it again, and that the report takes it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from forecast_checkout import done
from known_targets import TARGETS

from models.catalogue import FORECAST, SCALE_ONLY
from models.schemes import Scheme
from pipelines.files import write_json, write_parquet
from pipelines.paths import BACKTESTS, FORECAST_REPORT, target_file
from pipelines.stages import replay

BENCHMARKS = ("hellaswag_10shot", "lambada_0shot")


def backtest(n_models: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    actual = rng.uniform(0.2, 0.8, n_models)
    predicted = actual + rng.normal(0, 0.05, n_models)
    table = pd.DataFrame(
        {
            "seed": 0,
            "cutoff": np.resize(["2023-04", "2023-07"], n_models),
            "model_id": [f"org/m{number}" for number in range(n_models)],
            "actual": actual,
            "predicted": predicted,
            "low": predicted - 0.1,
            "high": predicted + 0.1,
            "support": "inside",
            "n_train": 40,
        }
    )
    keys = [(scheme, entry) for scheme in (Scheme.TIME, Scheme.RANDOM) for entry in (FORECAST, SCALE_ONLY)]
    tables = [table.assign(scheme=scheme.value, predictor=entry.name) for scheme, entry in keys]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def checkout(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with two benchmarks, of which one has no forecast over time."""
    monkeypatch.chdir(workspace)
    params = SimpleNamespace(benchmarks=BENCHMARKS, fit=SimpleNamespace(level=0.9))
    monkeypatch.setattr(replay, "load_params", lambda: params)
    for benchmark, n_models in zip(BENCHMARKS, (20, 0), strict=True):
        write_json(target_file(benchmark), TARGETS[benchmark].to_dict())
        write_parquet(BACKTESTS / benchmark / "forecasts.parquet", backtest(n_models))


def test_the_stage_writes_the_replay_and_the_report_takes_it(checkout: None) -> None:
    replay.main()
    written = {path.name: path.read_bytes() for path in FORECAST_REPORT.iterdir()}
    assert set(written) == {"replay.csv", "replay.md", "replay.png"}
    rows = pd.read_csv(FORECAST_REPORT / "replay.csv")
    assert len(rows) == 20
    assert set(rows["target"]) == {BENCHMARKS[0]}
    replay.main()
    assert {path.name: path.read_bytes() for path in FORECAST_REPORT.iterdir()} == written
    table = json.loads(done("report", "--json"))
    assert [(row["source"], row["n"]) for row in table] == [("replay", 10), ("replay", 10), ("replay", 20)]
