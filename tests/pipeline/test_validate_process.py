"""The stage as `dvc repro` starts it: a process of its own in a checkout of its own."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import Run


@pytest.mark.slow
@pytest.mark.parametrize("defect", ["missing column", "130 percent", "byte-order mark", "unknown model"])
def test_bad_data_end_with_code_3_and_no_report(workspace: Path, run_module: Run, defect: str) -> None:
    path = workspace / "data/raw/pretraining.csv"
    table = pd.read_csv(path, dtype=str)
    if defect == "missing column":
        table = table.drop(columns="pct_code")
    elif defect == "130 percent":
        table.loc[0, "pct_code"] = "130"
    elif defect == "unknown model":
        table.loc[0, "model_id"] = "nobody/nothing"
    table.to_csv(path, index=False, encoding="utf-8-sig" if defect == "byte-order mark" else "utf-8")
    done = run_module(workspace, "pipelines.stages.validate")
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("foretell: ")
    assert "pretraining: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (workspace / "reports/validation.json").exists()
