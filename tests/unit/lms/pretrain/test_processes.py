"""Runs that are killed, and runs of several processes: as real processes, hence slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.usefixtures("libraries"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[4]
HERE = Path(__file__).parent


def run(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(("kind", "seed"), [("training", 1), ("tokenisation", 2)])
def test_ten_kills_at_random_moments_change_no_byte(tmp_path: Path, kind: str, seed: int) -> None:
    found = json.loads(run(str(HERE / "killed.py"), kind, str(tmp_path), "10", str(seed)))
    assert found["hits"] == 10
    assert found["same"] is True
    assert found["files"] > 5


def test_two_processes_read_the_same_data_and_reach_the_same_losses(tmp_path: Path) -> None:
    script = str(HERE / "two_processes.py")
    run(script, str(tmp_path / "one"))
    run("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, str(tmp_path / "two"))
    one, two = (pd.read_csv(tmp_path / name / "curve.csv") for name in ("one", "two"))
    assert two.tokens.tolist() == one.tokens.tolist()
    np.testing.assert_allclose(two.loss_nats, one.loss_nats, rtol=1e-4)
    np.testing.assert_allclose(two.gradient_norm, one.gradient_norm, rtol=1e-3)
    metrics = [pd.read_csv(tmp_path / name / "metrics.csv") for name in ("one", "two")]
    np.testing.assert_allclose(metrics[1].value, metrics[0].value, rtol=1e-4)
    read = [json.loads((tmp_path / "two" / f"read-{rank}.json").read_text()) for rank in (0, 1)]
    assert read[0] == read[1] == json.loads((tmp_path / "one" / "read-0.json").read_text())
