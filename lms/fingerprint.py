"""The key of a language model's unfinished work, and the lineage file that states it. The key changes with the weights,
with the settings, and with the source of every module that decides a number, computed from what the job imports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from foretell.sources import source_files
from lms.record import Record

ROOT = Path(__file__).parents[1]

# Left out of every job's code, with the reason: a change of these decides no number and must not cost GPU days.
PLUMBING = {
    "foretell/__init__.py": "the names that `import foretell` offers, loaded when used",
    "foretell/errors.py": "the kinds of errors: a job that fails writes nothing",
    "foretell/files.py": "how a file is written whole, not what it holds",
    "foretell/sources.py": "computes this very list",
    "lms/checkpoints.py": "reads the list of checkpoints; the record of each is in the fingerprint itself",
    "lms/files.py": "the folder of unfinished work and how its files are written, not what they hold",
    "lms/fingerprint.py": "makes the key, no number",
    "lms/machine.py": "whether this machine can run a model; versions and device are kept beside the work",
    "lms/pretrain/cost.py": "what a run costs, computed before it starts and printed",
    "lms/pretrain/progress.py": "what is printed while a model is trained",
    "lms/record.py": "which weights: the record is in the fingerprint itself",
    "lms/settings.py": "reads settings, whose values are in the fingerprint themselves",
    "lms/lab_settings.py": "reads settings, whose values are in the fingerprint themselves",
    "lms/probe_settings.py": "reads settings, whose values are in the fingerprint themselves",
    "lms/dynamics/settings.py": "reads settings, whose values are in the fingerprint themselves",
    "lms/measure/settings.py": "reads settings, whose values are in the fingerprint themselves",
    "lms/tag_settings.py": "reads settings, whose values are in the fingerprint themselves",
}


@lru_cache(maxsize=16)
def job_code(*modules: str) -> tuple[str, ...]:
    """The source files and folders that decide a job's numbers: `modules` ("lms.score") and what they import, without
    PLUMBING, as posix paths below the repository, sorted."""
    return tuple(sorted(source_files(ROOT, modules, PLUMBING)))


def job_fingerprint(record: Record, settings: Mapping[str, Any], *modules: str) -> str:
    """16 hex digits that change with the record, the job's settings or the code of `modules` (as `job_code`)."""
    text = json.dumps({"record": asdict(record), "settings": settings, "code": code_hashes(*modules)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_hashes(*modules: str) -> dict[str, str]:
    """Path below the repository -> SHA-256, of every file that `job_code` names or that lies in a folder it names."""
    files = [path for name in job_code(*modules) for path in _files(ROOT / name)]
    return {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def lineage_text(record: Record, job: str, fingerprint: str, backend: str, environment: Mapping[str, str]) -> str:
    """The lineage file: which record and settings, when, with which revision, backend, dtype, versions and device."""
    lineage = {
        "job": job,
        "slug": record.slug,
        "model_id": record.model_id,
        "fingerprint": fingerprint,
        "regenerated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": record.revision,
        "dtype": record.dtype,
        "backend": backend,
        "harness_version": environment["lm_eval"],
        "environment": dict(environment),
    }
    return json.dumps(lineage, indent=2, sort_keys=True) + "\n"
