"""One thin script per stage, and the command line. Nothing imports this package.

A stage is run as `python3 -m pipelines.stages.<name>`. Where that python3 lacks the project's libraries, because the
environment is not activated, the same command runs again with the checkout's own interpreter, .venv/bin/python. This
file therefore imports the standard library alone, and stays readable for an older Python."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

# One BLAS thread, set before numpy loads it: on tables this small more are no faster, and with a number of threads that
# follows the machine's cores the last digits of a fit would follow them too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_NEEDED = ("numpy", "pandas", "pydantic", "ruamel", "xgboost")
_REPLACED = "FORETELL_INTERPRETER_REPLACED"  # the process that has changed its interpreter, so that none does it twice


def _run_in_own_environment() -> None:
    """Replace this process by the same command in .venv, or end it with one line that says what to do."""
    missing = [library for library in _NEEDED if find_spec(library) is None]
    if not missing and sys.version_info >= (3, 11):
        return
    root = Path(__file__).resolve().parents[1]
    interpreter = root / ".venv" / "bin" / "python"
    command = getattr(sys, "orig_argv", [])  # from Python 3.10 on
    if interpreter.is_file() and command and os.environ.get(_REPLACED) != str(os.getpid()):
        os.environ[_REPLACED] = str(os.getpid())
        os.execv(interpreter, [str(interpreter), *command[1:]])
    lacks = f"lacks {', '.join(missing)}" if missing else "is older than 3.11"
    sys.exit(f"{sys.executable} {lacks}: run `make env` in {root}, then `. .venv/bin/activate`.")


if sys.argv[:1] == ["-m"]:  # only where Python was started with `-m pipelines...`
    _run_in_own_environment()
