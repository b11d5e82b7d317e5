"""One benchmark's power law: known laws come back, folds see their training rows only, bad scores are refused."""

import time

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.laws.benchmark import (
    BenchmarkLaw,
    PowerLawOffset,
    _fit_between,
    fit_benchmark,
    report_benchmark,
)
from foretell.laws.joint import KaplanLaw

RNG = np.random.default_rng(0)
N = np.exp(RNG.uniform(np.log(1e8), np.log(7e10), 80))
D = np.exp(RNG.uniform(np.log(1e11), np.log(1e13), 80))
TRUTH = KaplanLaw(0.4, 5e9, 0.5, 8e11)  # of the odds of error
ODDS = np.exp(TRUTH.FORM.log_value(TRUTH._encode(TRUTH.constants()[None]), TRUTH._features(N, D))[0])


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_a_known_law_comes_back(lower_is_better: bool) -> None:
    error = ODDS / (1 + ODDS)
    scores = 2 * error if lower_is_better else 1 - error
    fit = fit_benchmark(N, D, scores, lower_is_better=lower_is_better)
    assert fit.r2 == pytest.approx(1, abs=1e-6)
    assert list(fit.law.constants().values()) == pytest.approx(TRUTH.constants(), rel=1e-3)
    assert fit.law.predict(N, D) == pytest.approx(scores, abs=1e-4)
    assert report_benchmark(fit)["does_not_improve_with"] == []


def test_predictions_stay_on_the_score_scale_at_any_size() -> None:
    fit = fit_benchmark(N, D, 1 / (1 + ODDS), lower_is_better=False)
    wide = fit.law.predict(np.geomspace(1e6, 1e15, 9), np.geomspace(1e8, 1e16, 9))
    assert ((wide >= 0) & (wide <= 1)).all() and (np.diff(wide) > 0).all()


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_models_at_chance_do_not_bend_the_law(lower_is_better: bool) -> None:
    """Four-choice accuracy starts at 0.25; a Brier score that small models keep at 1.1 starts there."""
    best, worst = (0.0, 1.1) if lower_is_better else (1.0, 0.25)
    odds = 10 * ODDS**2.5  # a sharp rise: half of the models are at chance
    scores = best + (worst - best) * odds / (1 + odds)
    scores = scores + np.random.default_rng(1).normal(0, 0.005, 80)
    fit = fit_benchmark(N, D, scores, lower_is_better=lower_is_better)
    assert fit.law.worst == pytest.approx(worst, abs=0.03)
    end = np.array([2.0 if lower_is_better else 0.0])
    to_the_end = _fit_between(np.log(N)[None], np.log(D)[None], scores[None], best, end)[0]
    assert fit.mae < 0.8 * np.abs(to_the_end.predict(N, D) - scores).mean()
    assert fit.r2 > 0.95


def test_outliers_do_not_carry_the_law_away() -> None:
    scores = 1 / (1 + ODDS)
    bent = scores.copy()
    bent[:6] = 0.0
    clean, robust = (fit_benchmark(N, D, y, lower_is_better=False).law.predict(N, D) for y in (scores, bent))
    assert np.abs(clean - robust).max() < 0.03


def test_offset_looks_at_its_training_rows_only() -> None:
    scores = 1 / (1 + ODDS) + RNG.normal(0, 0.02, 80)
    scores = np.clip(scores, 0, 1)
    train, test = np.arange(0, 80, 2), np.arange(1, 80, 2)
    changed = scores.copy()
    changed[test] = RNG.permutation(scores[test])
    first = PowerLawOffset.of(np.log(N), np.log(D), scores)(train)
    second = PowerLawOffset.of(np.log(N), np.log(D), changed)(train)
    assert first.shape == (80,) and (first == second).all()
    assert (PowerLawOffset.of(np.log(N), np.log(D), scores)(test) != first).any()


