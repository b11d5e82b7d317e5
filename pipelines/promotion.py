"""Promotion and rollback: gathers what `models/gates.py` judges, plans every move, then makes all or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.schema import BENCHMARKS, RAW_TABLES
from foretell.answering.predictor import Predictor
from foretell.errors import ConfigError, DataError, ForetellError, RefusedError, TrackingError
from models import gates
from models.catalogue import CATALOGUE, MEDIAN
from models.gates import Evidence, Gate
from models.registry import CANDIDATE, STAGE_HASH, ModelVersion, Store
from models.registry.champions import Event, champion, claimed, events, move, previous, stamp, undo
from models.registry.runs import stage_hash, version_stages
from models.schemes import Scheme
from pipelines.cli.comparison import EVIDENCE, run_evidence
from pipelines.files import read_json
from pipelines.lineage import directory_md5, files_md5, md5, read_lock
from pipelines.paths import ERRORS, PREDICTORS, VALIDATION

PROBE = Path(__file__).parents[1] / "models" / "registry" / "probe.py"


@dataclass(frozen=True)
class Plan:
    """What promoting one benchmark would do: from champion `before` ("" = none) to `version`, and what the gates say;
    `note` is set when there is nothing to do."""

    benchmark: str
    name: str
    before: str
    version: str
    gates: tuple[Gate, ...]
    note: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that were not passed."""
        return tuple(gate.name for gate in self.gates if not gate.passed)


def check_benchmarks(names: Sequence[str]) -> None:
    """Raise ConfigError for a benchmark that is not known."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise ConfigError(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")


def plan(store: Store, benchmarks: Sequence[str], version: str) -> list[Plan]:
    """Check every gate of each benchmark's candidate (or of `version`), moving nothing.

    Raises TrackingError when there is no such version, ConfigError for an unknown benchmark.
    """
    check_benchmarks(benchmarks)
    chosen = {benchmark: _version(store, f"foretell-{benchmark}", version) for benchmark in benchmarks}
    befores = {benchmark: champion(store, str(found.name)) for benchmark, found in chosen.items()}
    fresh = {benchmark: found for benchmark, found in chosen.items() if befores[benchmark] != str(found.version)}
    folders = {benchmark: store.download(found) for benchmark, found in fresh.items()}
    served = _served(store, fresh, folders)
    plans = []
    for benchmark, found in chosen.items():
        before = befores[benchmark]
        note = f"version {found.version} is the champion already: nothing to do"
        checked: tuple[Gate, ...] = ()
        if benchmark in fresh:
            note, checked = "", _gates(store, benchmark, found, before, folders[benchmark], served[benchmark])
        plans.append(Plan(benchmark, str(found.name), before, str(found.version), checked, note))
    return plans


def promote(store: Store, plans: Sequence[Plan], reason: str = "") -> list[Event]:
    """Move every planned champion, or none: a move that fails takes the earlier ones back. `reason` forces plans whose
    gates failed and is recorded. Raises RefusedError when one failed without it, TrackingError when somebody else was
    faster."""
    refused = [f"{one.benchmark} ({', '.join(one.failed)})" for one in plans if one.failed]
    if refused and not reason:
        passed = " ".join(one.benchmark for one in plans if not one.failed and not one.note)
        hint = f"; `--passing` promotes the others: {passed}" if passed else ""
        raise RefusedError(f"not promoted: {'; '.join(refused)}; no champion was moved{hint}")
    work = [one for one in plans if not one.note]
    made: list[tuple[str, Event]] = []
    if not work:
        return []
    with claimed(store, [one.name for one in work]):
        try:
            for one in work:
                when, who = stamp()
                event = Event("promote", one.before, one.version, when, who, reason, one.failed)
                move(store, one.name, event)
                made.append((one.name, event))
        except ForetellError as error:
            for name, event in reversed(made):
                undo(store, name, event)
            back = f"; taken back: {', '.join(name for name, _ in made)}" if made else ""
            raise TrackingError(f"{error}{back}") from None
    return [event for _, event in made]


def roll_back(store: Store, benchmark: str, reason: str) -> Event:
    """Make the champion before the present one the champion again (or nobody, when it was the first)."""
    check_benchmarks([benchmark])
    name = f"foretell-{benchmark}"
    _version(store, name, "")
    current = champion(store, name)
    if not current:
        raise TrackingError(f"{name} has no champion to roll back")
    with claimed(store, [name]):
        when, who = stamp()
        event = Event("rollback", current, previous(events(store, name)), when, who, reason)
        move(store, name, event)
    return event


def _version(store: Store, name: str, wanted: str) -> ModelVersion:
    known = store.versions(name)
    if not known:
        raise TrackingError(f"{name} is not registered in {store.uri}; `foretell track` registers what is made")
    if wanted:
        found = next((version for version in known if str(version.version) == wanted), None)
    else:
        found = store.alias(name, CANDIDATE)
    if found is None:
        numbers = ", ".join(str(version.version) for version in known)
        raise TrackingError(f"{name} has no {f'version {wanted}' if wanted else CANDIDATE}; there are: {numbers}")
    return found


def _gates(
    store: Store, benchmark: str, version: ModelVersion, before: str, folder: Path, served: Mapping[str, Any]
) -> tuple[Gate, ...]:
    lock, predictor = read_lock(), Predictor.load(folder)
    made = {f"fit@{benchmark}": PREDICTORS / benchmark, f"evaluate@{benchmark}": ERRORS / benchmark}
    for stage in made:
        if stage not in lock["stages"]:
            raise DataError(f"dvc.lock has no stage {stage}; `dvc repro` writes it")
    evidence = {
        path.as_posix(): md5(store.run_file(str(version.run_id), f"errors/{path.name}"))
        for path in (ERRORS / benchmark / name for name in EVIDENCE)
    }
    current = stage_hash(lock, version_stages(benchmark), str(version.tags.get("predictor", "")))
    agree = gates.files_agree(
        version.tags.get(STAGE_HASH, "none"),
        current,
        files_md5(folder) | evidence,
        (files_md5(PREDICTORS / benchmark) if (PREDICTORS / benchmark).is_dir() else {})
        | {name: md5(Path(name)) for name in evidence if Path(name).is_file()},
        all(_locked(lock, stage, local) for stage, local in made.items()),
    )
    raw = {str(table.path): md5(table.path) for table in RAW_TABLES.values() if table.path.is_file()}
    validated = {item["path"]: item.get("md5", "") for item in lock["stages"]["validate"]["deps"]}
    valid = gates.data_valid(int(read_json(VALIDATION)["problems"]), validated, raw)
    mine, theirs = _evidence(store, version), _opponent(store, version, before)
    measured = read_json(folder / "coverage.json")  # one of the files that the first gate holds against dvc.lock
    by_scheme = {scheme: measured[scheme]["coverage"] for scheme in Scheme}
    covered = gates.covers(predictor.card.level, by_scheme[Scheme.RANDOM], by_scheme[Scheme.FAMILY])
    own = predictor.predict(probes(predictor))
    answers = pd.DataFrame(served.get("answers", []))
    return (
        agree,
        valid,
        gates.lower_error(mine, theirs),
        gates.families_not_worse(mine, theirs),
        covered,
        gates.finite(own),
        gates.loads(str(served.get("problem", "")), answers, own),
    )


def _locked(lock: Mapping[str, Any], stage: str, folder: Path) -> bool:
    """Is this folder what dvc.lock records as the stage's?"""
    recorded = {item["path"]: item["md5"] for item in lock["stages"][stage]["outs"]}
    return folder.is_dir() and directory_md5(folder) == recorded.get(str(folder))


