"""The targets as the rest of the project uses them: what is predicted, read from data/raw/targets.csv and
data/raw/subtasks.csv. Both are definitions and not measurements, so git versions them beside the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.raw import read_raw
from features.schema import METRIC_WORDS, SUBTASKS, TARGETS
from foretell.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Target:
    """One thing to predict: the rows of the score table that it averages, and how to read its score.

    `needed` and `optional` are its subtasks: it counts only for a model whose needed ones are all measured. `whole` are
    subtasks that stand for all parts at once (a mean that somebody else took). Scores lie in [`low`, `high`]; `chance`
    is the score of guessing. `views` are the views of the facts that it exists in.
    """

    slug: str
    title: str
    group: str
    benchmark: str
    n_shot: int
    metric: str
    lower_is_better: bool
    chance: float
    low: float
    high: float
    views: tuple[str, ...]
    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Target:
        """The target that `to_dict` described."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**plain)

    @property
    def metric_words(self) -> str:
        """The metric as a caption says it: "accuracy", "normalised accuracy", "Brier score"."""
        return METRIC_WORDS[self.metric]


def targets_of(targets: pd.DataFrame, subtasks: pd.DataFrame) -> dict[str, Target]:
    """Slug -> target, in the order of the typed table `targets`. Raises DataError for a target of a benchmark or
    subtask that the typed table `subtasks` does not have."""
    roles = {
        str(benchmark): dict(zip(rows["subtask"].astype(str), rows["role"].astype(str), strict=True))
        for benchmark, rows in subtasks.groupby("benchmark")
    }
    return {str(row["slug"]): _target(row, roles) for row in targets.to_dict("records")}


def _target(row: Mapping[Any, Any], roles: Mapping[str, Mapping[str, str]]) -> Target:
    slug, benchmark = str(row["slug"]), str(row["benchmark"])
    known = roles.get(benchmark, {})
    named = [] if pd.isna(row["subtasks"]) else str(row["subtasks"]).split(";")
    missing = [name for name in named if name not in known]
    if missing or not known:
        what = f"subtask {missing[0]} of benchmark {benchmark}" if missing else f"benchmark {benchmark}"
        raise DataError(f"{TARGETS.path}: target {slug}: {what} is not in {SUBTASKS.path}; add it there")
    by_role: dict[str, tuple[str, ...]] = {
        role: tuple(name for name in known if known[name] == role and not named)
        for role in ("part", "optional", "whole")
    }
    return Target(
        slug=slug,
        title=str(row["title"]),
        group=str(row["group"]),
        benchmark=benchmark,
        n_shot=int(row["n_shot"]),
        metric=str(row["metric"]),
        lower_is_better=bool(row["lower_is_better"]),
        chance=float(row["chance"]),
        low=float(row["low"]),
        high=float(row["high"]),
        views=("verified", "published") if row["views"] == "both" else ("verified",),
        needed=tuple(named) or by_role["part"],
        optional=by_role["optional"],
        whole=by_role["whole"],
    )


def read_targets(root: Path = ROOT) -> dict[str, Target]:
    """Every target below `root` by its slug, in the file's order; raises DataError as `read_raw` does."""
    return targets_of(read_raw(TARGETS, root), read_raw(SUBTASKS, root))


def known_target(slug: str, targets: Mapping[str, Target]) -> Target:
    """The target called `slug`; ConfigError names the known ones."""
    if slug not in targets:
        raise ConfigError(f"unknown benchmark {slug}; known: {', '.join(targets)}")
    return targets[slug]


def in_group(targets: Mapping[str, Target], groups: Sequence[str]) -> list[str]:
    """Slugs of the targets in any of `groups`; ConfigError for a group that no target has."""
    known = sorted({target.group for target in targets.values()})
    unknown = [group for group in groups if group not in known]
    if unknown:
        raise ConfigError(f"unknown group {unknown[0]}; known: {', '.join(known)}")
    return [slug for slug, target in targets.items() if target.group in groups]
