"""From points to a law that says how sure it is: fit from every start of the grid, resample the runs, and keep what a
reader needs to trust or doubt the constants. A law the points cannot pin down is refused with the reason, because its
constants would be an accident of the optimiser."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from foretell.arithmetic import exp, log
from foretell.arrays import Floats, same_length
from foretell.errors import DataError
from foretell.laws.law import Law
from foretell.laws.logsum import LogSumForm
from foretell.laws.newton import Solution, minimise_huber
from foretell.stats import Band, Interval, percentile_interval, percentiles, r_squared

HUBER_DELTA = 1e-3  # Hoffmann et al. 2022, appendix D.3, and Besiroglu et al. 2024
MIN_DISTINCT = 3
MIN_SPREAD = 3.0
MIN_RATIO_SD = 0.1
MIN_SHARE = 1e-3
AGREEMENT = 1e-6
MOST_FAILED = 0.2


L = TypeVar("L", bound=Law)


@dataclass(frozen=True)
class Diagnostics:
    """How a fit went. Errors are relative to the observed response; `r2_log` is 1 - SS_res/SS_tot of the log response;
    `inlier_share` is the share of runs within the Huber threshold; `agreeing_starts` end within a millionth of the
    best objective; `condition` is that of the curvature at the optimum after scaling (large: constants trade off);
    `bootstrap_failed` counts replicates, by reason, that gave no law and are left out of the intervals."""

    n_points: int
    n_parameters: int
    objective: float
    huber_delta: float
    r2_log: float
    rmse_log: float
    median_relative_error: float
    worst_relative_error: float
    inlier_share: float
    n_starts: int
    agreeing_starts: int
    converged: bool
    condition: float
    n_bootstrap: int
    bootstrap_failed: dict[str, int]


@dataclass(frozen=True)
class LawFit(Generic[L]):
    """A fitted law, its bootstrap replicates (`replicates` [R, p] constants, in the order of PARAMETERS), the log
    residuals of the points it was fitted to, and the diagnostics."""

    law: L
    replicates: Floats
    residuals: Floats
    diagnostics: Diagnostics
    seed: int

    def intervals(self, level: float = 0.95) -> dict[str, Interval]:
        """Every constant with its percentile bootstrap interval, in the constant's own unit."""
        self._need_replicates()
        names = [parameter.name for parameter in self.law.PARAMETERS]
        return {
            name: percentile_interval(estimate, draws, level)
            for name, estimate, draws in zip(names, self.law.constants(), self.replicates.T, strict=True)
        }

    def predict_interval(self, *axes: Any, level: float = 0.9, new_run: bool = False) -> Band:
        """Response of the law with its bootstrap interval, each in the axes' shape and the response's unit.

        The interval is for the curve; with `new_run` it is for one more run, whose own scatter is drawn from the
        residuals (scaled by sqrt(n / (n - p)) for the parameters that were fitted to them).
        """
        self._need_replicates()
        checked = [quantity.check(axis) for quantity, axis in zip(self.law.AXES, axes, strict=True)]
        shape = np.broadcast_shapes(*(axis.shape for axis in checked))
        flat = [np.broadcast_to(axis, shape).ravel() for axis in checked]
        features = self.law._features(*flat)
        values = self.law.FORM.log_value(self.law._encode(self.replicates), features)
        if new_run:
            n, p = self.diagnostics.n_points, self.diagnostics.n_parameters
            rng = np.random.default_rng(self.seed + 1)
            # each replicate is repeated so that the residuals' tails are drawn evenly, not by luck
            values = np.repeat(values, 10, axis=0)
            values = values + rng.choice(self.residuals, size=values.shape) * np.sqrt(n / (n - p))
        low, high = exp(percentiles(values, level))
        return Band(self.law.value(*checked), low.reshape(shape)[()], high.reshape(shape)[()])

    def report(self, level: float = 0.95) -> dict[str, Any]:
        """Constants, units, intervals and diagnostics as plain values, ready for JSON."""
        constants = self.law.report()
        if self.replicates.size:
            for name, interval in self.intervals(level).items():
                constants[name] |= {"low": interval.low, "high": interval.high}
        return {
            "law": type(self.law).__name__,
            "level": level,
            "constants": constants,
            "diagnostics": asdict(self.diagnostics),
        }

    def _need_replicates(self) -> None:
        if self.replicates.shape[0] < 20:
            raise DataError(
                f"{type(self.law).__name__}: {self.replicates.shape[0]} bootstrap replicates are too few for an "
                f"interval; fit with n_bootstrap of 100 or more."
            )


