"""The errors a person can mend. Each says what is wrong, where, what was expected and how to mend it;
the command line and the stages print them as they are, without a traceback, and exit with their code."""


class ForetellError(Exception):
    """Base of the errors that are printed as one short message; `exit_code` is the process's exit status."""

    exit_code = 1


class DataError(ForetellError):
    """A table, a file or a query holds something it must not: names the table, the row, the column and the rule."""

    exit_code = 3


class ConfigError(ForetellError):
    """params.yaml, an option or the environment asks for something that does not exist or cannot be combined."""

    exit_code = 4


class RefusedError(ForetellError):
    """A candidate that did not pass its gates: nothing is broken, and nothing was moved."""

    exit_code = 6


class TrackingError(ForetellError):
    """The MLflow store cannot be reached, or does not hold what was asked for."""

    exit_code = 5
