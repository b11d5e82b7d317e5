"""Settled forecasts in MLflow: one run per forecast, in an experiment of its own, made to match the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.ledger.entries import WIN, Forecast
from models.ledger.scores import SCORED
from models.ledger.sealed import digest
from models.ledger.settling import Settlement
from models.registry.own_experiment import OwnExperiment
from models.registry.runs import RunSpec

FORECAST_EXPERIMENT = "foretell-forecasts"
FORECAST_HASH = "forecast.sha256"
DESCRIPTION = """\
One run per settled forecast: a planned model's scores as they were forecast and registered (`data/forecasts`), against
what was measured. Metrics per target and their means: the absolute error, inside (1 where the score lay in the
interval), the interval score (Winkler) and the CRPS; docs/forecasts.md says what they mean."""


def forecast_spec(forecast: Forecast, sha256: str, settlement: Settlement, files: Sequence[Path]) -> RunSpec:
    """The run of one settled forecast: its figures per target and their means, `files` as artifacts, and as tags the
    hash of its record and the version of each predictor. It is identified by the contents of record and settlement."""
    figures = {slug: {name: float(getattr(row, name)) for name in SCORED} for slug, row in settlement.targets.items()}
    metrics = {f"{slug}/{name}": value for slug, own in figures.items() for name, value in own.items()}
    metrics |= {f"{name}_mean": sum(own[name] for own in figures.values()) / len(figures) for name in SCORED}
    predictors = {
        f"predictor.{slug}": f"{target.predictor} ({target.registered_model} version {target.version})"
        for slug, target in forecast.targets.items()
    }
    data_versions = sorted({target.data_version for target in forecast.targets.values()} - {""})
    outcomes = [rival for row in settlement.targets.values() for rival in row.rivals.values() if rival.outcome]
    metrics |= {"rivals_known": float(len(outcomes)), "rivals_beaten": float(sum(r.outcome == WIN for r in outcomes))}
    rows = [
        f"| {forecast.targets[slug].title} | {forecast.targets[slug].point:.3f} | {forecast.targets[slug].low:.3f} to "
        f"{forecast.targets[slug].high:.3f} | {row.score:.3f} | {'yes' if row.inside else 'no'} |"
        for slug, row in settlement.targets.items()
    ]
    head = ["| benchmark | forecast | interval | measured | inside |", "| --- | --- | --- | --- | --- |"]
    about = f"Forecast of **{forecast.name}**, registered {forecast.registered}."
    return RunSpec(
        name=forecast.name,
        stage_hash=digest({"record": sha256, "settlement": settlement.to_dict()})[:32],
        benchmark="-",
        predictor=forecast.slug,
        description="\n".join([about, "", *head, *rows]),
        params={"model": forecast.name, "registered": forecast.registered, "n_targets": str(len(forecast.targets))}
        | {f"design.{name}": str(value) for name, value in forecast.design.items()},
        metrics=metrics,
        history={},
        artifacts=tuple((path, folder) for path, folder in zip(files, ("registered", "settled"), strict=True)),
        datasets=(),
        tags={FORECAST_HASH: sha256, "data.version": ", ".join(data_versions) or "not recorded", **predictors},
    )


def forecast_runs(create: bool = False) -> OwnExperiment:
    """The runs of forecasts: an experiment beside that of the predictors."""
    return OwnExperiment(FORECAST_EXPERIMENT, DESCRIPTION, create=create)
