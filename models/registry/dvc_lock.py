"""What dvc.lock records: each stage's dependencies, outputs and parameters, and from them which facts a stage read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foretell.errors import DataError
from models.registry.hashes import file_md5


@dataclass(frozen=True)
class DvcLock:
    """`stages` maps a stage's name (`fit@mmlu_5shot`) to its entry in dvc.lock; `md5` is the hash of the whole file."""

    stages: Mapping[str, Mapping[str, Any]]
    md5: str

    @classmethod
    def read(cls, path: Path) -> DvcLock:
        """Read dvc.lock. Raises DataError when it is missing or not YAML."""
        try:
            content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
            return cls(dict(content["stages"]), file_md5(path))
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; `dvc repro` writes it") from None
        except (YAMLError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not a dvc.lock ({' '.join(str(error).split())[:200]}); run `dvc repro`") from None

    def entry(self, stage: str) -> Mapping[str, Any]:
        """What is recorded for a stage. Raises DataError when the stage was never run."""
        if stage not in self.stages:
            raise DataError(f"dvc.lock has no stage {stage}; `dvc repro` writes it")
        return self.stages[stage]

    def dependencies(self, stage: str) -> dict[str, str]:
        """Path -> MD5 of each dependency of a stage."""
        return {item["path"]: item.get("md5", "") for item in self.entry(stage).get("deps", [])}

    def outputs(self, stage: str) -> dict[str, str]:
        """Path -> MD5 of each output of a stage."""
        return {item["path"]: item.get("md5", "") for item in self.entry(stage).get("outs", [])}

    def makers(self, path: str) -> list[str]:
        """The stages with an output that is `path`, contains it or lies below it."""
        return [stage for stage in self.stages if any(_overlap(path, output) for output in self.outputs(stage))]

    def stage_hash(self, stages: Sequence[str], *extra: str) -> str:
        """SHA-256 (32 digits) over the dependencies, parameters, outputs and commands of `stages`, and `extra` words.

        It changes exactly when one of the files or parameters behind a run changes.
        """
        recorded = {}
        for stage in stages:
            files = self.dependencies(stage) | self.outputs(stage)
            entry = self.entry(stage)
            recorded[stage] = {"files": files, "params": entry.get("params", {}), "cmd": entry.get("cmd", "")}
        text = json.dumps([recorded, extra], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def facts_read(self, stages: Iterable[str], facts: Sequence[str], gates: Sequence[str] = ()) -> dict[str, str]:
        """Path -> MD5 of every fact that `stages` were computed from, directly or through other stages' outputs.

        facts: folders that hold facts (`data/raw`). A file there that no stage makes is a fact; where a stage makes
            files there (`data/scores`), its outputs are the facts, and what it was made from is not followed.
        gates: outputs that say whether facts may be used and carry no figure (the report of validation); they
            are not followed either, since validation reads every table.

        Raises DataError when a stage was never run, and when dvc.lock records that a stage used another version of a
        file than the one now recorded for it: the facts behind it are then unknown.
        """
        read: dict[str, str] = {}
        waiting, seen = list(stages), set()
        while waiting:
            stage = waiting.pop()
            if stage in seen:
                continue
            seen.add(stage)
            for path, md5 in self.dependencies(stage).items():
                makers = [] if path in gates else self.makers(path)
                is_fact = any(_within(path, folder) for folder in facts)
                for maker in makers:
                    outputs = self.outputs(maker)
                    if outputs.get(path, md5) != md5:
                        raise _outdated(stage, path, maker)
                    if is_fact:
                        read |= {output: made for output, made in outputs.items() if _within(output, path)}
                    else:
                        waiting.append(maker)
                if is_fact and not makers and not md5.endswith(".dir"):
                    if read.get(path, md5) != md5:
                        raise _outdated(stage, path, "another stage")
                    read[path] = md5
        return dict(sorted(read.items()))


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _overlap(path: str, other: str) -> bool:
    return _within(path, other) or _within(other, path)


def _outdated(stage: str, path: str, other: str) -> DataError:
    return DataError(f"dvc.lock: {stage} used another version of {path} than {other} records; run `dvc repro`")
