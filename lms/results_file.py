"""Results files of lm-evaluation-harness: 0.4 (`results`, `n-shot`, `configs`, groups), 0.3 (`config.num_fewshot`,
`hendrycksTest-*`, `truthfulqa_mc`) and the first leaderboard's copies of it (`harness|arc:challenge|25`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from features.targets import Target
from foretell.errors import DataError
from lms.harness_settings import COMMIT, model_arguments, objections, short_of_items, stated_revision
from lms.results import SECONDARY, ScoreRow, score_of

EXPECTED = "expected a results file of lm-evaluation-harness (0.3 or later)"


@dataclass(frozen=True)
class ResultsFile:
    """What a results file holds: the rows that a target averages (NaN with a reason where there is no value), what was
    left out and why, why nothing of it can be recorded (`objections`), and the lineage it states ("" where not)."""

    rows: list[ScoreRow]
    left_out: list[str]
    objections: list[str]
    stated_model: str
    harness_version: str
    revision: str
    precision: str
    backend: str
    date: str


def read_results_file(
    path: Path, targets: Mapping[str, Target], model_id: str = "", finished_revision: str = ""
) -> ResultsFile:
    """Score rows from a results file and the sample files beside it, for the subtasks and settings of `targets`.

    `model_id` is whose scores they are; left out: the model that the file names. Raises DataError if the file is not
    JSON, has no results, names no model, or none of its tasks belongs to a target.
    """
    document = _document(path)
    config = _mapping(document.get("config")) or _mapping(document.get("config_general"))
    document = {**document, "config": config}
    arguments = model_arguments(config)
    stated = str(document.get("model_name") or config.get("model_name") or arguments.get("pretrained") or "")
    name = model_id or stated
    if not name:
        raise DataError(f"{path}: the file names no model; give --id org/name")
    rows: list[ScoreRow] = []
    left_out: list[str] = []
    for task, n_shot, values in _tasks(document):
        reason = _refusal(task, n_shot, values, targets) or short_of_items(document, task)
        if reason:
            left_out.append(f"{task}: {reason}")
        else:
            rows.extend(_rows(name, (task, n_shot, values), targets, _samples(path, task)))
    if not rows:
        raise DataError(f"{path}: none of its tasks can be recorded ({'; '.join(left_out[:5])})")
    revision = stated_revision(config)
    commit = str(config.get("model_sha") or "")
    return ResultsFile(
        rows=rows,
        left_out=left_out,
        objections=objections(document, finished_revision),
        stated_model=stated,
        harness_version=str(document.get("lm_eval_version") or ""),
        revision=commit if COMMIT.fullmatch(commit) else revision,
        precision=str(config.get("model_dtype") or arguments.get("dtype") or "").removeprefix("torch."),
        backend=str(document.get("model_source") or config.get("model") or ""),
        date=_date(document.get("date")),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error})") from error
    if not isinstance(document, dict) or not isinstance(document.get("results"), dict):
        raise DataError(f"{path}: no object `results`; {EXPECTED}")
    if not document["results"]:
        raise DataError(f"{path}: `results` is empty; {EXPECTED}")
    return document


def _tasks(document: Mapping[str, Any]) -> Iterator[tuple[str, int | None, Mapping[str, Any] | None]]:
    """(task as it is called today, examples or None, metrics or None) of every entry of `results`."""
    for written, values in sorted(document["results"].items()):
        parts = written.split("|")  # the first leaderboard: harness|arc:challenge|25
        task, n_shot = written, _n_shot(document, written, values)
        if len(parts) >= 3 and parts[2].isdecimal():
            task, n_shot = parts[1].replace(":", "_"), int(parts[2])
        if task.startswith("hendrycksTest-"):
            task = "mmlu_" + task.removeprefix("hendrycksTest-")
        values = values if isinstance(values, Mapping) else None
        if task == "truthfulqa_mc" and values is not None:
            for kind in ("mc1", "mc2"):
                yield (
                    f"truthfulqa_{kind}",
                    n_shot,
                    {"acc": values.get(kind), "acc_stderr": values.get(f"{kind}_stderr")},
                )
        else:
            yield task, n_shot, values


def _n_shot(document: Mapping[str, Any], task: str, values: Any) -> int | None:
    # A group's own number is often 0 whatever its members have: the members' comes first.
    members = _mapping(document.get("group_subtasks")).get(task) or []
    of_members = {_n_shot(document, member, None) for member in members if member != task}
    if len(of_members) == 1 and None not in of_members:
        return of_members.pop()
    if len(of_members) > 1:
        return None
    for stated in (
        _mapping(document.get("n-shot")).get(task),
        _mapping(values).get("n_shot"),
        _mapping(_mapping(document.get("configs")).get(task)).get("num_fewshot"),
        _mapping(document.get("config")).get("num_fewshot"),
    ):
        if isinstance(stated, int) and not isinstance(stated, bool):
            return stated
    return None


def _of_task(task: str, targets: Mapping[str, Target]) -> list[Target]:
    return [t for t in targets.values() if task in (*t.needed, *t.optional, *t.whole)]


def _refusal(task: str, n_shot: int | None, values: Any, targets: Mapping[str, Target]) -> str:
    known = _of_task(task, targets)
    if not known:
        return "no target averages it"
    if values is None:
        return "the file holds no values for it"
    if n_shot is None:
        return "the file does not say with how many examples"
    if all(target.n_shot != n_shot for target in known):
        return (
            f"{n_shot}-shot; targets average it {' or '.join(f'{n}-shot' for n in sorted({t.n_shot for t in known}))}"
        )
    return ""


def _rows(
    model_id: str,
    result: tuple[str, int | None, Mapping[str, Any] | None],
    targets: Mapping[str, Target],
    samples: list[dict[str, Any]],
) -> list[ScoreRow]:
    task, n_shot, values = result
    of_setting = [target for target in _of_task(task, targets) if target.n_shot == n_shot]
    if not of_setting or n_shot is None or values is None:
        return []
    benchmark = of_setting[0].benchmark
    metrics = list(dict.fromkeys([target.metric for target in of_setting]))
    extra = [metric for metric in SECONDARY.get(benchmark, ()) if metric not in metrics]
    rows = []
    for metric in (*metrics, *extra):
        score, stderr, reason = score_of(values, metric, samples)
        if metric in metrics or not reason:
            rows.append(ScoreRow(model_id, benchmark, task, n_shot, metric, score, stderr, reason))
    return rows


def _samples(path: Path, task: str) -> list[dict[str, Any]]:
    # The harness writes results_<date>.json and, with --log_samples, samples_<task>_<same date>.jsonl.
    file = path.with_name(f"samples_{task.replace('/', '__')}_{path.stem.removeprefix('results_')}.jsonl")
    if not file.is_file():
        return []
    try:
        return [json.loads(line) for line in file.read_bytes().splitlines() if line]
    except ValueError as error:
        raise DataError(f"{file}: not readable JSON lines ({error})") from error


def _date(stated: Any) -> str:
    if isinstance(stated, (int, float)) and not isinstance(stated, bool) and 1e9 < stated < 1e10:
        return datetime.fromtimestamp(stated, UTC).date().isoformat()
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
