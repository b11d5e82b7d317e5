"""The stages record, score, sample and tag as dvc.yaml defines them, in a small repository with two tiny models: what
changes is made again and nothing else; what cannot run here says so; what is recorded stays."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lms.fingerprint import PLUMBING, job_code
from lms.record import Record
from lms.settings import RecordSettings, SampleSettings, ScoreSettings

ROOT = Path(__file__).parents[3]
yaml = YAML(typ="safe")
JOBS = ("score", "sample", "tag")


def _stages() -> dict[str, Any]:
    return yaml.load(ROOT / "dvc.yaml")["stages"]


JOB_MODULES = {"score": ["lms.score"], "sample": ["lms.sample"], "tag": ["lms.tag", "lms.taggers"]}


@pytest.mark.parametrize("job", JOB_MODULES)
def test_dvc_names_the_code_that_the_fingerprint_holds(job: str) -> None:
    deps = {dep for dep in _stages()[job]["deps"] if not dep.startswith("data/")}
    assert deps == set(job_code(*JOB_MODULES[job])), "`make deps` mends dvc.yaml"


def test_dvc_names_the_settings_that_the_fingerprint_holds() -> None:
    stages = _stages()
    for name, settings in (("score", ScoreSettings), ("sample", SampleSettings)):
        decisive = set(settings.model_fields) - {"cpu_max_parameters"}
        assert set(stages[name]["params"]) == {f"{name}.{field}" for field in decisive}


@pytest.mark.parametrize(
    ("module", "decisive"),
    [
        ("lms.token_losses", {"lms/generate.py", "lms/weights.py", "lms/token_losses.py"}),
        ("lms.contrast", {"lms/drawing.py", "lms/generate.py", "lms/token_losses.py", "lms/weights.py"}),
        ("lms.score", {"lms/tasks", "lms/weights.py", "lms/brier.py"}),
    ],
)
def test_modules_that_decide_numbers_are_in_the_fingerprint(module: str, decisive: set[str]) -> None:
    assert decisive <= set(job_code(module))


def test_plumbing_exists_and_says_why() -> None:
    assert [file for file in PLUMBING if not (ROOT / file).is_file()] == []
    assert all(PLUMBING.values())


def test_params_spell_every_setting() -> None:
    params = yaml.load(ROOT / "params.yaml")
    for name, settings in (("record", RecordSettings), ("score", ScoreSettings), ("sample", SampleSettings)):
        assert set(params[name]) == set(settings.model_fields)
    assert params["record"] == {"regenerate": [], "weights": {}}
    assert params["score"]["run_generated_code"] is False
    assert (params["sample"]["n_texts"], params["sample"]["max_tokens"]) == (5000, 256)
    assert (params["sample"]["temperature"], params["sample"]["top_p"]) == (0.8, 0.9)


class Repository:
    """A DVC repository with this project's packages and language-model stages, and one stage that depends on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for package in ("features", "foretell", "lms", "models", "pipelines"):
            shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
        for folder in ("scores", "lineage"):
            (root / "data" / folder).mkdir(parents=True)
            (root / "data" / folder / ".gitkeep").touch()
        shutil.copy(ROOT / ".gitignore", root)
        stages = {name: stage for name, stage in _stages().items() if name in ("record", *JOBS)}
        stages["gather"] = {
            "cmd": "cat data/scores/*.csv > gathered.csv || true",
            "deps": ["data/scores"],
            "outs": ["gathered.csv"],
        }
        self._write("dvc.yaml", {"stages": stages})
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")

    def clone(self, root: Path) -> Repository:
        """A git clone of this repository, without its DVC cache."""
        self.run("git", "clone", "-q", str(self.root), str(root))
        other = object.__new__(Repository)
        other.root = root
        return other

    def _write(self, name: str, value: Any) -> None:
        with (self.root / name).open("w") as file:
            yaml.dump(value, file)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=400)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def params(self, records: list[Record], data: Path, **sections: Any) -> None:
        params = yaml.load(ROOT / "params.yaml")
        weights = {
            record.slug: {
                "model_id": record.model_id,
                "path": record.location,
                "revision": record.revision,
                "dtype": record.dtype,
            }
            for record in records
        }
        params["record"] = {"regenerate": list(weights), "weights": weights}
        params["score"].update(benchmarks=["lambada_0shot"], data_folder=str(data), max_batch_size=8)
        params["sample"].update(n_texts=8, shard_size=4, batch_size=4, max_tokens=16)
        params["tag"]["parser"]["languages"] = []
        for section, changes in sections.items():
            params[section].update(changes)
        self._write("params.yaml", params)

    def repro(self, check: bool = True) -> tuple[set[str], subprocess.CompletedProcess[str]]:
        """Run `dvc repro`; the stages that ran, and the finished process."""
        done = self.run("dvc", "repro", check=check)
        ran = {line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage '")}
        return ran, done


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.slow
def test_nothing_to_regenerate_needs_neither_gpu_nor_weights(repository: Repository, tmp_path: Path) -> None:
    repository.params([], tmp_path)
    ran, done = repository.repro()
    assert ran == {"record", "gather"}
    assert "all figures are recorded ones" in done.stdout
    assert repository.repro()[0] == set()


@pytest.mark.slow
def test_a_changed_record_makes_its_own_stages_again(
    repository: Repository, tiny_records: list[Record], benchmark_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("py3langid", reason="needs the text extra")
    neox, llama = tiny_records
    repository.params(tiny_records, benchmark_data)
    everything = {f"{job}@{record.slug}" for job in JOBS for record in tiny_records}

    # The GPU work first, spread over tasks, as on a cluster; the stages then only put it together.
    spread = repository.run("python", "-m", "pipelines.cli", "lms", "regenerate")
    assert "4 of 4 done" in spread.stdout
    ran, done = repository.repro()
    assert ran == everything | {"record", "gather"}
    assert "items/s" not in done.stdout + done.stderr
    assert "tokens/s" not in done.stdout + done.stderr
    gathered = (repository.root / "gathered.csv").read_text()
    assert repository.repro()[0] == set()

    # Another dtype of one model: its two stages, and what depends on them.
    halved = replace(llama, dtype="bfloat16")
    repository.params([neox, halved], benchmark_data)
    assert repository.repro()[0] == {"record", "gather"} | {f"{job}@tiny--llama" for job in JOBS}
    assert (repository.root / "gathered.csv").read_text() != gathered
    lineage = json.loads((repository.root / "data/lineage/tiny--llama.score.json").read_text())
    assert (lineage["dtype"], lineage["backend"], lineage["revision"]) == ("bfloat16", "hf", llama.revision)

    # A setting of one job: that job of every model. What only steers this machine: nothing.
    repository.params([neox, halved], benchmark_data, sample={"temperature": 0.7}, score={"cpu_max_parameters": 10**9})
    assert repository.repro()[0] == {f"{job}@{record.slug}" for job in ("sample", "tag") for record in tiny_records}

    # A clone without weights, GPU or unfinished work: what was pushed is used, nothing runs; a stale model says so.
    repository.run("dvc", "remote", "add", "-q", "-d", "store", str(tmp_path_factory.mktemp("store")))
    repository.run("dvc", "push", "-q")
    repository.run("git", "add", "-A")
    repository.run("git", "-c", "user.name=t", "-c", "user.email=t@t.t", "commit", "-q", "-m", "made")
    away = tmp_path_factory.mktemp("away")
    clone = repository.clone(away / "clone")
    for record in tiny_records:
        shutil.move(record.location, away / record.slug)
    try:
        clone.run("dvc", "pull", "-q", "--allow-missing", *sorted(everything))
        assert clone.repro()[0] <= {"record", "gather"}
        assert (clone.root / "gathered.csv").read_bytes() == (repository.root / "gathered.csv").read_bytes()
        clone.params([neox, llama], benchmark_data, sample={"temperature": 0.7})
        _, done = clone.repro(check=False)
    finally:
        for record in tiny_records:
            shutil.move(away / record.slug, record.location)
    assert done.returncode != 0
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("foretell: ")]
    assert len(said) == 1
    assert "is stale and cannot run here (no GPU, and the weights are not on this machine)" in said[0]
    assert "on a GPU machine, then `dvc push`" in said[0]
    assert "Traceback" not in done.stderr

    # One model less on the list: its stages are gone, the other's are untouched.
    repository.params([neox], benchmark_data, sample={"temperature": 0.7})
    assert repository.repro()[0] <= {"record", "gather"}
    assert (repository.root / "data/scores/tiny--gpt_neox.csv").is_file()
