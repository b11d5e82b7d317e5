"""Benchmark scores of one language model by lm-evaluation-harness on its Hugging Face backend. The work is cut into
units (a benchmark with a number of examples); each finished unit is a file, so that a run that was killed resumes
after it and ends with the same bytes. Log-likelihoods always come from this one backend: another one's would not be
comparable."""

from __future__ import annotations

import gzip
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.errors import DataError
from lms.benchmarks import Unit, harness_configuration, score_units
from lms.documents import winogrande_right_option
from lms.files import open_work, work_folder, write_once, write_whole
from lms.fingerprint import job_fingerprint, lineage_text
from lms.machine import require_runnable, runtime_environment
from lms.programs import NOT_ALLOWED, pass_at_1
from lms.record import Record
from lms.results import ScoreRow, reduce_results, right_option, score_table
from lms.settings import ScoreSettings
from lms.weights import LoadedModel, load_model

JOB = "score"


def score_fingerprint(record: Record, settings: ScoreSettings) -> str:
    """Key of a scoring run: changes with the record and with every setting that can change a score."""
    return job_fingerprint(record, settings.model_dump(exclude={"cpu_max_parameters"}), __name__)


def _without_pass_at_1(record: Record, unit: Unit) -> list[ScoreRow]:
    return [
        ScoreRow(
            record.model_id,
            unit.benchmark.name,
            task,
            unit.n_shot,
            unit.benchmark.metric,
            math.nan,
            math.nan,
            NOT_ALLOWED,
        )
        for task in unit.benchmark.tasks
    ]


def _item(task: str, n_shot: int, sample: Mapping[str, Any]) -> dict[str, Any]:
    """One item as it is kept: the right option and the options' log-likelihoods, or the answer's text."""
    item: dict[str, Any] = {
        "task": task,
        "n_shot": n_shot,
        "doc_id": sample["doc_id"],
        "prompt_hash": sample["prompt_hash"],
    }
    answers = sample["filtered_resps"]
    if isinstance(answers[0], (list, tuple)):
        item["log_likelihoods"] = [float(f"{answer[0]:.7g}") for answer in answers]
        if task == "winogrande":  # its contexts differ and its continuations do not
            item["right"] = winogrande_right_option(sample["doc"])
        elif len(answers) > 1:
            item["right"] = right_option(sample)
        item["greedy"] = [bool(answer[1]) for answer in answers]
    else:
        item["answer"] = str(answers[0])
    return item


def _with_stderr(row: ScoreRow, samples: Sequence[Mapping[str, Any]]) -> ScoreRow:
    """s / sqrt(n) over the items' accuracies, which the harness computes only together with a slow bootstrap."""
    key = {"acc_norm": "acc_norm", "accuracy": "exact_match" if "exact_match" in samples[0] else "acc"}.get(row.metric)
    if key is None or key not in samples[0] or len(samples) < 2 or math.isfinite(row.stderr):
        return row
    values = np.array([float(sample[key]) for sample in samples])
    return replace(row, stderr=float(values.std(ddof=1) / math.sqrt(values.size)))


