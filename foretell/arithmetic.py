"""Arithmetic whose last digits are the same on every processor.

A result that is written to a file and hashed must not depend on the machine. Two things do: BLAS and LAPACK choose a
kernel for the processor, and kernels add in different orders; numpy's own `exp` and `log` take other instructions where
the processor has AVX-512. A difference in the sixteenth digit becomes one in the tenth where an optimum is flat. The
functions here use additions, multiplications, divisions and square roots in a fixed order, which IEEE 754 defines to
the last bit, and the C library's `exp` and `log`, one number at a time. They are for the small systems of this project
(a few columns); for large ones use BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from foretell.arrays import Floats


def exp(x: ArrayLike) -> Any:
    """e^x by the C library: `inv_boxcox(x, 0)` is defined as it."""
    return special.inv_boxcox(x, 0.0)


def log(x: ArrayLike) -> Any:
    """Natural logarithm by the C library: `xlogy(1, x)` is defined as it. -inf at 0, NaN below."""
    return special.xlogy(1.0, x)


def product(a: ArrayLike, b: ArrayLike) -> Any:
    """`a @ b` over the last axes, [..., n, k] by [..., k, m] or by [k], added up in a fixed order."""
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim == 1:
        return np.einsum("i,i...->...", left, right)
    return np.einsum("...i,i->...", left, right) if right.ndim == 1 else np.einsum("...ij,...jk->...ik", left, right)


def solve(matrices: Floats, right: Floats) -> Floats:
    """x [R, p] with `matrices` [R, p, p] x = `right` [R, p], by Gaussian elimination with partial pivoting, all R at
    once. A singular matrix gives infinities or NaN in its own row."""
    a = np.concatenate([matrices, right[:, :, None]], axis=2)
    rows, p = np.arange(len(a)), right.shape[1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for k in range(p - 1):
            pivot = k + np.abs(a[:, k:, k]).argmax(axis=1)
            a[rows, k], a[rows, pivot] = a[rows, pivot], a[rows, k]
            factor = a[:, k + 1 :, k] / a[:, k, k, None]
            a[:, k + 1 :, k:] -= factor[:, :, None] * a[:, k, None, k:]
        x = np.empty_like(right)
        for k in range(p - 1, -1, -1):
            rest = a[:, k, p]
            for j in range(k + 1, p):
                rest = rest - a[:, k, j] * x[:, j]
            x[:, k] = rest / a[:, k, k]
    return x


def least_squares(design: ArrayLike, target: ArrayLike) -> Floats:
    """Coefficients [p] or [p, m] that minimise |design b - target|^2, for `design` [n, p] and `target` [n] or [n, m].

    Gram-Schmidt with every projection taken twice ("twice is enough", Giraud et al. 2005), as accurate as Householder's
    QR. Where columns depend on each other to rounding the answer is numpy's of least norm.
    """
    x, y = np.asarray(design, dtype=np.float64), np.asarray(target, dtype=np.float64)
    p = x.shape[1]
    q, r, rest = x.T.copy(), np.zeros((p, p)), y.copy()
    projected = np.zeros((p, *y.shape[1:]))
    for k in range(p):
        length = np.sqrt((q[k] ** 2).sum())
        for _ in range(2):
            for j in range(k):
                part = (q[j] * q[k]).sum()
                r[j, k] += part
                q[k] -= part * q[j]
        r[k, k] = np.sqrt((q[k] ** 2).sum())
        if not r[k, k] > max(x.shape) * np.finfo(np.float64).eps * length:
            return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)
        q[k] /= r[k, k]
        projected[k] = np.einsum("n,n...->...", q[k], rest)
        rest -= np.multiply.outer(q[k], projected[k])
    coefficients = np.zeros_like(projected)
    for k in range(p - 1, -1, -1):
        coefficients[k] = (projected[k] - product(r[k, k + 1 :], coefficients[k + 1 :])) / r[k, k]
    return coefficients
