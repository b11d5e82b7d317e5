"""A worker that fills an Optuna study and writes down each cell it computes: python grid_worker.py URL LOG SECONDS."""

import sys
import time
from pathlib import Path

import numpy as np

from models.search import search_grid

CELLS = [{"depth": depth, "rate": rate} for depth in (2, 3, 5) for rate in (0.01, 0.1, 0.3, 1.0)]


def matrix_of(cell: dict[str, float | int]) -> np.ndarray:
    """The error matrix [seeds, folds] that a cell has, whoever computes it."""
    return np.arange(6.0).reshape(2, 3) / 7 + cell["depth"] + cell["rate"] / 3


def expected() -> np.ndarray:
    """What `search_grid` must return."""
    return np.stack([matrix_of(cell) for cell in CELLS])


def main() -> None:
    """Compute until the study is full; exit 1 when the result is not what it must be."""
    url, log, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

    def errors_of(cell: dict[str, float | int]) -> np.ndarray:
        with log.open("a") as stream:
            stream.write(f"{cell['depth']}-{cell['rate']}\n")
        time.sleep(seconds)
        return matrix_of(cell)

    found = search_grid("shared", CELLS, errors_of, url)
    raise SystemExit(0 if np.array_equal(found, expected()) else 1)


if __name__ == "__main__":
    main()
