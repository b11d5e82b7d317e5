"""Registering a forecast: the registered predictors asked about a planned model, and what they say written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from features.raw import read_raw
from features.schema import MODELS
from foretell.errors import DataError
from foretell.version import __version__
from models.ledger.entries import Forecast, plain_design, slug_of
from models.ledger.registering import (
    Origin,
    RecordedRival,
    RegisteredRival,
    Rival,
    check_rivals,
    forecast_target,
)
from models.registry.connection import STAGE_HASH
from models.registry.runs import model_name
from pipelines.cli import answers
from pipelines.files import read_parquet
from pipelines.forecasts import Record, read_records, refuse_overwriting, write_record
from pipelines.paths import FORECASTS, target_scores

DATA_VERSION = "data.version"


def register_forecast(
    name: str,
    design: Mapping[str, Any],
    rivals: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    groups: Sequence[str] = (),
    level: float | None = None,
) -> Record:
    """Write the forecast of the planned model `name`, as the registered predictors answer now, and return it.

    Args:
        name: of the planned model.
        design: raw feature names and values, as `foretell.Predictor.predict` takes them.
        rivals: names of other forecasts on record, and ids of known models with recorded scores.
        benchmarks: only these targets; with `groups`, those of these groups; default: all that are predicted.
        groups: groups of targets.
        level: of the intervals; default: each predictor's own, 0.9.

    Raises DataError when there is a forecast of this name, for a wrong design, an unknown rival, and a known model that
    has been measured on a target already; TrackingError when nothing is registered.
    """
    values = plain_design(design)
    refuse_overwriting(slug_of(name))
    predictors = answers.registered_predictors(benchmarks, groups)
    asked = [by.predictor.card.benchmark for by in predictors]
    _refuse_measured(name, asked)
    others = _rivals(rivals, asked)
    targets = {}
    for by in predictors:
        tags = by.tags
        benchmark = by.predictor.card.benchmark
        origin = Origin(model_name(benchmark), by.version, tags.get(DATA_VERSION, ""), tags.get(STAGE_HASH, ""))
        targets[benchmark] = forecast_target(by.predictor, origin, values, others, level)
    check_rivals(list(others), targets)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return write_record(Forecast(name.strip(), now, __version__, values, targets))


def _refuse_measured(name: str, targets: Sequence[str]) -> None:
    """Raise DataError when `name` is a known model with a recorded score on one of `targets`."""
    model_id = _known_model(name)
    known = [target for target in targets if model_id and model_id in _recorded(target)]
    if known:
        raise DataError(
            f"{model_id} has been measured on {', '.join(known)}: what is known already cannot be forecast; "
            "`foretell predict` answers, and --benchmark names the targets that are still open"
        )


def _rivals(names: Sequence[str], targets: Sequence[str]) -> dict[str, Rival]:
    records = read_records() if names else {}
    rivals: dict[str, Rival] = {}
    for name in names:
        record, model_id = records.get(slug_of(name)), _known_model(name)
        if record is not None:
            rivals[record.forecast.name] = RegisteredRival(record.forecast, record.sha256)
        elif model_id:
            scores = {target: _recorded(target) for target in targets}
            rivals[model_id] = RecordedRival({t: own[model_id] for t, own in scores.items() if model_id in own})
        else:
            raise DataError(
                f"rival {name!r}: neither a forecast in {FORECASTS} nor one model of {MODELS.path}; give a model's "
                "whole id or register a forecast of it first"
            )
    return rivals


def _known_model(name: str) -> str:
    """The id of the known model called `name`, by its id or by the part after the slash where only one has it; "" where
    there is none."""
    ids = [str(model_id) for model_id in read_raw(MODELS)["model_id"]]
    called = name.strip().lower()
    matches = [model_id for model_id in ids if called in (model_id.lower(), model_id.split("/")[-1].lower())]
    return matches[0] if len(matches) == 1 else ""


def _recorded(target: str) -> dict[str, float]:
    """The recorded scores of one target, by model."""
    table = read_parquet(target_scores(target))
    return dict(zip(table["model_id"].astype(str), table["score"].astype(float), strict=True))
