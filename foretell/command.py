"""The `foretell` command as it is installed: `--version`, and the commands of the checkout it is used in.

The pipeline (stages, command line, facts) lives in a checkout and does not travel with the library, so that installing
foretell adds no other top-level package than `foretell`. The command looks for the checkout from the current folder
upwards, then around an editable installation, and runs the command line it finds there.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from foretell.version import __version__

MARKS = ("dvc.yaml", "params.yaml", "pipelines/cli/main.py")


def main() -> None:
    """Run the command line of the checkout; exit with 4 (configuration) and one line where there is none."""
    if sys.argv[1:] == ["--version"]:
        print(f"foretell {__version__}")
        return
    root = find_checkout(Path.cwd()) or find_checkout(Path(__file__).parent)
    if root is None:
        print(
            f"foretell: {Path.cwd()} is not inside a checkout of foretell, on whose facts and results the commands "
            "work; change to one (or `git clone` it). From Python, `import foretell` works anywhere",
            file=sys.stderr,
        )
        raise SystemExit(4)
    sys.path.insert(0, str(root))
    import_module("pipelines.cli.main").run()


def find_checkout(start: Path) -> Path | None:
    """The nearest folder from `start` upwards that is a checkout of foretell, or None."""
    folders = (start, *start.parents)
    return next((folder for folder in folders if all((folder / mark).is_file() for mark in MARKS)), None)
