"""The compute stages on 40 real models, one after the other: whole outputs, and equal bytes with 1 and 4 workers."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import Run
from ruamel.yaml import YAML

from foretell.answering.predictor import Predictor

pytestmark = pytest.mark.slow
BENCHMARK = "lambada_0shot"
STAGES = (("tabulate",), *((stage, BENCHMARK) for stage in ("select", "evaluate", "backtest", "explain", "fit")))


def run_all(root: Path, run_module: Run, backend: str, workers: int) -> dict[str, str]:
    """Run every stage in `root`; the hash of each file written."""
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    params["parallel"] |= {"backend": backend, "workers": workers}
    yaml.dump(params, root / "params.yaml")
    for stage, *arguments in STAGES:
        done = run_module(root, f"pipelines.stages.{stage}", *arguments)
        assert done.returncode == 0, done.stderr
    made = (path for path in (root / "data").rglob("*") if path.is_file() and "raw" not in path.parts)
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


@pytest.fixture(scope="module")
def first(small_root: Path, run_module: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("stages") / "one"
    shutil.copytree(small_root, root)
    return root, run_all(root, run_module, "threads", 1)


def test_every_stage_writes_its_files(first: tuple[Path, dict[str, str]]) -> None:
    root, files = first
    for name in (
        "data/tables/design.parquet", "data/tables/left_out.csv", f"data/selected/{BENCHMARK}.json",
        f"data/errors/{BENCHMARK}/errors.csv", f"data/explained/{BENCHMARK}/all_features/shap.parquet",
        f"data/backtests/{BENCHMARK}/forecasts.parquet", f"data/predictors/{BENCHMARK}/final.ubj",
    ):  # fmt: skip
        assert name in files
    predictor = Predictor.load(root / "data/predictors" / BENCHMARK)
    answer = predictor.predict(pd.DataFrame({"total_params": [7e9], "tokens_billions": [2000.0]}))
    assert 0 <= answer.loc[0, "low"] <= answer.loc[0, "score"] <= answer.loc[0, "high"] <= 1
    assert not list((root / ".progress").glob("*.json")), "a finished stage leaves no record behind"


@pytest.mark.parametrize(("backend", "workers"), [("threads", 4), ("loky", 2)])
def test_the_same_bytes_wherever_it_runs(
    first: tuple[Path, dict[str, str]], small_root: Path, run_module: Run, tmp_path: Path, backend: str, workers: int
) -> None:
    root = tmp_path / "again"
    shutil.copytree(small_root, root)
    assert run_all(root, run_module, backend, workers) == first[1]


def test_a_stage_without_its_inputs_says_what_to_run(workspace: Path, run_module: Run) -> None:
    done = run_module(workspace, "pipelines.stages.evaluate", BENCHMARK)
    assert done.returncode == 3
    assert done.stderr.startswith("foretell: ")
    assert "`dvc repro` writes it" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_benchmark_is_named(workspace: Path, run_module: Run) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace(BENCHMARK, "no_such_benchmark", 1))
    done = run_module(workspace, "pipelines.stages.tabulate")
    assert done.returncode == 4
    assert "unknown benchmark no_such_benchmark; known: anli_0shot" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_typo_in_params_stops_a_stage(workspace: Path, run_module: Run) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("min_models:", "min_model:"))
    done = run_module(workspace, "pipelines.stages.tabulate")
    assert done.returncode == 4
    assert "tabulate.min_model: Extra inputs are not permitted" in done.stderr
    assert len(done.stderr.splitlines()) == 1
