"""Where known errors become one line on stderr and an exit code: one place for every command."""

import sys

import typer

from foretell.errors import ForetellError


def run_command(app: typer.Typer) -> None:
    """Run a command line; print a known error as it stands and exit with its code."""
    try:
        app()
    except ForetellError as error:
        print(f"foretell: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
