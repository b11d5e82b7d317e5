"""The one solver behind every law: a damped Newton method on the Huber objective with exact second derivatives, run on
many starts or many bootstrap replicates at once as stacked arrays. Laws fitted one by one with a general optimiser take
seconds a fit and stop where they started; this one takes well under a millisecond a replicate and is started
everywhere."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from foretell.arithmetic import exp, solve
from foretell.arrays import Floats
from foretell.laws.logsum import LogSumForm

Space = Literal["log", "linear"]
CHUNK = 256  # replicates solved together: keeps the stacked arrays inside the processor's cache


@dataclass(frozen=True)
class Solution:
    """Parameters [R, p], mean Huber objective [R], Newton decrement [R] and whether it converged [R], a row per
    start."""

    theta: Floats
    objective: Floats
    decrement: Floats
    converged: np.ndarray


def huber(residual: Floats, delta: float) -> Floats:
    """Huber (1964): r^2/2 where |r| <= delta, else delta (|r| - delta/2)."""
    size = np.abs(residual)
    return np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))


def _objective(
    form: LogSumForm, theta: Floats, x: Floats, y: Floats, weights: Floats, delta: float, space: Space
) -> Floats:
    value = form.log_value(theta, x)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = value - y if space == "log" else exp(value) - y
        total = np.asarray((weights * huber(residual, delta)).sum(axis=1))
    return np.where(np.isfinite(total), total, np.inf)


def _derivatives(
    form: LogSumForm, theta: Floats, x: Floats, y: Floats, weights: Floats, delta: float, space: Space
) -> tuple[Floats, Floats, Floats]:
    """Gradient [R, p], exact Hessian [R, p, p], and the reweighted least-squares diagonal [R, p] that scales
    damping."""
    value, shares, log_sum = form.evaluate(theta, x)
    response = exp(value) if space == "linear" else None
    residual = value - y if response is None else response - y
    size = np.abs(residual)
    score = weights * np.clip(residual, -delta, delta)
    inlier = weights * (size <= delta)
    reweighted = weights * np.minimum(1.0, delta / np.maximum(size, 1e-300))
    if response is None:
        outer_curvature, slope = inlier, score
    else:  # d exp(f) = exp(f) df, d2 exp(f) = exp(f) (d2f + df df')
        slope = score * response
        outer_curvature = inlier * response**2 + slope
        reweighted = reweighted * response**2
    scale = theta[:, -1, None] if form.outer_fitted else np.ones((theta.shape[0], 1))
    inner = np.empty((theta.shape[0], form.n_terms + len(form.fitted_terms), x.shape[-2]))
    for k, share in enumerate(shares):
        inner[:, k] = share
    for j, k in enumerate(form.fitted_terms):
        inner[:, form.n_terms + j] = -x[..., k] * shares[k]
    n_inner = inner.shape[1]
    gradient = np.empty((theta.shape[0], form.n_parameters))
    hessian = np.zeros((theta.shape[0], form.n_parameters, form.n_parameters))
    diagonal = np.empty_like(gradient)

    gradient[:, :n_inner] = np.einsum("rpn,rn->rp", inner, slope * scale)
    coefficient = outer_curvature * scale**2 - slope * scale
    hessian[:, :n_inner, :n_inner] = np.einsum("rpn,rqn->rpq", inner * coefficient[:, None, :], inner)
    diagonal[:, :n_inner] = np.einsum("rpn,rpn,rn->rp", inner, inner, reweighted * scale**2)
    for k, share in enumerate(shares):  # the second derivative of a log-sum: sum_k p_k G_k G_k' - g g'
        pull = slope * scale * share
        hessian[:, k, k] += pull.sum(axis=1)
        if k in form.fitted_terms:
            j = form.n_terms + form.fitted_terms.index(k)
            cross = -(pull * x[..., k]).sum(axis=1)
            hessian[:, k, j] += cross
            hessian[:, j, k] += cross
            hessian[:, j, j] += (pull * x[..., k] ** 2).sum(axis=1)
    if form.outer_fitted:
        gradient[:, -1] = (slope * log_sum).sum(axis=1)
        hessian[:, -1, -1] = (outer_curvature * log_sum**2).sum(axis=1)
        diagonal[:, -1] = (reweighted * log_sum**2).sum(axis=1)
        mixed = np.einsum("rpn,rn->rp", inner, outer_curvature * scale * log_sum + slope)
        hessian[:, -1, :n_inner] = mixed
        hessian[:, :n_inner, -1] = mixed
    return gradient, hessian, diagonal


def _descend(
    form: LogSumForm,
    theta: Floats,
    x: Floats,
    y: Floats,
    weights: Floats,
    delta: float,
    space: Space,
    max_iter: int,
    tol: float,
) -> Solution:
    theta = theta.copy()
    n_starts = theta.shape[0]
    objective = _objective(form, theta, x, y, weights, delta, space)
    decrement = np.full(n_starts, np.inf)
    damping = np.full(n_starts, 1e-2)
    active = np.flatnonzero(np.isfinite(objective))
    for _ in range(max_iter):
        if active.size == 0:
            break
        w = weights[active] if weights.shape[0] == n_starts else weights
        own_x, own_y = (x[active], y[active]) if x.ndim == 3 else (x, y)
        gradient, hessian, diagonal = _derivatives(form, theta[active], own_x, own_y, w, delta, space)
        diagonal = np.maximum(diagonal, 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-300)
        index = np.arange(form.n_parameters)
        hessian[:, index, index] += damping[active, None] * diagonal
        # scaling by the diagonal keeps the solve regular when one term's share is nearly nothing
        root = np.sqrt(diagonal)
        scaled = hessian / (root[:, :, None] * root[:, None, :])
        scaled[:, index, index] += 1e-13
        step = -solve(scaled, gradient / root) / root
        descent = -(gradient * step).sum(axis=1)
        decrement[active] = np.abs(descent)
        trial = theta[active] + step
        value = _objective(form, trial, own_x, own_y, w, delta, space)
        better = (descent > 0) & (value <= objective[active])
        accepted = active[better]
        theta[accepted] = trial[better]
        objective[accepted] = value[better]
        damping[active] = np.where(
            better, np.maximum(damping[active] * 0.1, 1e-12), np.maximum(damping[active], 1e-6) * 8
        )
        settled = (np.abs(descent) <= tol * (objective[active] + 1e-16)) & (damping[active] <= 1.0)
        stuck = damping[active] > 1e10
        active = active[~(settled | stuck)]
    return Solution(theta, objective, decrement, decrement <= tol * (objective + 1e-16))


def minimise_huber(
    form: LogSumForm,
    starts: Floats,
    x: Floats,
    y: Floats,
    weights: Floats | None = None,
    delta: float = 1e-3,
    space: Space = "log",
    max_iter: int = 200,
    tol: float = 1e-9,
    widths: tuple[float, ...] = (100.0, 10.0),
) -> Solution:
    """Minimise the weighted mean Huber loss of `form` over `y`, once per row of `starts` [R, p].

    `x` [n, K] are logged axes; `y` [n] is the log response (space="log") or the response itself (space="linear");
    both may have a leading axis [R, ...], which gives every start its own points. `weights` [R, n] or [1, n], each row
    rescaled to sum to one. Starts are carried from a wide Huber threshold (`widths` times `delta`) down to `delta`, so
    that far starts see a smooth problem first. A start's solution does not depend on the starts beside it.
    """
    weights = np.ones((1, y.shape[-1])) if weights is None else weights
    weights = weights / weights.sum(axis=1, keepdims=True)
    chunks = []
    for low in range(0, starts.shape[0], CHUNK):
        part = slice(low, low + CHUNK)
        w = weights[part] if weights.shape[0] > 1 else weights
        own_x, own_y = (x[part], y[part]) if x.ndim == 3 else (x, y)
        theta = starts[part]
        for width in widths:
            theta = _descend(form, theta, own_x, own_y, w, delta * width, space, 25, 1e-4).theta
        chunks.append(_descend(form, theta, own_x, own_y, w, delta, space, max_iter, tol))
    return Solution(
        np.concatenate([c.theta for c in chunks]),
        np.concatenate([c.objective for c in chunks]),
        np.concatenate([c.decrement for c in chunks]),
        np.concatenate([c.converged for c in chunks]),
    )
