"""From the files that the stages wrote to the runs and versions that the MLflow store must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from models.backtest.coverage import schemes_covered
from models.catalogue import CATALOGUE
from models.registry.lineage import Lineage, data_version, read_lineage
from models.registry.runs import (
    PredictorResults,
    RunSpec,
    StudyResults,
    VersionSpec,
    model_name,
    run_spec,
    study_spec,
)
from models.registry.store import Store
from models.report.cards import EXPERIMENT_CARD, model_card
from models.report.studies import findings_section, laws_metrics, laws_section, verdict_counts
from models.results import seed_errors
from pipelines.errors import read_errors
from pipelines.files import read_json, read_yaml
from pipelines.forecast_tracking import track_forecasts
from pipelines.params import Params, load_params
from pipelines.paths import GENERATION_REPORT, LAWS, MIXTURES, PREDICTORS, REPORTS, TRAJECTORIES
from pipelines.progress import Progress
from pipelines.studies import findings
from pipelines.tables import read_features, read_target
from pipelines.workspace import WORKSPACE


def describe(params: Params) -> tuple[list[RunSpec], list[VersionSpec]]:
    """What the store must hold: one run per benchmark and predictor, one per study, one version per benchmark."""
    lineage = read_lineage(WORKSPACE, params.model_dump(mode="json"))
    table = pd.read_csv(REPORTS / "errors.csv")
    specs, versions = [], []
    for benchmark in params.benchmarks:
        card = read_yaml(PREDICTORS / benchmark / "predictor.yaml")
        coverage = read_json(PREDICTORS / benchmark / "coverage.json")
        for results in _results(benchmark, table, params, card, coverage):
            spec = run_spec(results, lineage)
            specs.append(spec)
            if results.predictor.name == card["predictor"]:
                versions.append(_version_spec(spec, card, results, coverage))
    return specs + _study_specs(lineage), versions


def _results(
    benchmark: str, table: pd.DataFrame, params: Params, card: Mapping[str, Any], coverage: Mapping[str, Any]
) -> list[PredictorResults]:
    """How each predictor of a benchmark did; the registered one with the coverage of its intervals."""
    errors, target = read_errors(benchmark), read_target(benchmark)
    features = read_features(benchmark, params.tabulate.view)
    registered: dict[str, float] = {}
    for scheme, measured in schemes_covered(coverage).items():
        names = {"coverage": "coverage", "mean_width": "width", "interval_score": "interval_score"}
        registered |= {f"{scheme.metric_prefix}{name}": float(measured[key]) for key, name in names.items()}
    registered["predictable"] = float(card["predictable"])
    results = []
    for row in table[table["benchmark"] == benchmark].to_dict("records"):
        predictor = CATALOGUE[str(row["predictor"])]
        results.append(
            PredictorResults(
                target=target,
                predictor=predictor,
                features=features[predictor],
                figures={str(key): value for key, value in row.items()},
                mae_per_seed=seed_errors(errors, predictor.name).tolist(),
                extra_metrics=registered if predictor.name == card["predictor"] else {},
            )
        )
    return results


def _version_spec(
    spec: RunSpec, card: Mapping[str, Any], results: PredictorResults, coverage: Mapping[str, Any]
) -> VersionSpec:
    figures = {**spec.metrics, "mae": float(results.figures["mae"])}
    text = model_card(card, figures, coverage, data_version(spec.datasets))
    return VersionSpec(model_name(spec.benchmark), spec, PREDICTORS / spec.benchmark, text)


def _study_specs(lineage: Lineage) -> list[RunSpec]:
    laws = read_json(LAWS / "benchmarks.json"), read_json(LAWS / "chinchilla.json")
    trends, mixtures = findings(TRAJECTORIES), findings(MIXTURES)
    validity = (GENERATION_REPORT / "validity.md").read_text(encoding="utf-8")
    studies = (
        StudyResults("laws", "fit_laws", laws_section(*laws), laws_metrics(*laws), LAWS),
        StudyResults("trajectories", "trace", findings_section(trends), verdict_counts(trends), TRAJECTORIES),
        StudyResults("mixtures", "mix", findings_section(mixtures), verdict_counts(mixtures), MIXTURES),
        StudyResults("generations", "check_generations", validity, {}, GENERATION_REPORT),
    )
    return [study_spec(results, lineage) for results in studies]


def track() -> tuple[list[RunSpec], dict[str, str]]:
    """Make the store match the files, settled forecasts included; returns the runs' descriptions and registered name ->
    version number."""
    specs, versions = describe(load_params())
    store = Store(create=True)
    store.describe(EXPERIMENT_CARD)
    progress = Progress(f"track ({store.shown})", total=len(specs) + len(versions))
    numbers = store.match(specs, versions, progress.advance)
    track_forecasts()
    return specs, numbers
