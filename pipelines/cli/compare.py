"""`foretell compare` and `foretell coverage`: errors of two runs, and how often the intervals hold."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def compare(
    run: Annotated[str, typer.Argument(help="a run's name (lambada_0shot/selected_design) or id")],
    other: Annotated[str, typer.Argument(help="the run to compare it with")],
) -> None:
    """The paired difference of two runs' errors on the same seeds, with its interval."""
    from models.registry.store import Store
    from pipelines.cli.comparison import print_comparison

    print_comparison(Store(), run, other)


@app.command()
def coverage() -> None:
    """How often the fitted predictors' intervals hold, on held-out models and held-out families."""
    from pipelines.cli.coverage import print_coverage

    print_coverage()