def test_offset_is_deterministic_and_indifferent_to_the_tokens_unit_and_to_row_order() -> None:
    scores = np.clip(1 / (1 + ODDS) + RNG.normal(0, 0.03, 80), 0, 1)
    train = np.arange(60)
    plain = PowerLawOffset.of(np.log(N), np.log(D), scores)(train)
    billions = PowerLawOffset.of(np.log(N), np.log(D / 1e9), scores)(train)
    assert (PowerLawOffset.of(np.log(N), np.log(D), scores)(train) == plain).all()
    assert billions == pytest.approx(plain, abs=1e-6)
    assert PowerLawOffset.of(np.log(N), np.log(D), scores)(train[::-1]) == pytest.approx(plain, abs=1e-6)


def test_fits_beside_others_are_the_fits_alone() -> None:
    scores = np.clip(1 / (1 + ODDS) + RNG.normal(0, 0.03, 80), 0, 1)
    training_sets = [np.sort(RNG.permutation(80)[:size]) for size in (53, 54, 36, 35, 53, 6)]
    together = PowerLawOffset.of(np.log(N), np.log(D), scores)
    together.fit(training_sets)
    for rows in training_sets:
        alone = PowerLawOffset.of(np.log(N), np.log(D), scores)(rows)
        assert (together(rows) == alone).all()
        assert len(together.known) == len(training_sets)  # remembered, not fitted again


def test_a_benchmark_that_ignores_scale_is_no_error_and_explains_nothing() -> None:
    scores = np.clip(RNG.normal(0.35, 0.03, 80), 0, 1)
    fit = fit_benchmark(N, D, scores, lower_is_better=False, n_bootstrap=30)
    assert -0.3 < fit.r2 < 0.3
    assert fit.r2_interval is not None and fit.r2_interval.low <= fit.r2_interval.high


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.full(80, 55.0), "a share, not percent"),
        (np.where(np.arange(80) == 3, np.nan, 0.5), r"scores\[3\] = nan"),
        (np.where(np.arange(80) == 3, -0.1, 0.5), r"scores\[3\]"),
        (np.full(79, 0.5), "expected one of each"),
    ],
)
def test_bad_scores_are_refused(scores: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fit_benchmark(N, D, scores, lower_is_better=False)
    with pytest.raises(DataError, match=words):
        PowerLawOffset.of(np.log(N), np.log(D), scores)


def test_missing_counts_and_base_ten_and_tiny_folds_are_refused() -> None:
    scores = np.full(80, 0.5)
    with pytest.raises(DataError, match=r"log_d\[5\] = nan"):
        PowerLawOffset.of(np.log(N), np.where(np.arange(80) == 5, np.nan, np.log(D)), scores)
    with pytest.raises(DataError, match="base 10"):
        PowerLawOffset.of(np.log10(N), np.log10(D), scores)
    with pytest.raises(DataError, match="5 training rows"):
        PowerLawOffset.of(np.log(N), np.log(D), scores)(np.arange(5))
    with pytest.raises(DataError, match="millions or billions"):
        fit_benchmark(N, D / 1e9, scores, lower_is_better=False)


def test_a_fit_is_cheap() -> None:
    """A fold's fit is a few milliseconds: 7,800 of them (50 seeds, 12 training sets, 13 benchmarks) are well under a
    minute. Held as a generous bound, so that a loaded machine does not fail it."""
    scores = np.clip(1 / (1 + ODDS) + RNG.normal(0, 0.03, 80), 0, 1)
    offset = PowerLawOffset.of(np.log(N), np.log(D), scores)
    offset(np.arange(60))
    begin = time.process_time()
    for i in range(20):
        offset(np.arange(i, i + 55))
    assert (time.process_time() - begin) / 20 < 0.05


def test_law_is_a_plain_value() -> None:
    law = BenchmarkLaw((0.1, 0.2, 0.7, 0.5), (20.0, 25.0), 1.0, 0.25)
    assert law == BenchmarkLaw((0.1, 0.2, 0.7, 0.5), (20.0, 25.0), 1.0, 0.25)
