"""The forecasts on record as files: data/forecasts/<slug>.json, written once, and what came of each in
data/forecasts/settled/<slug>.json. Git versions both. Every read checks the hash."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from features.raw import read_raw
from features.schema import MODELS
from foretell.errors import ConfigError, DataError, TrackingError
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
from models.ledger.sealed import opened, sealed
from models.ledger.settling import Settlement, measured_scores, settle
from pipelines.boundary import LOG
from pipelines.files import read_parquet, write_text
from pipelines.paths import FORECASTS, SETTLED, target_scores
from pipelines.stage import stage_lock

LOCK_SECONDS = 60
DATA_VERSION, STAGE_HASH = "data.version", "dvc.stage_hash"


@dataclass(frozen=True)
class Record:
    """A forecast on record: its file, its hash, and what came of it (None: nothing settled yet)."""

    forecast: Forecast
    sha256: str
    path: Path
    settlement: Settlement | None = None

    @property
    def settled_path(self) -> Path:
        """Where what came of it is, or will be."""
        return SETTLED / self.path.name


def read_records() -> dict[str, Record]:
    """Every forecast on record by its slug, oldest first. Raises DataError for a file that is not what was sealed, that
    lies under another name, or that settles a forecast that is not there."""
    records = [_read_record(path) for path in sorted(FORECASTS.glob("*.json"))]
    strays = {path.name for path in SETTLED.glob("*.json")} - {record.path.name for record in records}
    if strays:
        path = SETTLED / min(strays)
        raise DataError(
            f"{path}: settles a forecast that is not there; `git checkout -- {FORECASTS / path.name}` brings it back"
        )
    records.sort(key=lambda record: (record.forecast.registered, record.path.name))
    return {record.path.stem: record for record in records}


def _read_record(path: Path) -> Record:
    values, sha256 = opened(_text(path), str(path))
    forecast = Forecast.from_dict(values, str(path))
    if forecast.slug != path.stem:
        raise DataError(f"{path}: holds the forecast {forecast.slug}; move it back to {FORECASTS}/{forecast.slug}.json")
    record = Record(forecast, sha256, path)
    if not record.settled_path.is_file():
        return record
    values, _ = opened(_text(record.settled_path), str(record.settled_path))
    settlement = Settlement.from_dict(values, str(record.settled_path))
    if settlement.forecast_sha256 != sha256:
        raise DataError(
            f"{record.settled_path}: settles the record {settlement.forecast_sha256[:16]}..., {path} is "
            f"{sha256[:16]}...: one of them was replaced; `git log -- {path}` shows when"
        )
    return Record(forecast, sha256, path, settlement)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({error}); `git checkout -- {path}` brings it back") from None


def read_record(name: str) -> Record:
    """The forecast on record called `name` (its name or slug). Raises DataError naming what there is."""
    records = read_records()
    slug = slug_of(name)
    if slug not in records:
        close = difflib.get_close_matches(slug, records, 3) or list(records)[-5:]
        raise DataError(f"no forecast called {name!r} in {FORECASTS}; there are: {', '.join(close) or 'none'}")
    return records[slug]


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
    from pipelines.cli.answers import registered_predictors

    slug, values = slug_of(name), plain_design(design)
    _refuse_overwriting(slug)
    predictors = registered_predictors(benchmarks, groups)
    asked = [by.predictor.card.benchmark for by in predictors]
    _refuse_measured(name, asked)
    others = _rivals(rivals, asked)
    targets = {}
    for by in predictors:
        tags = by.tags
        benchmark = by.predictor.card.benchmark
        origin = Origin(f"foretell-{benchmark}", by.version, tags.get(DATA_VERSION, ""), tags.get(STAGE_HASH, ""))
        targets[benchmark] = forecast_target(by.predictor, origin, values, others, level)
    check_rivals(list(others), targets)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    forecast = Forecast(name.strip(), now, __version__, values, targets)
    path = FORECASTS / f"{slug}.json"
    with _only_writer():
        _refuse_overwriting(slug)
        write_text(path, sealed(forecast.to_dict()))
    return _read_record(path)


def _refuse_overwriting(slug: str) -> None:
    path = FORECASTS / f"{slug}.json"
    if path.exists():
        raise DataError(f"{path}: there is a forecast of this name, and a record never changes; choose another name")


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


def settle_forecast(name: str, results: Path) -> tuple[Record, bool]:
    """Settle the forecast `name` with the measured scores in the CSV file `results` (columns target, score and if
    wanted date); returns it, and whether anything was new. Targets may be settled one after the other.

    Raises DataError as `read_record`, `measured_scores` and `models.ledger.settling.settle` do.
    """
    try:
        table = pd.read_csv(results, dtype=str, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{results}: not a readable CSV file ({error})") from None
    with _only_writer():
        record = read_record(name)
        today = datetime.now(UTC).date()
        scores = measured_scores(table, record.forecast, str(results), today)
        others = {other.sha256: other.settlement for other in read_records().values() if other.settlement}
        settlement = settle(record.forecast, record.sha256, scores, others, record.settlement, today)
        if settlement == record.settlement:
            return record, False
        write_text(record.settled_path, sealed(settlement.to_dict()))
    return _read_record(record.path), True


def track_forecasts() -> list[str]:
    """Make the MLflow store hold a run per settled forecast, once; a line for each that was made or completed."""
    settled = [(record, record.settlement) for record in read_records().values() if record.settlement]
    if not settled:
        return []
    from models.registry.forecasts import ForecastRuns, forecast_spec

    store = ForecastRuns(create=True)
    specs = [
        forecast_spec(record.forecast, record.sha256, settlement, (record.path, record.settled_path))
        for record, settlement in settled
    ]
    return [f"{spec.name}: {outcome.action}" for spec, outcome in store.match_forecasts(specs)]


def track_or_warn() -> None:
    """`track_forecasts`; where the store cannot be reached, a warning says what makes up for it later."""
    try:
        track_forecasts()
    except (TrackingError, ConfigError) as error:
        LOG.warning("settled, but not shown in MLflow: %s; `foretell track` makes up for it", error)


@contextmanager
def _only_writer() -> Iterator[None]:
    """One process writes to the record at a time."""
    with stage_lock("forecasts", LOCK_SECONDS):
        yield