def check_identifiable(law: type[Law], axes: Sequence[Floats]) -> None:
    """Refuse points that cannot pin the law down: too few runs, too few distinct values or too little spread on an
    axis, or two axes that move together (one tokens-per-parameter ratio)."""
    name, p = law.__name__, law.FORM.n_parameters
    if axes[0].size < p + 2:
        raise DataError(
            f"{name} has {p} constants; {axes[0].size} runs cannot identify them. Expected at least {p + 2}."
        )
    for quantity, axis in zip(law.AXES, axes, strict=True):
        distinct = np.unique(axis).size
        spread = axis.max() / axis.min()
        need = 1.05 if quantity.name == "loss" else MIN_SPREAD
        if distinct < MIN_DISTINCT:
            raise DataError(
                f"{name}: {distinct} distinct {quantity.name}; expected at least {MIN_DISTINCT} to see a curve."
            )
        if spread < need:
            raise DataError(
                f"{name}: {quantity.name} spread only a factor {spread:.3g} ({axis.min():g} to {axis.max():g} "
                f"{quantity.unit}); expected at least {need:g} to identify an exponent."
            )
    if len(axes) == 2:
        first, second = (log(axis) - log(axis).mean() for axis in axes)
        slope = float((first * second).sum() / (first**2).sum())
        leftover = float(np.std(second - slope * first))
        if leftover < MIN_RATIO_SD:
            a, b = law.AXES[0].name, law.AXES[1].name
            raise DataError(
                f"{name}: {b} follow {a} almost exactly ({b} ~ {a}^{slope:.2f}, scatter {leftover:.2g} in the log), so "
                f"their terms cannot be told apart. Expected runs that vary {b} at fixed {a}."
            )


