"""params.yaml as typed values. Every key is required; unknown keys, wrong types and impossible values are refused by
name. A section that the library takes as an argument is declared there and used as it is; the others are declared
here. Stages hold no defaults of their own."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foretell.errors import ConfigError
from foretell.experiments.settings import ExamineSettings
from foretell.laws.settings import LawSettings
from foretell.mixtures.settings import MixSettings
from foretell.parallel import Spread
from foretell.settings import Count, Level, problems
from foretell.trajectories.settings import TraceSettings
from lms.lab_settings import LabSettings
from lms.settings import RecordSettings, SampleSettings, ScoreSettings
from lms.tag_settings import TagSettings
from models.catalogue import CATALOGUE, SELECTED
from models.protocol import Protocol

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Section(BaseModel):
    """A section of params.yaml: every key is required, none is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tabulate(Section):
    view: Literal["verified", "published"]
    min_models: Annotated[int, Field(ge=6)]


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


class Backtest(Section):
    seeds: Annotated[int, Field(ge=2)]
    select_seeds: Count


class Explain(Section):
    seeds: Count
    forecast_seeds: Count


class Fit(Section):
    predictor: str
    seeds: Count
    level: Level
    calibration_folds: Annotated[int, Field(ge=2)]

    @field_validator("predictor")
    @classmethod
    def _registrable(cls, name: str) -> str:
        names = [entry.name for entry in CATALOGUE.values() if entry.registrable]
        if name not in names:
            raise ValueError(f"{name} cannot be registered: it is not one of {', '.join(names)}")
        return name


class Params(Section):
    benchmarks: Annotated[tuple[Slug, ...], Field(min_length=1)]  # stage `tabulate` says whether they are targets
    tabulate: Tabulate
    protocol: Protocol
    select: Select
    evaluate: Evaluate
    backtest: Backtest
    explain: Explain
    fit: Fit
    fit_laws: LawSettings
    trace: TraceSettings
    examine: ExamineSettings
    mix: MixSettings
    parallel: Spread
    record: RecordSettings
    score: ScoreSettings
    sample: SampleSettings
    tag: TagSettings
    lab: LabSettings

    @field_validator("select")
    @classmethod
    def _both_selections(cls, select: Select) -> Select:
        names = [entry.selection for entry in SELECTED]
        if sorted(select.groups) != sorted(names):
            raise ValueError(f"groups: expected {' and '.join(names)}, got {', '.join(select.groups) or 'none'}")
        return select


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
    wrong = _missing_keys(raw)
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        wrong += problems(error)
    if wrong:
        raise ConfigError(f"{path}: {'; '.join(wrong)}")
    return params


def _missing_keys(raw: Any) -> list[str]:
    """The keys that the file lacks in sections whose class has defaults for whoever uses the library directly."""
    sections = raw if isinstance(raw, dict) else {}
    return [
        f"{name}.{key.name}: Field required"
        for name, section in Params.model_fields.items()
        if is_dataclass(section.annotation) and isinstance(sections.get(name), dict)
        for key in fields(section.annotation)
        if key.name not in sections[name]
    ]


@lru_cache(maxsize=1)
def load_params() -> Params:
    """The parameters of the repository that the process stands in."""
    return read_params(Path("params.yaml"))
