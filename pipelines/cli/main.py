"""The `foretell` command, put together from the commands of each subject. A command reads its options, calls one
function and prints; heavy libraries are imported inside, so that `--help` is quick. Exit codes: 0 done, 2 wrong usage,
3 data, 4 configuration, 5 tracking, 6 refused by a gate."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from foretell.version import __version__
from pipelines.boundary import run_command, set_up_logging
from pipelines.cli import build, champions, compare, controlled, forecast, lab, law, lms, predict, server, tables

app = typer.Typer(
    help="What will this language model score, before anyone trains it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 2 wrong usage, 3 data, 4 configuration, 5 tracking, 6 refused by a gate.",
)
for commands in (predict, controlled, build, champions, compare, tables, server, lab):
    app.add_typer(commands.app)
app.add_typer(law.app, name="law")
app.add_typer(lms.app, name="lms")
app.add_typer(forecast.app)


def run() -> None:
    """Entry point: known errors become one message on stderr and their exit code."""
    run_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"foretell {__version__}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="messages of libraries and tracebacks too")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress: warnings and errors only")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and end")
    ] = False,
) -> None:
    """Options before the command: how much is said."""
    if verbose and quiet:
        raise typer.BadParameter("--verbose or --quiet, not both")
    if verbose or quiet:
        set_up_logging(logging.DEBUG if verbose else logging.WARNING)
