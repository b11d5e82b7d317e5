import numpy as np
import pytest

from foretell.arrays import finite, fraction, increasing
from foretell.errors import DataError


def test_finite_returns_the_values_as_floats() -> None:
    assert finite("x", [[1, 2]], (None, 2)).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("values", "shape", "words"),
    [
        ([1.0, np.nan, np.inf], (None,), r"x: 2 of 3 entries are NaN or infinite, first at \(1,\)"),
        ([], (None,), "x: empty"),
        ([[1.0]], (None,), "x: shape"),
        ([1.0, 2.0], (3,), r"x: shape \(2,\), expected \(3\)"),
        (["a"], (None,), "x: not an array of numbers"),
        ([[1.0], [1.0, 2.0]], (None, None), "x: not an array of numbers"),
    ],
)
def test_finite_names_what_is_wrong(values: list, shape: tuple, words: str) -> None:
    with pytest.raises(DataError, match=words):
        finite("x", values, shape)


def test_finite_names_the_entry_out_of_bounds() -> None:
    with pytest.raises(DataError, match=r"-1 at \(1,\) is outside \[0, 1\]"):
        finite("x", [0.5, -1.0], (None,), 0.0, 1.0)


def test_increasing_refuses_repeats_and_short_vectors() -> None:
    with pytest.raises(DataError, match="not strictly increasing at entry 2"):
        increasing("steps", [1, 2, 2], 0.0, 2)
    with pytest.raises(DataError, match="1 entries, at least 2"):
        increasing("steps", [1], 0.0, 2)


def test_fraction_is_strictly_inside() -> None:
    assert fraction("alpha", 0.05) == 0.05
    for value in (0.0, 1.0, float("nan")):
        with pytest.raises(DataError, match="alpha"):
            fraction("alpha", value)
