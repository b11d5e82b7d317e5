"""What predicts a downstream score: a model's perplexity, its size, or the compute spent on it? (Xia et al. 2023,
section 6.) Two checks: predict the models of a size that the regression has not seen, and compare two sizes at the
same perplexity, where the finding says that they should score alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foretell.arrays import Floats, finite, increasing
from foretell.errors import DataError
from foretell.stats import NO_INTERVAL, Interval, percentile_interval

POSITIVE = float(np.nextafter(0.0, 1.0))


def design_predictors(perplexity: ArrayLike, params: ArrayLike, tokens: ArrayLike) -> dict[str, Floats]:
    """The regressions' inputs, each (n, n_columns): log perplexity; log N; log C with C = 6 N D FLOPs; log N and
    log D together. `perplexity` >= 1, `params` N and `tokens` D (counts, not billions) are (n,).

    Raises DataError on bad arrays and on counts below 1e5, which look like millions or billions.
    """
    perplexity = finite("perplexity", perplexity, (None,), 1.0)
    n = len(perplexity)
    params = finite("params", params, (n,), 1e5)
    tokens = finite("tokens", tokens, (n,), 1e5)
    logs = {"log_params": np.log(params), "log_tokens": np.log(tokens)}
    return {
        "log_perplexity": np.log(perplexity)[:, None],
        "log_params": logs["log_params"][:, None],
        "log_flops": np.log(6.0 * params * tokens)[:, None],
        "log_params_and_tokens": np.stack([logs["log_params"], logs["log_tokens"]], axis=1),
    }


@dataclass(frozen=True)
class HeldOutError:
    """A regression's error on sizes it has not seen: mean absolute error, root mean square error, R-squared against
    the training rows' mean, rank correlation of prediction and score; `predictions` (n,) in row order."""

    mae: float
    rmse: float
    r_squared: float
    spearman: float
    predictions: Floats


def leave_one_size_out(
    scores: ArrayLike, predictors: Mapping[str, ArrayLike], sizes: Sequence[object] | NDArray[np.generic]
) -> dict[str, HeldOutError]:
    """Least squares of score on each predictor (with intercept), every size predicted by a fit on the other sizes.

    `scores` (n,); `predictors` name -> (n,) or (n, k); `sizes` (n,) labels, one a size. R-squared = 1 - sum of squared
    errors / sum of squares about the mean of the rows that were fitted on. Raises DataError on bad arrays, fewer than
    3 sizes, or a predictor that does not vary within the rows fitted on.
    """
    y = finite("scores", scores, (None,))
    labels = np.asarray([str(size) for size in sizes])
    if len(labels) != len(y):
        raise DataError(f"sizes: {len(labels)} labels for {len(y)} scores; expected one a row")
    groups = list(dict.fromkeys(labels))
    if len(groups) < 3:
        raise DataError(f"sizes: {groups}, at least 3 are needed to hold one out")
    if not predictors:
        raise DataError("predictors: none given")
    found = {}
    for name, values in predictors.items():
        array = np.asarray(values, dtype=np.float64)
        x = finite(name, array[:, None] if array.ndim == 1 else array, (len(y), None))
        predicted, baseline = np.empty_like(y), np.empty_like(y)
        for group in groups:
            out = labels == group
            design = np.column_stack([np.ones((~out).sum()), x[~out]])
            coefficients, _, rank, _ = np.linalg.lstsq(design, y[~out], rcond=None)
            if rank < design.shape[1]:
                raise DataError(f"{name}: does not vary enough without size {group} to fit a slope")
            predicted[out] = np.column_stack([np.ones(out.sum()), x[out]]) @ coefficients
            baseline[out] = y[~out].mean()
        error = predicted - y
        about_mean = float(((y - baseline) ** 2).sum())
        found[name] = HeldOutError(
            float(np.abs(error).mean()),
            float(np.sqrt((error**2).mean())),
            float(1.0 - (error**2).sum() / about_mean) if about_mean > 0 else float("nan"),
            _spearman(predicted, y),
            predicted,
        )
    return found


def _spearman(a: Floats, b: Floats) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(stats.spearmanr(a, b).statistic)


