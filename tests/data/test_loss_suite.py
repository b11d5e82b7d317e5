"""The expectations of the loss tables: the bundled ones pass, and a broken cell is named."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from features.schema import LOSS_POINTS, RAW_TABLES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_wrong_compute_a_perplexity_and_a_repeated_run_are_named(tmp_path: Path) -> None:
    from expectations.run import validate

    for table in RAW_TABLES.values():
        (tmp_path / table.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / table.path, tmp_path / table.path)
    assert validate(tmp_path).problems == []
    path = tmp_path / LOSS_POINTS.path
    frame = pd.read_csv(path, dtype=str)
    frame.loc[3, "flops"] = "1e18"
    frame.loc[5, "loss_nats"] = "25.3"
    frame.loc[8, ["study", "run", "validation"]] = frame.loc[7, ["study", "run", "validation"]].to_numpy()
    frame.to_csv(path, index=False)
    found = [str(problem) for problem in validate(tmp_path).problems]
    assert any("6 params tokens" in line and "chinchilla-003" in line for line in found)
    assert any("loss_nats" in line and "25.3" in line and "chinchilla-005" in line for line in found)
    assert any("rows are unique" in line for line in found)
