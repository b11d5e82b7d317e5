"""`foretell repro` and `foretell track`: everything computed from the facts, and the MLflow store made to match."""

from __future__ import annotations

import typer

app = typer.Typer()


@app.command()
def repro() -> None:
    """Get the data, run the whole pipeline, register the predictors, and say where everything is."""
    from pipelines.cli.repro import reproduce

    reproduce()


@app.command()
def track() -> None:
    """Make the MLflow store (MLFLOW_TRACKING_URI, or mlflow.db here) hold what the files say; safe to repeat."""
    from pipelines.tracking import track as make_store_match

    make_store_match()
