"""The laws on the bundled measurements: the published refit comes back, and larger models are foretold from smaller
ones."""

import time

import numpy as np
import pytest

from features.loss_runs import runs_by_study, study_runs
from features.raw import read_raw
from features.schema import LOSS_CURVES, LOSS_POINTS
from foretell.laws.joint import ChinchillaLaw, KaplanLaw
from foretell.laws.published import BESIROGLU, BESIROGLU_INTERVALS_95, KAPLAN_CRITICAL_BATCH
from foretell.laws.runs import Runs, leave_out_highest
from foretell.laws.settings import LawSettings
from foretell.laws.steps import StepsLaw, min_steps
from foretell.laws.studies import extrapolate, fit_study, report_study


@pytest.fixture(scope="module")
def chinchilla() -> Runs:
    return leave_out_highest(study_runs(read_raw(LOSS_POINTS), "chinchilla"), 5)[0]


def test_studies_are_split_by_corpus_and_validation_set() -> None:
    runs = runs_by_study(read_raw(LOSS_POINTS))
    assert {name: one.loss.size for name, one in runs.items()} == {
        "chinchilla": 245,
        "olmo-ladder": 16,
        "overtraining-c4-original-c4-val": 34,
        "overtraining-c4-original-openlm": 34,
        "overtraining-rpj-c4-val": 35,
        "overtraining-rpj-openlm": 35,
        "overtraining-rw-original-c4-val": 35,
        "overtraining-rw-original-openlm": 35,
    }


def test_the_five_runs_left_out_are_models_far_too_large_for_their_tokens() -> None:
    kept, out = leave_out_highest(study_runs(read_raw(LOSS_POINTS), "chinchilla"), 5)
    assert kept.loss.size == 240
    assert (out.tokens_per_param < 0.5).all()
    assert out.loss.min() > kept.loss.max()


def test_chinchilla_points_give_the_published_refit(chinchilla: Runs) -> None:
    fit = ChinchillaLaw.fit(chinchilla.params, chinchilla.tokens, chinchilla.loss, n_bootstrap=1000)
    for name, (low, high) in BESIROGLU_INTERVALS_95.items():
        assert low < getattr(fit.law, name) < high
    for name, (_, low, high) in fit.intervals(0.95).items():
        assert low < getattr(BESIROGLU, name) < high, name
    assert fit.law.constants() == pytest.approx(BESIROGLU.constants(), rel=0.04)
    ours = fit.intervals(0.95)
    for name, published in BESIROGLU_INTERVALS_95.items():
        assert ours[name][1:] == pytest.approx(published, abs=0.005)


def test_leaving_the_five_runs_in_moves_the_exponent_of_the_tokens(chinchilla: Runs) -> None:
    every = study_runs(read_raw(LOSS_POINTS), "chinchilla")
    with_them = ChinchillaLaw.fit(every.params, every.tokens, every.loss, n_bootstrap=0).law
    without = ChinchillaLaw.fit(chinchilla.params, chinchilla.tokens, chinchilla.loss, n_bootstrap=0).law
    assert with_them.beta > without.beta + 0.02


def test_olmo_ladder_up_to_760m_foretells_the_1b_runs() -> None:
    runs = study_runs(read_raw(LOSS_POINTS), "olmo-ladder")
    for law, bound in ((ChinchillaLaw, 0.007), (KaplanLaw, 0.005)):
        result = extrapolate(law, runs, 8e8, n_bootstrap=200)
        assert result["n_fitted"] == 12 and len(result["runs"]) == 4
        assert result["mean_absolute_relative_error"] < bound
        assert result["worst_absolute_relative_error"] < 0.01


def test_ten_thousand_bootstrap_refits_take_less_than_a_minute_of_one_core(chinchilla: Runs) -> None:
    begin = time.process_time()
    fit = ChinchillaLaw.fit(chinchilla.params, chinchilla.tokens, chinchilla.loss, n_bootstrap=10_000)
    assert fit.replicates.shape[0] == 10_000
    assert time.process_time() - begin < 60


def test_a_study_report_names_what_was_left_out_and_refused(chinchilla: Runs) -> None:
    study = fit_study(study_runs(read_raw(LOSS_POINTS), "chinchilla"), leave_out=5, n_bootstrap=100)
    report = report_study(study, LawSettings(100, budgets_flops=(1e22,), fit_up_to_params={"chinchilla": 1e5}))
    assert report["left_out_highest_loss"][0]["run"] == "chinchilla-000"
    assert report["n_runs"] == 240
    assert "0 of 240 runs" in report["laws"]["kaplan"]["extrapolation"]["refused"]
    ladder = study_runs(read_raw(LOSS_POINTS), "olmo-ladder")
    one_size = fit_study(ladder.where(ladder.params < 2e8), leave_out=0, n_bootstrap=100)
    assert set(one_size.refused) == {"chinchilla", "kaplan"} and not one_size.fits
    assert np.isfinite(report["laws"]["chinchilla"]["allocations"][0]["params"]["value"])


def test_curves_of_decaying_schedules_do_not_pin_down_the_law_of_steps() -> None:
    """The warning in docs/laws.md: fitted to the ladder's longest curves, alpha_N moves by a factor of four with the
    part of the learning-rate decay that is taken (0.34 for 5-100 %, 0.07 for 2-30 % of the steps)."""
    curves = read_raw(LOSS_CURVES)
    curves = curves[curves["run"].str.endswith("-10xC")]
    share = curves["step"] / curves.groupby("run")["step"].transform("max")
    found = {}
    for low, high in ((0.05, 1.0), (0.02, 0.3)):
        part = curves[(share >= low) & (share <= high)]
        steps, loss = part["step"].to_numpy(dtype=float), part["loss_nats"].to_numpy(dtype=float)
        batch = part["tokens"].to_numpy(dtype=float) / steps
        corrected = min_steps(steps, batch, KAPLAN_CRITICAL_BATCH.predict(loss))
        fit = StepsLaw.fit(part["params"].to_numpy(dtype=float), corrected, loss, n_bootstrap=0)
        found[high] = fit.law.alpha_n
        assert fit.diagnostics.r2_log > 0.99  # each fits its own part well, which is why a good fit is no proof
    assert found[1.0] > 3 * found[0.3]
