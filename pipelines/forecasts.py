"""The forecasts on record as files: data/forecasts/<slug>.json, written once, and what came of each in
data/forecasts/settled/<slug>.json. Git versions both. Every read checks the hash."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from foretell.errors import DataError
from models.ledger.entries import Forecast, slug_of
from models.ledger.sealed import opened, sealed
from models.ledger.settling import Settlement, measured_scores, settle
from pipelines.files import write_text
from pipelines.paths import FORECASTS, SETTLED
from pipelines.stage import stage_lock

LOCK_SECONDS = 60


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


def write_record(forecast: Forecast) -> Record:
    """Write a new forecast, once. Raises DataError when there is a record of its name."""
    path = FORECASTS / f"{forecast.slug}.json"
    with _only_writer():
        refuse_overwriting(forecast.slug)
        write_text(path, sealed(forecast.to_dict()))
    return _read_record(path)


def refuse_overwriting(slug: str) -> None:
    """Raise DataError when there is a record of this name."""
    path = FORECASTS / f"{slug}.json"
    if path.exists():
        raise DataError(f"{path}: there is a forecast of this name, and a record never changes; choose another name")


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


@contextmanager
def _only_writer() -> Iterator[None]:
    """One process writes to the record at a time."""
    with stage_lock("forecasts", LOCK_SECONDS):
        yield
