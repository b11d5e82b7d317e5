"""Settled forecasts shown in MLflow."""

from __future__ import annotations

from foretell.errors import TrackingError
from models.registry.forecasts import forecast_runs, forecast_spec
from pipelines.boundary import LOG
from pipelines.forecasts import read_records


def track_forecasts() -> list[str]:
    """Make the MLflow store hold a run per settled forecast, once; a line for each that was made or completed."""
    settled = [(record, record.settlement) for record in read_records().values() if record.settlement]
    if not settled:
        return []
    store = forecast_runs(create=True)
    specs = [
        forecast_spec(record.forecast, record.sha256, settlement, (record.path, record.settled_path))
        for record, settlement in settled
    ]
    return [f"{spec.name}: {outcome.action}" for spec, outcome in store.match(specs)]


def track_or_warn() -> None:
    """`track_forecasts`; where the store cannot be reached, a warning says what makes up for it later."""
    try:
        track_forecasts()
    except TrackingError as error:
        LOG.warning("settled, but not shown in MLflow: %s; `foretell track` makes up for it", error)