def fit_law(
    law: type[L],
    axes: Sequence[Floats],
    response: Floats,
    *,
    delta: float = HUBER_DELTA,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> LawFit[L]:
    """Fit `law` to checked, equally long columns by Huber loss on the log response (Hoffmann et al. 2022, eq. 3).

    Every start of a variable-projection grid is run to its optimum and the best is kept, so no start is chosen by
    hand; `n_bootstrap` resamples of the runs (with replacement) are then refitted. Raises DataError with the reason
    where the points do not identify the law.
    """
    same_length(**{quantity.name: axis for quantity, axis in zip(law.AXES, axes, strict=True)}, response=response)
    check_identifiable(law, axes)
    if n_bootstrap < 0 or not delta > 0:
        raise DataError(f"n_bootstrap = {n_bootstrap}, delta = {delta:g}; expected n_bootstrap >= 0 and delta > 0.")
    form, y = law.FORM, log(response)
    x = law._features(*axes)
    centre = x.mean(axis=0)
    centred = x - centre
    solution = minimise_huber(form, form.starts(centred, y), centred, y, delta=delta)
    best = int(np.argmin(solution.objective))
    theta = solution.theta[best]
    _refuse_degenerate(law, form, theta, centred, centre)
    residuals = y - form.log_value(theta[None], centred)[0]

    replicates, failed = _bootstrap(law, theta, centred, y, centre, delta, n_bootstrap, seed)
    relative = np.abs(np.expm1(-residuals))
    diagnostics = Diagnostics(
        n_points=y.size,
        n_parameters=form.n_parameters,
        objective=float(solution.objective[best]),
        huber_delta=delta,
        r2_log=r_squared(y, y - residuals),
        rmse_log=float(np.sqrt((residuals**2).mean())),
        median_relative_error=float(np.median(relative)),
        worst_relative_error=float(relative.max()),
        inlier_share=float((np.abs(residuals) <= delta).mean()),
        n_starts=solution.objective.size,
        agreeing_starts=int((solution.objective <= solution.objective[best] * (1 + AGREEMENT) + 1e-18).sum()),
        converged=bool(solution.converged[best]),
        condition=_condition(form, theta, centred),
        n_bootstrap=n_bootstrap,
        bootstrap_failed=failed,
    )
    constants = law._decode(form.shift(theta[None], -centre))[0]
    return LawFit(law.of(constants), replicates, residuals, diagnostics, seed)


def _bootstrap(
    law: type[L], theta: Floats, x: Floats, y: Floats, centre: Floats, delta: float, n_bootstrap: int, seed: int
) -> tuple[Floats, dict[str, int]]:
    """Constants [R, p] of the resampled fits that gave a law, and how many did not, by reason."""
    if n_bootstrap == 0:
        return np.empty((0, law.FORM.n_parameters)), {}
    counts = np.random.default_rng(seed).multinomial(y.size, np.full(y.size, 1 / y.size), size=n_bootstrap)
    solution: Solution = minimise_huber(
        law.FORM,
        np.repeat(theta[None], n_bootstrap, axis=0),
        x,
        y,
        counts.astype(float),
        delta,
        max_iter=1000,
        tol=1e-7,
    )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        constants = law._decode(law.FORM.shift(solution.theta, -centre))
    possible = np.isfinite(constants).all(axis=1) & (constants > 0).all(axis=1)
    failed = {
        "did not converge": int((~solution.converged).sum()),
        "an exponent or scale that is not positive and finite": int((solution.converged & ~possible).sum()),
    }
    kept = solution.converged & possible
    if (~kept).mean() > MOST_FAILED:
        raise DataError(
            f"{law.__name__}: {int((~kept).sum())} of {n_bootstrap} resamples of the runs give no law ({failed}); the "
            f"constants hang on single runs. Expected more runs, or a law with fewer constants."
        )
    return constants[kept], {reason: count for reason, count in failed.items() if count}


def _refuse_degenerate(law: type[Law], form: LogSumForm, theta: Floats, x: Floats, centre: Floats) -> None:
    """Refuse an optimum where a term has vanished or a constant is not positive: the points show no such term."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        constants = law._decode(form.shift(theta[None], -centre))[0]
    for parameter, value in zip(law.PARAMETERS, constants, strict=True):
        if not (np.isfinite(value) and value > 0):
            raise DataError(
                f"{law.__name__}: the best fit has {parameter.name} = {value:g}; expected a positive finite number. "
                f"The response does not follow this law's direction on these runs."
            )
    shares = form.evaluate(theta[None], x)[1]
    for k, share in enumerate(shares):
        if len(shares) > 1 and share.max() < MIN_SHARE:
            what = "constant" if form.exponents[k] == 0 else f"number {k + 1}"
            raise DataError(
                f"{law.__name__}: the {what} term makes up less than {MIN_SHARE:.1%} of the response in every run, so "
                f"its size is not identified. Expected runs where it matters, or a law without it."
            )


def _condition(form: LogSumForm, theta: Floats, x: Floats) -> float:
    """Condition number of J'J after scaling its columns to unit length, J the Jacobian of the log response."""
    step = 1e-6
    columns = []
    for j in range(form.n_parameters):
        shifted = np.stack([theta, theta])
        shifted[0, j] -= step
        shifted[1, j] += step
        low, high = form.log_value(shifted, x)
        columns.append((high - low) / (2 * step))
    jacobian = np.stack(columns, axis=1)
    condition = np.linalg.cond(jacobian / np.linalg.norm(jacobian, axis=0)) ** 2
    return float(f"{condition:.4g}")  # its further digits are the differences' own error
