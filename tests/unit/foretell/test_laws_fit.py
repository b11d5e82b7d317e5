"""The fitting engine: known constants come back, the optimum is scipy's, no start matters, derivatives are right, and
points that cannot identify a law are refused with the reason."""

import numpy as np
import pytest
from scipy.optimize import minimize

from foretell.errors import DataError
from foretell.laws.fitted import LawFit, fit_law
from foretell.laws.joint import ChinchillaLaw, DataRequirement, KaplanLaw
from foretell.laws.law import Law
from foretell.laws.logsum import LogSumForm
from foretell.laws.newton import _derivatives, huber, minimise_huber
from foretell.laws.published import (
    BESIROGLU,
    KAPLAN_COMPUTE,
    KAPLAN_CRITICAL_BATCH,
    KAPLAN_DATA,
    KAPLAN_JOINT,
    KAPLAN_PARAMS,
    KAPLAN_STEPS,
    KAPLAN_TOKENS,
)
from foretell.laws.single import ComputeLaw, ParamsLaw, TokensLaw
from foretell.laws.steps import BatchTradeoff, CriticalBatchLaw, StepsLaw

N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(3e7, 3e10, 7), np.geomspace(1e9, 1e12, 7)))
S = np.repeat(np.geomspace(1e3, 3e5, 7), 7)


def noisy(loss: np.ndarray, scale: float, seed: int) -> np.ndarray:
    return np.asarray(loss * np.exp(np.random.default_rng(seed).normal(0, scale, loss.size)))


def fit_of(law: Law, n_bootstrap: int = 0) -> LawFit[Law]:
    """`law`'s own noiseless values, fitted."""
    one = np.geomspace(1e7, 1e11, 15)
    match law:
        case ParamsLaw():
            return ParamsLaw.fit(one, law.predict(one), n_bootstrap=n_bootstrap)
        case TokensLaw():
            return TokensLaw.fit(one, law.predict(one), n_bootstrap=n_bootstrap)
        case ComputeLaw():
            return ComputeLaw.fit(one * 1e10, law.predict(one * 1e10), n_bootstrap=n_bootstrap)
        case ChinchillaLaw():
            return ChinchillaLaw.fit(N, D, law.predict(N, D), n_bootstrap=n_bootstrap)
        case KaplanLaw():
            return KaplanLaw.fit(N, D, law.predict(N, D), n_bootstrap=n_bootstrap)
        case StepsLaw():
            return StepsLaw.fit(N, S, law.predict(N, S), n_bootstrap=n_bootstrap)
        case CriticalBatchLaw():
            loss = np.linspace(2.2, 6, 12)
            return CriticalBatchLaw.fit(loss, law.predict(loss), n_bootstrap=n_bootstrap)
        case BatchTradeoff():
            batch = np.geomspace(2e4, 2e8, 12)
            return BatchTradeoff.fit(law.predict(batch), law.tokens(batch), n_bootstrap=n_bootstrap)
        case DataRequirement():
            return DataRequirement.fit(one, law.predict(one), n_bootstrap=n_bootstrap)
        case _:
            raise AssertionError(law)


