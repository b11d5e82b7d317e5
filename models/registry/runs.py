"""What MLflow should hold, as plain values: a pure description of each run and registered version, made from the files
that DVC owns. `store` makes an MLflow store match these descriptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.targets import Target
from models.catalogue import Entry
from models.registry.lineage import Dataset, Lineage
from models.report.cards import run_card


@dataclass(frozen=True)
class RunSpec:
    """One run: `history` maps a metric to (step, value) pairs; `artifacts` are (file, folder inside the run) pairs.
    `stage_hash` identifies the inputs; a run with the same one is the same run."""

    name: str
    stage_hash: str
    benchmark: str
    predictor: str
    description: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    history: Mapping[str, list[tuple[int, float]]]
    artifacts: tuple[tuple[Path, str], ...]
    datasets: tuple[Dataset, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionSpec:
    """A predictor to register: `folder` holds its files; `run` is the run it belongs to; `card` is its model card."""

    model_name: str
    run: RunSpec
    folder: Path
    card: str


def model_name(benchmark: str) -> str:
    """The name under which a benchmark's predictor is registered."""
    return f"foretell-{benchmark}"


def version_stages(benchmark: str) -> list[str]:
    """The stages whose inputs and outputs identify a benchmark's runs and registered versions."""
    return [f"evaluate@{benchmark}", f"backtest@{benchmark}", f"explain@{benchmark}", f"fit@{benchmark}"]


@dataclass(frozen=True)
class PredictorResults:
    """How one predictor did on one target.

    features: what it learns from.
    figures: its row of reports/errors.csv.
    mae_per_seed: its mean absolute error of each seed.
    extra_metrics: what is measured of the registered predictor only (coverage of its intervals).
    """

    target: Target
    predictor: Entry
    features: Sequence[str]
    figures: Mapping[str, Any]
    mae_per_seed: Sequence[float]
    extra_metrics: Mapping[str, float] = field(default_factory=dict)


def run_spec(results: PredictorResults, lineage: Lineage) -> RunSpec:
    """The run of one predictor: one run whose metric `mae` has step = seed, never a run per seed."""
    benchmark, name = results.target.slug, results.predictor.name
    stages = version_stages(benchmark)
    datasets = lineage.datasets(stages)
    figures = {key: value for key, value in results.figures.items() if isinstance(value, float)}
    figures = {key: value for key, value in figures.items() if math.isfinite(value)} | dict(results.extra_metrics)
    view, n_seeds = str(lineage.params["tabulate"]["view"]), str(len(results.mae_per_seed))
    settings = {
        "benchmark": benchmark,
        "group": results.target.group,
        "predictor": name,
        "view": view,
        "features": ", ".join(results.features),
    }
    settings |= {f"protocol.{key}": str(value) for key, value in lineage.params["protocol"].items()}
    settings |= {"n_seeds": n_seeds, "family_seeds": str(lineage.params["evaluate"]["family_seeds"])}
    return RunSpec(
        name=f"{benchmark}/{name}",
        stage_hash=lineage.lock.stage_hash(stages, name),
        benchmark=benchmark,
        predictor=name,
        description=run_card(results.target, results.predictor, figures, results.features, view),
        params=settings,
        metrics={key: value for key, value in figures.items() if key != "mae"} | {"mae_mean": figures["mae"]},
        history={"mae": list(enumerate(results.mae_per_seed))},
        artifacts=lineage.workspace.artifacts(benchmark, name),
        datasets=datasets,
        tags={**lineage.tags(datasets), "view": view, "n_seeds": n_seeds},
    )


@dataclass(frozen=True)
class StudyResults:
    """What a study that is no predictor found (laws, trajectories, mixtures, generations): `stage` computed it into
    `folder`; `description` is Markdown."""

    name: str
    stage: str
    description: str
    metrics: Mapping[str, float]
    folder: Path


def study_spec(results: StudyResults, lineage: Lineage) -> RunSpec:
    """The run of a study: its figures and files."""
    datasets = lineage.datasets([results.stage])
    settings = {f"{results.stage}.{key}": str(value) for key, value in lineage.params.get(results.stage, {}).items()}
    return RunSpec(
        name=f"study/{results.name}",
        stage_hash=lineage.lock.stage_hash([results.stage], results.name),
        benchmark="-",
        predictor=results.name,
        description=results.description,
        params={"study": results.name, **settings},
        metrics={key: value for key, value in results.metrics.items() if math.isfinite(value)},
        history={},
        artifacts=tuple((path, "files") for path in sorted(results.folder.iterdir()) if path.is_file()),
        datasets=datasets,
        tags=lineage.tags(datasets),
    )
