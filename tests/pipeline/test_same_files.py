"""Selection and evaluation write the same files wherever they run: one worker or four, threads, processes, dask workers
of this process or of a scheduler's, and two machines that share one study. docs/scale.md promises it."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import REPOSITORY, Run
from ruamel.yaml import YAML
from servers import dask_cluster, postgres_server

pytestmark = pytest.mark.slow
BENCHMARK = "lambada_0shot"
STAGES = ("pipelines.stages.select", "pipelines.stages.evaluate")
WRITTEN = {
    f"data/selected/{BENCHMARK}.json",
    *(f"data/errors/{BENCHMARK}/{name}" for name in ("errors.csv", "choices.csv", "predictions.parquet")),
}
SMALL = {
    "benchmarks": ["hellaswag_10shot", BENCHMARK],
    "protocol": {"max_depth": [2, 3], "learning_rate": [0.1, 0.3], "n_estimators": [10, 20]},
    "select": {"seeds": 2, "threshold": 1e-3},
    "evaluate": {"seeds": 5, "family_seeds": 2, "lightgbm": True},
}


def change_params(root: Path, changes: Mapping[str, object]) -> None:
    """Set keys of params.yaml, section by section."""
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    for section, values in changes.items():
        params[section] = {**params[section], **values} if isinstance(values, dict) else values
    yaml.dump(params, root / "params.yaml")


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every file that the two stages wrote."""
    files = [path for name in ("selected", "errors") for path in (root / "data" / name).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run_stages(run_module: Run, root: Path) -> dict[str, str]:
    """Run selection and evaluation as processes in `root`; the files' hashes."""
    for stage in STAGES:
        done = run_module(root, stage, BENCHMARK)
        assert done.returncode == 0, done.stderr
    return hashes(root)


@pytest.fixture(scope="module")
def tabulated(small_root: Path, run_module: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slice's tables; tests copy the folder."""
    root = Path(shutil.copytree(small_root, tmp_path_factory.mktemp("tables") / "workspace"))
    shutil.copy(REPOSITORY / "params.yaml", root)
    change_params(root, SMALL)
    done = run_module(root, "pipelines.stages.tabulate")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def fresh(tabulated: Path, tmp_path: Path) -> Path:
    """A workspace in which nothing is selected or evaluated."""
    return Path(shutil.copytree(tabulated, tmp_path / "workspace"))


@pytest.fixture(scope="module")
def alone(tabulated: Path, run_module: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files' hashes with one thread."""
    root = Path(shutil.copytree(tabulated, tmp_path_factory.mktemp("alone") / "workspace"))
    change_params(root, {"parallel": {"backend": "threads", "workers": 1}})
    found = run_stages(run_module, root)
    assert set(found) == WRITTEN
    return found


@pytest.mark.parametrize(("backend", "workers"), [("threads", 4), ("loky", 1), ("loky", 4), ("dask", 1), ("dask", 4)])
def test_workers_and_backends_write_the_same_files(
    fresh: Path, run_module: Run, alone: dict[str, str], backend: str, workers: int
) -> None:
    if backend == "dask":
        pytest.importorskip("distributed", reason="dask is not installed (the extra `cluster` has it)")
    change_params(fresh, {"parallel": {"backend": backend, "workers": workers}})
    assert run_stages(run_module, fresh) == alone


def test_a_schedulers_workers_write_the_same_files(fresh: Path, run_module: Run, alone: dict[str, str]) -> None:
    with dask_cluster(2) as cluster:
        change_params(fresh, {"parallel": {"backend": "dask", "scheduler": cluster.address}})
        assert run_stages(run_module, fresh) == alone


def test_other_seeds_write_other_files(fresh: Path, run_module: Run, alone: dict[str, str]) -> None:
    """The comparison can fail: hashes see a changed setting."""
    change_params(fresh, {"select": {"seeds": 3}, "evaluate": {"seeds": 4}, "parallel": {"workers": 1}})
    found = run_stages(run_module, fresh)
    assert set(found) == WRITTEN
    assert not set(found.values()) & set(alone.values())


def test_two_workspaces_share_one_study_on_postgresql(
    tabulated: Path, tmp_path: Path, run_module: Run, environment: dict[str, str], alone: dict[str, str]
) -> None:
    """Two machines, each with a workspace of its own, evaluate at once: both end with the files of one alone."""
    with postgres_server() as server:
        url = server.url("foretell")
        roots = [Path(shutil.copytree(tabulated, tmp_path / name)) for name in ("one", "other")]
        for root in roots:
            change_params(root, {"evaluate": {"storage": url}, "parallel": {"workers": 1}})
            done = run_module(root, STAGES[0], BENCHMARK)
            assert done.returncode == 0, done.stderr
        command = [sys.executable, "-m", STAGES[1], BENCHMARK]
        both = [
            subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE, text=True) for root in roots
        ]
        try:
            for process in both:
                said = process.communicate(timeout=300)[1]
                assert process.returncode == 0, said
        finally:
            for process in both:
                process.kill()
        assert [hashes(root) for root in roots] == [alone, alone]