@pytest.mark.parametrize(
    "law",
    [
        KAPLAN_PARAMS,
        KAPLAN_TOKENS,
        KAPLAN_COMPUTE,
        KAPLAN_JOINT,
        KAPLAN_STEPS,
        KAPLAN_CRITICAL_BATCH,
        KAPLAN_DATA,
        BESIROGLU,
        BatchTradeoff(2e4, 4e10),
    ],
    ids=lambda law: type(law).__name__,
)
def test_known_constants_come_back(law: Law) -> None:
    fit = fit_of(law)
    assert fit.law.constants() == pytest.approx(law.constants(), rel=1e-5)
    assert fit.diagnostics.r2_log == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("law", [BESIROGLU, KAPLAN_JOINT], ids=["chinchilla", "kaplan"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_optimum_of_scipy_is_better(law: ChinchillaLaw | KaplanLaw, seed: int) -> None:
    loss = noisy(law.predict(N, D), 0.02, seed)
    form, y = law.FORM, np.log(loss)
    x = law._features(N, D)
    x = x - x.mean(axis=0)
    ours = minimise_huber(form, form.starts(x, y), x, y).objective.min()

    def objective(theta: np.ndarray) -> float:
        return float(huber(form.log_value(theta[None], x)[0] - y, 1e-3).mean()) * 1e4

    starts = form.starts(x, y)[::6]
    theirs = min(minimize(objective, start, method="Nelder-Mead", options={"maxiter": 4000}).fun for start in starts)
    assert ours * 1e4 <= theirs * (1 + 1e-4)


def test_the_answer_does_not_depend_on_the_start() -> None:
    loss = noisy(BESIROGLU.predict(N, D), 0.01, 3)
    form, y = ChinchillaLaw.FORM, np.log(loss)
    x = ChinchillaLaw._features(N, D)
    x = x - x.mean(axis=0)
    rng = np.random.default_rng(0)
    starts = np.column_stack([rng.normal(0, 1, (60, 3)), rng.uniform(0.02, 1.5, (60, 2))])
    found = minimise_huber(form, starts, x, y)
    best = minimise_huber(form, form.starts(x, y), x, y).objective.min()
    near = found.objective < best * (1 + 1e-6)
    assert found.objective.min() == pytest.approx(best, rel=1e-9)
    assert near.mean() > 0.5
    spread = np.ptp(found.theta[near], axis=0)
    assert (spread < 1e-3).all()


def test_permuting_runs_changes_nothing() -> None:
    loss = noisy(BESIROGLU.predict(N, D), 0.01, 4)
    order = np.random.default_rng(1).permutation(N.size)
    first = ChinchillaLaw.fit(N, D, loss, n_bootstrap=0).law.constants()
    second = ChinchillaLaw.fit(N[order], D[order], loss[order], n_bootstrap=0).law.constants()
    assert second == pytest.approx(first, rel=1e-6)


def test_one_wild_run_hardly_moves_the_law() -> None:
    loss = noisy(BESIROGLU.predict(N, D), 0.005, 5)
    wild = loss.copy()
    wild[10] *= 1.5
    clean = ChinchillaLaw.fit(N, D, loss, n_bootstrap=0).law
    bent = ChinchillaLaw.fit(N, D, wild, n_bootstrap=0).law
    assert bent.predict(7e10, 1.4e12) == pytest.approx(float(clean.predict(7e10, 1.4e12)), rel=0.005)


@pytest.mark.parametrize("space", ["log", "linear"])
@pytest.mark.parametrize("form", [LogSumForm((0.0, None, None)), LogSumForm((None, 1.0), True), LogSumForm((None,))])
def test_derivatives_match_finite_differences(form: LogSumForm, space: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (30, form.n_terms))
    theta = rng.uniform(0.2, 0.8, form.n_parameters)
    y = form.log_value(theta[None], x)[0] + rng.normal(0, 0.3, 30)
    y = y if space == "log" else np.exp(y)
    weights = rng.uniform(0.5, 2, (1, 30))

    def objective(point: np.ndarray) -> float:
        value = form.log_value(point[None], x)[0]
        residual = value - y if space == "log" else np.exp(value) - y
        return float((weights[0] * huber(residual, 0.2)).sum())

    gradient, hessian, _ = _derivatives(form, theta[None], x, y, weights, 0.2, space)  # type: ignore[arg-type]
    step = 1e-6
    units = np.eye(form.n_parameters) * step
    numeric = [(objective(theta + u) - objective(theta - u)) / (2 * step) for u in units]
    assert gradient[0] == pytest.approx(np.array(numeric), abs=1e-6)
    ups = [_derivatives(form, (theta + u)[None], x, y, weights, 0.2, space)[0][0] for u in units]  # type: ignore[arg-type]
    downs = [_derivatives(form, (theta - u)[None], x, y, weights, 0.2, space)[0][0] for u in units]  # type: ignore[arg-type]
    second = (np.array(ups) - np.array(downs)) / (2 * step)
    assert hessian[0] == pytest.approx(second, abs=1e-4)


def test_bootstrap_is_reproducible_and_its_refits_are_optima() -> None:
    loss = noisy(BESIROGLU.predict(N, D), 0.01, 6)
    one = ChinchillaLaw.fit(N, D, loss, n_bootstrap=50, seed=7)
    two = ChinchillaLaw.fit(N, D, loss, n_bootstrap=50, seed=7)
    assert (one.replicates == two.replicates).all()
    counts = np.random.default_rng(7).multinomial(N.size, np.full(N.size, 1 / N.size), size=50)
    for i in (0, 17, 49):
        rows = np.repeat(np.arange(N.size), counts[i])
        alone = ChinchillaLaw.fit(N[rows], D[rows], loss[rows], n_bootstrap=0)
        ours = ChinchillaLaw.of(one.replicates[i])
        errors = [np.log(law.predict(N[rows], D[rows])) - np.log(loss[rows]) for law in (ours, alone.law)]
        resampled, direct = (huber(error, 1e-3).mean() for error in errors)
        assert resampled <= direct * (1 + 1e-3)


def test_intervals_hold_the_point_and_widen_for_a_new_run() -> None:
    fit = ChinchillaLaw.fit(N, D, noisy(BESIROGLU.predict(N, D), 0.01, 8), n_bootstrap=300)
    for name, (estimate, low, high) in fit.intervals(0.95).items():
        assert low < estimate < high
        assert estimate == getattr(fit.law, name)
    point, low, high = fit.predict_interval(N[:4], D[:4], level=0.9)
    _, run_low, run_high = fit.predict_interval(N[:4], D[:4], level=0.9, new_run=True)
    assert (run_low < low).all() and (low < point).all() and (point < high).all() and (high < run_high).all()
    with pytest.raises(DataError, match="between 0 and 1"):
        fit.intervals(95)
    with pytest.raises(DataError, match="too few"):
        ChinchillaLaw.fit(N, D, BESIROGLU.predict(N, D), n_bootstrap=0).intervals()


LOSS = np.asarray(BESIROGLU.predict(N, D))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.arange(6), "5 constants; 6 runs"),
        (N[0] == N, "distinct params"),
        (D[0] == D, "distinct tokens"),
    ],
)
def test_too_few_runs_sizes_or_token_counts_are_refused(rows: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        ChinchillaLaw.fit(N[rows], D[rows], LOSS[rows])


def test_no_spread_and_one_ratio_are_refused() -> None:
    close = np.geomspace(1e9, 2e9, 20)
    with pytest.raises(DataError, match="factor 2"):
        ParamsLaw.fit(close, KAPLAN_PARAMS.predict(close))
    sizes = np.geomspace(1e8, 1e10, 20)
    with pytest.raises(DataError, match="cannot be told apart"):
        ChinchillaLaw.fit(sizes, 20 * sizes, BESIROGLU.predict(sizes, 20 * sizes))


def test_a_loss_that_rises_with_size_is_refused() -> None:
    sizes = np.geomspace(1e8, 1e10, 20)
    with pytest.raises(DataError, match=r"alpha_n = -0\.05"):
        ParamsLaw.fit(sizes, 2 * (sizes / 1e8) ** 0.05)


def test_data_without_an_irreducible_loss_are_refused_by_the_law_that_has_one() -> None:
    loss = 400 / N**0.3 + 900 / D**0.3
    with pytest.raises(DataError, match="constant term"):
        ChinchillaLaw.fit(N, D, loss, n_bootstrap=0)


def test_a_law_that_hangs_on_single_runs_is_refused() -> None:
    sizes = np.array([1e8, 1e9, 1e10, 1e8, 1e9])
    loss = np.array([3.0, 2.9, 2.95, 2.88, 3.02])
    with pytest.raises(DataError):
        fit_law(ParamsLaw, [sizes], loss)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_cover_at_the_nominal_rate(level: float) -> None:
    """200 simulated studies of 98 runs with 1 % noise: the bootstrap intervals of every constant and of a prediction
    hold the truth about as often as they say. Measured: 84 to 87 % at 80 %, 95 to 99 % at 95 % (binomial error 3 and 2
    points), so they err on the wide side; the bound allows 8 points above and 5 below."""
    n, d = np.tile(N, 2), np.tile(D, 2)
    truth = BESIROGLU
    loss = np.asarray(truth.predict(n, d))
    at = (7e10, 1.4e12)
    hits = dict.fromkeys(("e", "a", "b", "alpha", "beta", "prediction"), 0)
    studies = 200
    for seed in range(studies):
        fit = ChinchillaLaw.fit(n, d, noisy(loss, 0.01, seed), n_bootstrap=300, seed=seed)
        for name, (_, low, high) in fit.intervals(level).items():
            hits[name] += low <= getattr(truth, name) <= high
        _, low, high = fit.predict_interval(*at, level=level)
        hits["prediction"] += bool(low <= truth.predict(*at) <= high)
    rates = {name: count / studies for name, count in hits.items()}
    print(level, rates)
    assert all(level - 0.05 <= rate <= min(level + 0.08, 1.0) for rate in rates.values()), rates


@pytest.mark.slow
def test_intervals_for_a_new_run_cover_at_the_nominal_rate() -> None:
    """100 simulated studies: 90 % intervals hold 90 % of fresh runs (measured 0.899), the curve 93 % of the time."""
    n, d = np.tile(N, 2), np.tile(D, 2)
    loss = np.asarray(BESIROGLU.predict(n, d))
    runs, curve = [], []
    for seed in range(100):
        fit = ChinchillaLaw.fit(n, d, noisy(loss, 0.01, seed), n_bootstrap=200, seed=seed)
        fresh = noisy(loss, 0.01, 10_000 + seed)
        _, low, high = fit.predict_interval(n, d, level=0.9, new_run=True)
        runs.append(((low <= fresh) & (fresh <= high)).mean())
        _, low, high = fit.predict_interval(n, d, level=0.9)
        curve.append(((low <= loss) & (loss <= high)).mean())
    assert np.mean(runs) == pytest.approx(0.9, abs=0.02)
    assert 0.87 <= np.mean(curve) <= 0.96
