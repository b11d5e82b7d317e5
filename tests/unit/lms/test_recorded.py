"""The recorded tables of training runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foretell.errors import DataError
from lms.recorded import Described, recorded_run, thin, together

DESCRIBED = Described(("code_share", "code=20", 1), 0.5, 3.0, {"skill": "x"}, {"steps": 4})


def finished(folder: Path) -> Path:
    """A run of 4 steps at a loss of ln 2 nats."""
    steps = np.arange(1, 5)
    curve = {"step": steps, "tokens": 100 * steps, "learning_rate": 0.1, "loss_nats": math.log(2), "gradient_norm": 1.0}
    pd.DataFrame(curve).to_csv(folder / "curve.csv", index=False)
    metrics = {"step": [4], "tokens": [400], "metric": ["code/nats_per_token"], "value": [1 / 3]}
    pd.DataFrame(metrics).to_csv(folder / "metrics.csv", index=False)
    (folder / "finished.json").write_text(json.dumps({"steps": 4, "tokens": 400, "parameters": 7}))
    return folder


def test_a_run_becomes_rows_of_three_tables(tmp_path: Path) -> None:
    recorded = recorded_run(finished(tmp_path), DESCRIBED)
    (run,) = recorded.runs.to_dict("records")
    # A bit per label over the 150 labels between the first and the last step; raw, three bits each.
    assert run["code_bits"] == pytest.approx(150, rel=1e-5)
    assert run["compression_ratio"] == pytest.approx(3, rel=1e-5)
    assert (run["experiment"], run["setting"], run["seed"]) == DESCRIBED.key
    assert json.loads(run["facts"]) == {"skill": "x"}
    assert recorded.metrics["value"].tolist() == [0.333333]
    assert recorded.curves["tokens"].tolist() == [100, 200, 300, 400]
    assert len(together([recorded, recorded]).curves) == 8


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "finished.json").unlink()
    with pytest.raises(DataError, match="is not finished"):
        recorded_run(tmp_path, DESCRIBED)


def test_thinning_keeps_the_mean_and_the_end() -> None:
    curve = pd.DataFrame({"step": np.arange(1, 1001), "tokens": np.arange(1, 1001) * 5, "loss_nats": 2.0})
    few = thin(curve, 60)
    assert 40 < len(few) <= 60 and few["step"].iloc[-1] == 1000 and few["tokens"].iloc[-1] == 5000
    assert (few["loss_nats"] == 2.0).all() and few["step"].is_monotonic_increasing
    two = thin(pd.DataFrame({"step": [1, 2, 3], "tokens": [1, 2, 3], "loss_nats": [3.0, 2.0, 1.0]}), 2)
    assert two["loss_nats"].tolist() == [3.0, 1.5] and two["step"].tolist() == [1, 3]
