"""What tests share: the real raw tables (pulled from the clone's own store when they are not there), a small real slice
of them (40 models, two benchmarks), and a workspace in which stages run on that slice as they run in a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from known_targets import TARGETS
from ruamel.yaml import YAML

from features.encoding import encoding_of
from features.raw import read_raw, read_text
from features.schema import RAW_TABLES
from features.tabulate import Tables, tabulate
from foretell.errors import ConfigError
from foretell.lightgbm_library import lightgbm_problem
from models.task import Task

os.environ.setdefault("FORETELL_CACHE", tempfile.mkdtemp(prefix="foretell-tests-"))  # not the user's
REPOSITORY = Path(__file__).resolve().parents[1]
SMALL_BENCHMARKS = ("hellaswag_10shot", "lambada_0shot")
N_SMALL = 40

SMALL_PARAMS = {
    "protocol": {"max_depth": [2, 3], "learning_rate": [0.1, 0.3], "n_estimators": [10, 20]},
    "select": {"seeds": 1},
    "evaluate": {"seeds": 3, "family_seeds": 2, "lightgbm": False},
    "explain": {"seeds": 2},
    "fit": {"seeds": 2, "calibration_folds": 5},
    "parallel": {"workers": 1},
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def skipped_without_lightgbm() -> Iterator[None]:
    """Skip a test that needs LightGBM where it cannot be used, with the reason that a person is given."""
    try:
        yield
    except ConfigError as error:
        if lightgbm_problem() and lightgbm_problem() in str(error):
            pytest.skip(str(error))
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with skipped_without_lightgbm():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with skipped_without_lightgbm():
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def raw_root() -> Path:
    """A root whose data/raw holds every raw table; `dvc pull` brings them from the store inside the clone."""
    if not all((REPOSITORY / table.path).is_file() for table in RAW_TABLES.values()):
        (REPOSITORY / ".locks").mkdir(exist_ok=True)
        with FileLock(REPOSITORY / ".locks" / "tests-pull.lock"):
            pointers = [f"{table.path}.dvc" for table in RAW_TABLES.values() if table.versioned_by == "dvc"]
            command = [sys.executable, "-m", "dvc", "pull", "--quiet", *pointers]
            subprocess.run(command, cwd=REPOSITORY, check=True, timeout=120)
    return REPOSITORY


@pytest.fixture(scope="session")
def raw(raw_root: Path) -> dict[str, pd.DataFrame]:
    """Every raw table, typed; tests must not change them."""
    return {name: read_raw(table, raw_root) for name, table in RAW_TABLES.items()}


@pytest.fixture(scope="session")
def small_text(raw_root: Path) -> dict[str, pd.DataFrame]:
    """The slice as text: every second model that has generations and scores on both benchmarks, until there are 40."""
    text = {name: read_text(table, raw_root) for name, table in RAW_TABLES.items()}
    scores = text["scores"]
    measured = [
        set(scores.loc[(scores["benchmark"] == name) & scores["score"].notna(), "model_id"])
        for name in ("hellaswag", "lambada")
    ]
    base = set(text["models"].loc[text["models"]["base_kind"] == "from_scratch", "model_id"])
    usable = sorted(set.intersection(base, *measured, set(text["generations"]["model_id"])))
    chosen = usable[::2][:N_SMALL] + usable[1::2][: max(0, N_SMALL - len(usable[::2]))]
    assert len(chosen) == N_SMALL
    small = {name: _slice(name, frame, chosen) for name, frame in text.items()}
    kept = small["scores"]["benchmark"].isin(["hellaswag", "lambada"])
    small |= {"scores": small["scores"][kept].reset_index(drop=True), "doubts": _one_doubt(small["scores"])}
    named = small["witnesses"]["benchmark"].isin(["hellaswag", "lambada"])
    return {**small, "witnesses": small["witnesses"][named].reset_index(drop=True)}


def _one_doubt(scores: pd.DataFrame) -> pd.DataFrame:
    """A doubt that changes no number: the last model's HellaSwag, replaced by an equal measurement."""
    own = scores[(scores["benchmark"] == "hellaswag") & (scores["metric"] == "accuracy")].iloc[-1]
    values = {"model_id": own["model_id"], "target": "hellaswag_10shot", "subtask": "all", "recorded": own["score"],
              "witness": own["score"], "decision": "use_witness", "reason": "made up", "source": "a test"}  # fmt: skip
    return pd.DataFrame([values], dtype=object)


def _slice(name: str, frame: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """The rows of these models; of a table about something else its first 60, and every definition."""
    if name in ("targets", "subtasks"):
        return frame
    if "model_id" in frame and RAW_TABLES[name].key[0] == "model_id":
        return frame[frame["model_id"].isin(models)].reset_index(drop=True)
    if name == "controlled_shares":  # whole shares of code: every task must be measured at each
        return frame[:63]
    if name == "controlled_corpora":  # two whole checkpoints
        return frame[:84]
    if name == "controlled_recipes":  # two whole runs
        return frame[frame["run"].isin(frame["run"].unique()[:2])].reset_index(drop=True)
    return frame[:60]


def write_raw(root: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write text tables to `root`/data/raw as the CSV files they came from."""
    for name, frame in tables.items():
        path = root / RAW_TABLES[name].path
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False, lineterminator="\n")


@pytest.fixture(scope="session")
def small_root(small_text: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the slice under data/raw and small parameters in params.yaml; tests copy it, never change it."""
    root = tmp_path_factory.mktemp("small")
    write_raw(root, small_text)
    yaml = YAML()
    params = yaml.load(REPOSITORY / "params.yaml")
    params["benchmarks"] = list(SMALL_BENCHMARKS)
    for section, values in SMALL_PARAMS.items():
        params[section] |= values
    yaml.dump(params, root / "params.yaml")
    return root


@pytest.fixture(scope="session")
def small_tables(small_root: Path) -> Tables:
    """The verified view of the slice."""
    raw = {name: read_raw(table, small_root) for name, table in RAW_TABLES.items()}
    return tabulate(raw, "verified", [TARGETS[slug] for slug in SMALL_BENCHMARKS], 30)


@pytest.fixture(scope="session")
def small_task(small_tables: Tables) -> Task:
    """LAMBADA on the slice."""
    scores = small_tables.scores
    target = scores.loc[scores["benchmark"] == "lambada_0shot", ["model_id", "score"]]
    return Task.of(TARGETS["lambada_0shot"], small_tables.design, target, encoding_of(small_tables.design, "verified"))


@pytest.fixture
def workspace(small_root: Path, tmp_path: Path) -> Path:
    """A copy of the slice to run stages in."""
    root = tmp_path / "workspace"
    shutil.copytree(small_root, root)
    return root


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of a stage started outside the checkout."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "GX_ANALYTICS_ENABLED": "False"}


@pytest.fixture(scope="session")
def run_module(environment: dict[str, str]) -> Run:
    """run_module(root, "pipelines.stages.tabulate", ...) runs a stage in `root` and returns the finished process."""

    def run(root: Path, module: str, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *args]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)

    return run
