"""What an array must be before anything is computed from it. The study of training curves and of mixtures takes
plain arrays, so this is where NaN, empty and wrongly shaped input is turned into an error a person can mend."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foretell.errors import DataError

Floats = NDArray[np.float64]


def finite(
    name: str, values: ArrayLike, shape: tuple[int | None, ...], low: float = -np.inf, high: float = np.inf
) -> Floats:
    """`values` as a float64 array of `shape` (None: any length of at least 1), every entry within [low, high].

    Raises DataError naming `name` when the values are not numbers, the shape differs, an axis is empty, or an entry
    is NaN, infinite or outside the bounds.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: not an array of numbers; pass numbers in a rectangular array") from None
    wanted = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        raise DataError(f"{name}: shape {array.shape}, expected {wanted}")
    if array.size == 0:
        raise DataError(f"{name}: empty, expected shape {wanted} with at least one entry an axis")
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
