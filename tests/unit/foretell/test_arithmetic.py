"""Arithmetic in a fixed order: equal to numpy and LAPACK to rounding, and exact where the answer is."""

from __future__ import annotations

import numpy as np
import pytest

from foretell import arithmetic

RNG = np.random.default_rng(0)


def test_exp_and_log_are_the_functions_of_the_c_library() -> None:
    x = RNG.uniform(-700, 700, 2000)
    np.testing.assert_allclose(arithmetic.exp(x), np.exp(x), rtol=4e-16)
    np.testing.assert_allclose(arithmetic.log(np.abs(x)), np.log(np.abs(x)), rtol=4e-16)
    assert (arithmetic.exp(0.0), arithmetic.log(1.0)) == (1.0, 0.0)
    assert arithmetic.log(0.0) == -np.inf
    assert np.isnan(arithmetic.log(-1.0))


@pytest.mark.parametrize(
    ("left", "right"), [((3, 4), (4, 2)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (4,)), ((5, 3, 4), (5, 4, 2))]
)
def test_a_product_is_numpys(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = RNG.normal(size=left), RNG.normal(size=right)
    np.testing.assert_allclose(arithmetic.product(a, b), a @ b, rtol=1e-13, atol=1e-14)


def test_systems_are_solved_all_at_once_with_pivoting() -> None:
    matrices, truth = RNG.normal(size=(50, 4, 4)), RNG.normal(size=(50, 4))
    matrices[0, 0, 0] = 0.0  # the first pivot must be another row
    right = np.einsum("rij,rj->ri", matrices, truth)
    before = matrices.copy(), right.copy()
    solution = arithmetic.solve(matrices, right)
    np.testing.assert_allclose(solution, np.linalg.solve(matrices, right[:, :, None])[:, :, 0], rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(matrices, before[0])
    np.testing.assert_array_equal(right, before[1])


def test_a_singular_system_spoils_its_own_row_only() -> None:
    matrices = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    solution = arithmetic.solve(matrices, np.array([[1.0, 2], [1, 2], [1, 2]]))
    np.testing.assert_array_equal(solution[[0, 2]], [[1.0, 2], [0.5, 1]])
    assert not np.isfinite(solution[1]).all()


@pytest.mark.parametrize("columns", [(), (3,)])
def test_least_squares_is_numpys(columns: tuple[int, ...]) -> None:
    design, target = RNG.normal(size=(40, 3)) * [1, 100, 0.01], RNG.normal(size=(40, *columns))
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(arithmetic.least_squares(design, target), expected, rtol=1e-9)


def test_least_squares_recovers_an_exact_line_and_takes_the_least_norm_of_many() -> None:
    x = np.arange(10.0)
    design = np.column_stack([np.ones(10), x])
    np.testing.assert_allclose(arithmetic.least_squares(design, 2 + 3 * x), [2, 3], rtol=1e-13)
    twice = np.column_stack([x, x])
    np.testing.assert_allclose(arithmetic.least_squares(twice, 4 * x), [2, 2], rtol=1e-12)