def _run_harness(loaded: LoadedModel, unit: Unit, settings: ScoreSettings) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    data_folder = Path(settings.data_folder) if settings.data_folder else None
    language_model = HFLM(
        pretrained=loaded.model,
        tokenizer=loaded.tokenizer,
        batch_size=settings.batch_size or "auto",
        max_batch_size=settings.max_batch_size,
    )
    tasks = [
        harness_configuration(configuration, unit.n_shot, data_folder)
        for configuration in unit.benchmark.tasks.values()
    ]
    for task in tasks:
        answer = task.get("generation_kwargs", {})
        if "max_gen_toks" in answer:
            # The harness asserts that an answer leaves room in the context: half is left for the prompt.
            longest = min(answer["max_gen_toks"], language_model.max_length // 2)
            task["generation_kwargs"] = {**answer, "max_gen_toks": longest}
    results = simple_evaluate(
        model=language_model,
        tasks=tasks,
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    return dict(results or {})


@dataclass(frozen=True)
class UnitScores:
    """What scoring one unit gave: its score rows, and every item as `_item` keeps it."""

    rows: list[ScoreRow]
    items: list[dict[str, Any]]


def score_unit(loaded: LoadedModel, record: Record, unit: Unit, settings: ScoreSettings) -> UnitScores:
    """Rows and items of one unit."""
    model_id, metric = record.model_id, unit.benchmark.metric
    if unit.benchmark.name == "humaneval" and not settings.run_generated_code:
        print(f"score {record.slug}: humaneval left out: {NOT_ALLOWED}", file=sys.stderr)
        return UnitScores(_without_pass_at_1(record, unit), [])
    results = _run_harness(loaded, unit, settings)
    samples: dict[str, list[dict[str, Any]]] = results["samples"]
    items = [_item(task, unit.n_shot, sample) for task in sorted(samples) for sample in samples[task]]
    if unit.benchmark.name == "humaneval":
        outcomes = pass_at_1(samples["humaneval"])
        for item, (passed, why) in zip(items, outcomes, strict=True):
            item.update(passed=passed, why=why)
        passed_share = np.array([passed for passed, _ in outcomes], dtype=float)
        stderr = float(passed_share.std(ddof=1) / math.sqrt(passed_share.size)) if passed_share.size > 1 else math.nan
        rows = [ScoreRow(model_id, "humaneval", "humaneval", unit.n_shot, metric, float(passed_share.mean()), stderr)]
    else:
        rows, left_out = reduce_results(model_id, results, samples)
        if left_out:
            raise DataError(f"score {record.slug}, {unit.slug}: the harness returned unexpected tasks {left_out}.")
        rows = [_with_stderr(row, samples[row.subtask]) for row in rows]
    return UnitScores(rows, items)


def _unit_file(work: Path, unit: Unit) -> Path:
    return work / f"{unit.slug}.json"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def score_missing_units(
    record: Record, settings: ScoreSettings, work_root: Path, device: str, say: Callable[[str], None] = _say
) -> Path:
    """Score every unit that has no file yet and return the work folder. This is what runs on a GPU, here or on a
    worker.

    The model is loaded only if something is missing. Each unit's file is written once and whole.
    """
    # The harness keeps a request cache inside its own package unless told otherwise.
    os.environ.setdefault("LM_HARNESS_CACHE_PATH", str(work_root / "harness_cache"))
    work = open_work(work_root, JOB, record.slug, score_fingerprint(record, settings), runtime_environment(device))
    missing = [unit for unit in score_units(settings.benchmarks) if not _unit_file(work, unit).is_file()]
    loaded = load_model(record, device) if missing else None
    for unit in missing:
        assert loaded is not None
        started = time.perf_counter()
        outcome = score_unit(loaded, record, unit, settings)
        seconds = time.perf_counter() - started
        write_once(_unit_file(work, unit), (json.dumps(asdict(outcome), ensure_ascii=False) + "\n").encode())
        n_items = len(outcome.items)
        say(f"score {record.slug}: {unit.slug}, {n_items} items in {seconds:.1f} s, {n_items / seconds:.1f} items/s")
    return work


def _finished_units(work: Path, settings: ScoreSettings) -> Iterator[UnitScores]:
    for unit in score_units(settings.benchmarks):
        content = json.loads(_unit_file(work, unit).read_text(encoding="utf-8"))
        yield UnitScores([ScoreRow(**row) for row in content["rows"]], content["items"])


def all_units_scored(record: Record, settings: ScoreSettings, work_root: Path) -> Path | None:
    """The work folder if every unit is there (made here or by workers on a shared disk), else None."""
    work = work_folder(work_root, JOB, record.slug, score_fingerprint(record, settings))
    return work if all(_unit_file(work, unit).is_file() for unit in score_units(settings.benchmarks)) else None


@dataclass(frozen=True)
class ScoreFiles:
    """The three outputs of a scoring run: the rows (CSV), the items (gzipped JSON lines) and the lineage (JSON)."""

    scores: Path
    items: Path
    lineage: Path


def write_score_files(record: Record, settings: ScoreSettings, work: Path, files: ScoreFiles) -> None:
    """Put a finished run's units together. Scores and items depend on nothing but the units, so equal units are equal
    bytes; when and where the run happened is in the lineage file alone."""
    units = list(_finished_units(work, settings))
    table = score_table(row for unit in units for row in unit.rows)
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for unit in units for item in unit.items)
    write_whole(files.items, gzip.compress(lines.encode(), mtime=0))
    write_whole(files.scores, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    environment = json.loads((work / "environment.json").read_text(encoding="utf-8"))
    write_whole(
        files.lineage, lineage_text(record, JOB, score_fingerprint(record, settings), "hf", environment).encode()
    )


def score_model(record: Record, settings: ScoreSettings, work_root: Path, files: ScoreFiles) -> None:
    """Score one language model and write its files; what an earlier, interrupted run finished is used.

    Raises ConfigError, one line, if something is left to score and this machine cannot run the model.
    """
    work = all_units_scored(record, settings, work_root)
    if work is None:
        device = require_runnable(JOB, record, settings.cpu_max_parameters)
        work = score_missing_units(record, settings, work_root, device)
    write_score_files(record, settings, work, files)
