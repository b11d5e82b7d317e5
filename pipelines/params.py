"""params.yaml as typed values. Unknown keys, wrong types and impossible values are refused with the file's own words;
stages read their section from here and hold no defaults of their own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.schema import BENCHMARKS
from foretell.errors import ConfigError
from lms.settings import RecordSettings, SampleSettings, ScoreSettings
from lms.tag_settings import TagSettings
from models.catalogue import CATALOGUE, SELECTED

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A section of params.yaml: every key is required, none is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tabulate(Section):
    view: Literal["verified", "published"]
    min_models: Annotated[int, Field(ge=6)]


class ProtocolParams(Section):
    outer_folds: Annotated[int, Field(ge=2)]
    inner_folds: Annotated[int, Field(ge=2)]
    holdout: Share
    max_depth: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]
    learning_rate: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)]
    n_estimators: Annotated[tuple[Count, ...], Field(min_length=1)]


class Select(Section):
    seeds: Count
    threshold: Annotated[float, Field(ge=0)]
    groups: dict[
        str,
        Annotated[tuple[Literal["architecture", "data", "generation"], ...], Field(min_length=1)],
    ]
    stability_resamples: Annotated[int, Field(ge=0)]
    nested: bool
    nested_seeds: Count


class Evaluate(Section):
    seeds: Annotated[int, Field(ge=2)]
    family_seeds: Count
    lightgbm: bool
    storage: str


class Explain(Section):
    seeds: Count


class Fit(Section):
    predictor: str
    seeds: Count
    level: Annotated[float, Field(gt=0, lt=1)]
    calibration_folds: Annotated[int, Field(ge=2)]
    coverage_seeds: Count

    @field_validator("predictor")
    @classmethod
    def _registrable(cls, name: str) -> str:
        names = [entry.name for entry in CATALOGUE.values() if entry.registrable]
        if name not in names:
            raise ValueError(f"{name} cannot be registered: it is not one of {', '.join(names)}")
        return name


class FitLaws(Section):
    bootstrap: Annotated[int, Field(ge=100)]
    level: Annotated[float, Field(gt=0, lt=1)]
    leave_out: dict[str, Count]
    fit_up_to_params: dict[str, Annotated[float, Field(ge=1e4)]]
    budgets_flops: tuple[Annotated[float, Field(ge=1e12)], ...]
    benchmark_bootstrap: Annotated[int, Field(ge=20)]


class Trace(Section):
    alpha: Annotated[float, Field(gt=0, lt=1)]
    skip_fraction: Share
    stages: Annotated[tuple[tuple[Share, Annotated[float, Field(gt=0, le=1)]], ...], Field(min_length=2)]
    hac_lags: Annotated[int, Field(ge=1)]
    level: Annotated[float, Field(gt=0, lt=1)]
    n_bootstrap: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]
    min_tokens: Annotated[float, Field(ge=1e5)]
    n_last: Annotated[int, Field(ge=3)]
    minimum_agreement: Annotated[float, Field(gt=0.5, lt=1)]
    curve_vocabulary: Annotated[int, Field(ge=2)]


class Mix(Section):
    targets: tuple[str, ...]
    kind: Literal["kl", "tv", "euclidean"]
    max_distance: Annotated[float, Field(gt=0)]
    budget_gib: Annotated[float, Field(gt=0)]
    max_epochs: Annotated[float, Field(gt=0)]
    reductions_nats: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    refits: Annotated[int, Field(ge=5)]
    tree_refits: Annotated[int, Field(ge=5)]
    level: Annotated[float, Field(gt=0, lt=1)]
    candidates: Annotated[int, Field(ge=100)]
    n_bootstrap: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]


class Parallel(Section):
    backend: Literal["threads", "loky", "dask"]
    workers: Annotated[int, Field(ge=0)]
    scheduler: str


class Params(Section):
    benchmarks: tuple[str, ...]
    tabulate: Tabulate
    protocol: ProtocolParams
    select: Select
    evaluate: Evaluate
    explain: Explain
    fit: Fit
    fit_laws: FitLaws
    trace: Trace
    mix: Mix
    parallel: Parallel
    record: RecordSettings
    score: ScoreSettings
    sample: SampleSettings
    tag: TagSettings

    @field_validator("select")
    @classmethod
    def _both_selections(cls, select: Select) -> Select:
        names = [entry.selection for entry in SELECTED]
        if sorted(select.groups) != sorted(names):
            raise ValueError(f"groups: expected {' and '.join(names)}, got {', '.join(select.groups) or 'none'}")
        return select

    @field_validator("benchmarks")
    @classmethod
    def _known(cls, slugs: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [slug for slug in slugs if slug not in BENCHMARKS]
        if unknown or not slugs:
            raise ValueError(f"unknown benchmarks {unknown}; known: {', '.join(BENCHMARKS)}")
        return slugs


def read_params(path: Path) -> Params:
    """The parameters in `path` (YAML 1.2, as DVC reads it); ConfigError names each key that is wrong and why."""
    try:
        raw = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run from the root of the repository") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise ConfigError(f"{path}: " + "; ".join(problems)) from None


@lru_cache(maxsize=1)
def load_params() -> Params:
    """The parameters of the repository that the process stands in."""
    return read_params(Path("params.yaml"))