def _evidence(store: Store, version: ModelVersion, label: str = "", predictor: str = "") -> Evidence:
    run = store.client.get_run(str(version.run_id))
    return run_evidence(store, run, label or f"version {version.version}", predictor)


def _opponent(store: Store, version: ModelVersion, before: str) -> Evidence:
    """The champion's evidence; for a first champion the predictor that the candidate is compared with in the report, or
    the median where it is compared with none."""
    if before:
        return _evidence(store, _version(store, str(version.name), before), f"the champion (version {before})")
    opponent = CATALOGUE.get(str(version.tags.get("predictor")), MEDIAN).reference or MEDIAN
    return _evidence(store, version, f"{opponent.title} (there is no champion yet)", opponent.name)


def probes(predictor: Predictor) -> pd.DataFrame:
    """The probe set: the card's examples, nothing known, every word, every feature at its least and largest value."""
    rows: list[dict[str, Any]] = [dict(example) for example in predictor.card.examples]
    rows.append(dict.fromkeys(predictor.features))
    for name in predictor.features:
        feature = predictor.card.encoding.feature(name)
        known = [word for word in predictor.card.encoding.words.get(name, ()) if word != "missing"]
        values = known if feature.kind == "word" else [feature.low, feature.high]
        rows += [{**rows[2], name: value} for value in values]
    return pd.DataFrame(rows, columns=list(predictor.features)).astype(object)


def _served(store: Store, versions: Mapping[str, ModelVersion], folders: Mapping[str, Path]) -> dict[str, Any]:
    """Benchmark -> what the stored model answers to the probes, loaded in a process that knows nothing of this one."""
    if not versions:
        return {}
    uris = {benchmark: f"models:/{found.name}/{found.version}" for benchmark, found in versions.items()}
    asked = {}
    for benchmark, uri in uris.items():
        queries = probes(Predictor.load(folders[benchmark]))
        asked[uri] = queries.where(queries.notna(), None).to_dict("records")
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "asked.json", Path(folder) / "answers.json"
        question.write_text(json.dumps(asked), encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"MLFLOW_TRACKING_URI": store.uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
        command = [sys.executable, "-P", str(PROBE), str(question), str(answer)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not answer.is_file():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return {benchmark: {"problem": f"the loading process failed: {last[:300]}"} for benchmark in uris}
        found = json.loads(answer.read_text(encoding="utf-8"))
    return {benchmark: found[uri] for benchmark, uri in uris.items()}