def error_difference(
    errors_a: ArrayLike,
    errors_b: ArrayLike,
    clusters: Sequence[object] | NDArray[np.generic],
    n_bootstrap: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of |errors_a| - |errors_b| over the same rows, with a percentile interval from resampling whole clusters.

    Rows of one model and task share their noise, so clusters (labels (n,)) are drawn, not rows (cluster bootstrap,
    Davison and Hinkley 1997). Negative: a is nearer. Raises DataError on bad arrays or fewer than 3 clusters.
    """
    a = np.abs(finite("errors_a", errors_a, (None,)))
    b = np.abs(finite("errors_b", errors_b, (len(a),)))
    labels = np.asarray([str(c) for c in clusters])
    if len(labels) != len(a):
        raise DataError(f"clusters: {len(labels)} labels for {len(a)} errors; expected one a row")
    names, index = np.unique(labels, return_inverse=True)
    if len(names) < 3:
        raise DataError(f"clusters: {len(names)}, at least 3 are needed to resample them")
    sums = np.bincount(index, weights=a - b)
    counts = np.bincount(index)
    draws = np.random.default_rng(seed).integers(0, len(names), (_draws(n_bootstrap), len(names)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return percentile_interval(float((a - b).mean()), means, level)


def _draws(n_bootstrap: int) -> int:
    if n_bootstrap < 100:
        raise DataError(f"n_bootstrap: {n_bootstrap}, an interval needs at least 100 resamples")
    return int(n_bootstrap)


@dataclass(frozen=True)
class MatchedGap:
    """Score of b minus score of a at equal x: the mean over the range of x both reach, its interval, that range, the
    checkpoints of each inside it, and a reason in words where the gap is NaN."""

    gap: Interval
    x_low: float
    x_high: float
    n_a: int
    n_b: int
    reason: str


def matched_gap(
    x_a: ArrayLike,
    scores_a: ArrayLike,
    x_b: ArrayLike,
    scores_b: ArrayLike,
    minimum: int = 4,
    n_bootstrap: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> MatchedGap:
    """Do two models score alike at equal `x` (log perplexity, log tokens or log FLOPs)?

    `x_a`, `scores_a` (n_a,) and `x_b`, `scores_b` (n_b,) are the checkpoints of one model each. Within the range of x
    that both models reach, score is fitted as a line in x for each model; the gap is the mean difference of the lines
    over that range, that is the difference at its middle. The interval resamples each model's checkpoints. NaN with
    a reason where fewer than `minimum` checkpoints of a model lie in the range. Raises DataError on bad arrays.
    """
    xa = finite("x_a", x_a, (None,))
    ya = finite("scores_a", scores_a, (len(xa),))
    xb = finite("x_b", x_b, (None,))
    yb = finite("scores_b", scores_b, (len(xb),))
    low, high = max(xa.min(), xb.min()), min(xa.max(), xb.max())
    in_a, in_b = (xa >= low) & (xa <= high), (xb >= low) & (xb <= high)
    n_a, n_b = int(in_a.sum()), int(in_b.sum())
    if low >= high:
        return MatchedGap(NO_INTERVAL, float(low), float(high), 0, 0, "the models reach no common range of x")
    if min(n_a, n_b) < max(minimum, 3):
        reason = f"{n_a} and {n_b} checkpoints in the common range, at least {max(minimum, 3)} of each are needed"
        return MatchedGap(NO_INTERVAL, float(low), float(high), n_a, n_b, reason)
    middle = (low + high) / 2.0
    rng = np.random.default_rng(seed)
    draws = _draws(n_bootstrap)
    ends = []
    for x, y in ((xa[in_a], ya[in_a]), (xb[in_b], yb[in_b])):
        picks = np.vstack([np.arange(len(x)), rng.integers(0, len(x), (draws, len(x)))])
        ends.append(_lines_at(x[picks], y[picks], middle))
    gaps = ends[1] - ends[0]
    return MatchedGap(percentile_interval(float(gaps[0]), gaps[1:], level), float(low), float(high), n_a, n_b, "")


def _lines_at(x: Floats, y: Floats, at: float) -> Floats:
    """Each row's least-squares line, evaluated at `at`; the row's mean where all its x are one point."""
    centred = x - x.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    slope = np.divide((centred * y).sum(axis=1), spread, out=np.zeros(len(x)), where=spread > 0)
    return np.asarray(y.mean(axis=1) + slope * (at - x.mean(axis=1)))


@dataclass(frozen=True)
class ItemDistance:
    """Mean absolute difference of item losses (nats) between a model and a larger one: at the checkpoint of the
    larger with the nearest mean loss, at equal step, and between neighbouring checkpoints of the model itself (what
    checkpoint noise alone makes). `step_large` is the matched checkpoint; `mean_loss_gap` what is left unmatched."""

    matched_loss: float
    matched_step: float
    own_noise: float
    step_large: float
    mean_loss_gap: float


def item_distance(steps: ArrayLike, losses_small: ArrayLike, losses_large: ArrayLike) -> ItemDistance:
    """Do two sizes behave alike, item by item, at equal mean loss? (Xia et al. 2023.) Uses the small model's last
    checkpoint. `steps` (n_checkpoints,); `losses_small`, `losses_large` (n_checkpoints, n_items), nats, the same
    items. Raises DataError on bad arrays."""
    steps = increasing("steps", steps, POSITIVE, 2)
    small = finite("losses_small", losses_small, (len(steps), None))
    large = finite("losses_large", losses_large, small.shape)
    gaps = large.mean(axis=1) - small[-1].mean()
    nearest = int(np.argmin(np.abs(gaps)))
    return ItemDistance(
        float(np.abs(large[nearest] - small[-1]).mean()),
        float(np.abs(large[-1] - small[-1]).mean()),
        float(np.abs(small[-2] - small[-1]).mean()),
        float(steps[nearest]),
        float(gaps[nearest]),
    )
