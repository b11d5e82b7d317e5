"""The thirteen benchmarks as data: which tasks make one up, with how many examples, judged by which metric, and how
each task is put to the evaluation harness. The files in `lms/tasks/` are the only place where these settings live;
they hold the harness's own keys, so that a folder of JSON lines can take a hub data set's place without touching
them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from foretell.errors import ConfigError, DataError
from lms.documents import FUNCTIONS

TASKS_FOLDER = Path(__file__).parent / "tasks"
_SPLIT_KEYS = ("training_split", "validation_split", "test_split", "fewshot_split")


@dataclass(frozen=True)
class Benchmark:
    """One benchmark. `tasks`: harness task name (= subtask of a score row) -> the harness's task configuration, with
    functions still as names. `n_shots`: the numbers of examples it is scored with (MMLU: 0 and 5)."""

    name: str
    n_shots: tuple[int, ...]
    metric: str
    tasks: dict[str, dict[str, Any]]


def _task_configuration(task: str, common: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    own = dict(entry)
    functions = {**common.get("functions", {}), **own.pop("functions", {})}
    templates = common.get("templates", {})
    words = {key for key in own if any(f"{{{key}}}" in template for template in templates.values())}
    filled = {}
    for key, template in templates.items():
        for word in words:
            template = template.replace(f"{{{word}}}", str(own[word]))
        filled[key] = template
    overrides = {key: value for key, value in own.items() if key not in words}
    return {"task": task, **common["shared"], **filled, **overrides, "functions": functions}


@functools.lru_cache(maxsize=1)
def load_benchmarks() -> dict[str, Benchmark]:
    """All benchmarks by name, read from the files in `lms/tasks/` (YAML 1.2: "No" stays a word)."""
    benchmarks = {}
    for path in sorted(TASKS_FOLDER.glob("*.yaml")):
        common = YAML(typ="safe").load(path)
        tasks = {task: _task_configuration(task, common, entry) for task, entry in common["tasks"].items()}
        benchmarks[common["benchmark"]] = Benchmark(
            common["benchmark"], tuple(common["n_shot"]), common["metric"], tasks
        )
    return benchmarks


@dataclass(frozen=True)
class Unit:
    """What is scored and saved in one go: a benchmark's tasks with `n_shot` examples each (MMLU is two units)."""

    benchmark: Benchmark
    n_shot: int

    @property
    def slug(self) -> str:
        """The name of the prediction target, `mmlu_5shot`."""
        return f"{self.benchmark.name}_{self.n_shot}shot"


def score_units(slugs: Sequence[str]) -> list[Unit]:
    """The named units (`mmlu_5shot`) in the order of their names; raises ConfigError naming unknown ones."""
    known = {
        unit.slug: unit
        for benchmark in load_benchmarks().values()
        for unit in (Unit(benchmark, n_shot) for n_shot in benchmark.n_shots)
    }
    unknown = sorted(set(slugs) - set(known))
    if unknown:
        raise ConfigError(f"score.benchmarks: unknown {unknown}; known are {', '.join(sorted(known))}.")
    return [known[slug] for slug in sorted(set(slugs))]


@functools.lru_cache(maxsize=1)
def benchmark_of_task() -> dict[str, str]:
    """Harness task name -> benchmark."""
    return {task: benchmark.name for benchmark in load_benchmarks().values() for task in benchmark.tasks}


def local_folder(configuration: dict[str, Any], data_folder: Path) -> Path:
    """Where a task's data lie under a local data folder: `<data set>/<configuration, or default>/`."""
    data_set = configuration["dataset_path"].rsplit("/", 1)[-1]
    return data_folder / data_set / (configuration.get("dataset_name") or "default")


def harness_configuration(configuration: dict[str, Any], n_shot: int, data_folder: Path | None) -> dict[str, Any]:
    """The dict the harness takes as a task: functions resolved, examples set and, with `data_folder`, the hub data
    set replaced by `<split>.jsonl` files. Raises DataError naming the files that are missing."""
    ready = {key: value for key, value in configuration.items() if key != "functions"}
    ready.update({key: FUNCTIONS[name] for key, name in configuration["functions"].items()})
    ready["num_fewshot"] = n_shot
    if data_folder is None:
        return ready
    folder = local_folder(configuration, data_folder)
    used = {configuration[key] for key in _SPLIT_KEYS if configuration.get(key)}
    # The evaluated split is test where there is one; a training split is read for its examples only.
    if n_shot == 0 and configuration.get("test_split"):
        used = {configuration["test_split"]}
    files = {split: folder / f"{split}.jsonl" for split in sorted(used)}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise DataError(
            f"Task {configuration['task']}: no file {', '.join(missing)}; score.data_folder must hold "
            f"<data set>/<configuration>/<split>.jsonl for every benchmark scored (or be empty, to use the hub)."
        )
    for key in _SPLIT_KEYS:
        if ready.get(key) not in files:
            ready.pop(key, None)
    ready.update(dataset_path="json", dataset_name=None)
    ready["dataset_kwargs"] = {"data_files": {split: str(path.resolve()) for split, path in files.items()}}
    return ready
