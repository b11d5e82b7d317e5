"""Equal values make equal pictures: DVC compares figures by their bytes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.report.figures import bar, beeswarm, dependence, predicted_against_actual, seed_distribution
from pipelines.files import write_figure

RNG = np.random.default_rng(0)
IDS = [f"org/m{i:02d}" for i in range(20)]
SHAP = pd.DataFrame(RNG.normal(0, 0.01, (20, 3)).round(3), index=IDS, columns=["total_params", "pct_code", "biases"])
VALUES = pd.DataFrame(RNG.random((20, 3)), index=IDS, columns=SHAP.columns).where(RNG.random((20, 3)) > 0.2)
LONG = SHAP.stack().rename("shap").rename_axis(["model_id", "feature"]).reset_index().assign(value=10.0)
PREDICTIONS = pd.DataFrame({"model_id": IDS * 2, "actual": list(RNG.random(20)) * 2, "predicted": RNG.random(40)})
MAKERS = {
    "beeswarm": lambda: beeswarm(SHAP, VALUES, "title"),
    "bar": lambda: bar(pd.DataFrame({"feature": list("abc"), "mean_abs_shap": [3.0, 2, 1]}), "title"),
    "dependence": lambda: dependence(LONG, "pct_code", "title"),
    "predicted": lambda: predicted_against_actual(PREDICTIONS, "title"),
    "seeds": lambda: seed_distribution({"trees": SHAP["biases"].abs().to_numpy()}, "title"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_equal_values_make_equal_bytes(tmp_path: Path, name: str) -> None:
    for turn in ("one", "other"):
        np.random.standard_normal(3 if turn == "one" else 7)  # noqa: NPY002 - the global generator must not matter
        write_figure(tmp_path / f"{turn}.png", MAKERS[name]())
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    assert (tmp_path / "one.png").stat().st_size > 3000


def test_the_global_generator_is_left_as_it_was() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MAKERS["beeswarm"]()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
