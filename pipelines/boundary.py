"""Where errors and messages leave the program: one boundary, one format and one logger for stages and command line.
Messages go to stderr; what a command was called for goes to stdout."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from foretell.errors import ForetellError

LOG = logging.getLogger("foretell")
LEVEL = "FORETELL_LOG_LEVEL"  # name of a level of `logging`; the stages that a command starts take it from here


class _ToStderr(logging.Handler):
    """Writes to what sys.stderr is at that moment: a progress bar replaces it for as long as it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


class _Format(logging.Formatter):
    """Warnings and errors begin with `foretell: `; progress is a plain line."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"foretell: {text}" if record.levelno >= logging.WARNING else text


def set_up_logging(level: int | None = None) -> None:
    """Send foretell's messages to stderr, from `level` on, here and in the processes that are started from here.

    level: one of `logging`'s; None: what FORETELL_LOG_LEVEL names, INFO where it is not set.
    """
    if level is None:
        level = logging.getLevelNamesMapping().get(os.environ.get(LEVEL, "").upper(), logging.INFO)
    else:
        os.environ[LEVEL] = logging.getLevelName(level)
    if level <= logging.DEBUG:
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "INFO")  # before MLflow is imported, which reads it then
    handler = _ToStderr()
    handler.setFormatter(_Format())
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(level)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Turn a known error into one message on stderr (`foretell: ...`) and an exit with its code; its traceback is shown
    at level DEBUG only. Other errors are bugs and keep their traceback."""
    set_up_logging()
    try:
        yield
    except ForetellError as error:
        LOG.error("%s", error, exc_info=LOG.isEnabledFor(logging.DEBUG))
        raise SystemExit(error.exit_code) from None


def run_command(app: typer.Typer) -> None:
    """Run a command line inside the error boundary."""
    with error_boundary():
        app()
