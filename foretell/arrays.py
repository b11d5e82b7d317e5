"""The array types that the whole library shares, and the checks an array passes before anything is computed from it.
NaN, empty and wrongly shaped input becomes a DataError that says which entry is wrong and what was expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foretell.errors import DataError

Floats = NDArray[np.float64]
"""float64, any shape."""
Indices = NDArray[np.int64]
"""int64 positions of rows, columns or checkpoints."""
Bools = NDArray[np.bool_]
"""Masks."""


def finite(
    name: str,
    values: ArrayLike,
    shape: tuple[int | None, ...] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
) -> Floats:
    """`values` as a float64 array of `shape` (an axis None: any length of at least 1; no shape: any), every entry
    within [low, high].

    Raises DataError naming `name` when the values are not numbers, the shape differs, an axis is empty, or an entry
    is NaN, infinite or outside the bounds.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: not an array of numbers; pass numbers in a rectangular array") from None
    expected = "any" if shape is None else "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    if shape is not None and (
        array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True))
    ):
        raise DataError(f"{name}: shape {array.shape}, expected {expected}")
    if array.size == 0:
        raise DataError(f"{name}: empty, expected shape {expected} with at least one entry on each axis")
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{name}: {int(bad.sum())} of {array.size} entries are NaN or infinite, first at {where}; "
            "leave such rows out and say so"
        )
    outside = (array < low) | (array > high)
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise DataError(f"{name}: {array[where]:g} at {where} is outside [{low:g}, {high:g}]")
    return array


def increasing(name: str, values: ArrayLike, low: float, minimum: int) -> Floats:
    """`values` as a strictly increasing float64 vector of at least `minimum` entries, none below `low`.

    Raises DataError otherwise.
    """
    array = finite(name, values, (None,), low)
    if len(array) < minimum:
        raise DataError(f"{name}: {len(array)} entries, at least {minimum} are needed")
    steps = np.diff(array)
    if (steps <= 0).any():
        where = int(np.argmax(steps <= 0)) + 1
        raise DataError(f"{name}: not strictly increasing at entry {where} ({array[where]:g}); sort, and drop repeats")
    return array


def fraction(name: str, value: float, low: float = 0.0, high: float = 1.0) -> float:
    """`value` when it lies strictly between `low` and `high`; raises DataError otherwise."""
    if not low < value < high:
        raise DataError(f"{name}: {value!r}, expected a number strictly between {low:g} and {high:g}")
    return float(value)


def same_length(**columns: Floats) -> None:
    """Raises DataError, with all shapes, unless the columns are one-dimensional and equally long."""
    shapes = {name: column.shape for name, column in columns.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise DataError(f"columns differ in shape: {shapes}; expected one value per row in each")
