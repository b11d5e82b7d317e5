"""Every public entrance to the laws refuses values no run can have, and says what they look like."""

from collections.abc import Callable

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.laws.allocation import (
    compute_optimal,
    data_limited,
    effective_tokens,
    inference_aware,
    inference_aware_budget,
)
from foretell.laws.counting import inference_flops, tokens_for_flops, training_flops
from foretell.laws.joint import ChinchillaLaw
from foretell.laws.published import (
    BESIROGLU,
    KAPLAN_COMPUTE,
    KAPLAN_CRITICAL_BATCH,
    KAPLAN_DATA,
    KAPLAN_FRONTIER,
    KAPLAN_JOINT,
    KAPLAN_PARAMS,
    KAPLAN_STEPS,
    KAPLAN_TOKENS,
)
from foretell.laws.quantities import FLOPS, PARAMS, TOKENS, check_flops
from foretell.laws.steps import BatchTradeoff, flops_at_batch, min_flops, min_steps, steps_at_batch

TRADEOFF = BatchTradeoff(2e4, 4e10)
ENTRANCES: dict[str, Callable[[float], object]] = {
    "L(N)": KAPLAN_PARAMS.predict,
    "N(L)": KAPLAN_PARAMS.params_for_loss,
    "L(D)": KAPLAN_TOKENS.predict,
    "D(L)": KAPLAN_TOKENS.tokens_for_loss,
    "L(C)": KAPLAN_COMPUTE.predict,
    "C(L)": KAPLAN_COMPUTE.flops_for_loss,
    "L(N,D) params": lambda v: BESIROGLU.predict(v, 1e11),
    "L(N,D) tokens": lambda v: BESIROGLU.predict(1e9, v),
    "kaplan params": lambda v: KAPLAN_JOINT.predict(v, 1e11),
    "overfitting": lambda v: KAPLAN_JOINT.overfitting(v, 1e11),
    "tokens for overfitting": lambda v: KAPLAN_JOINT.tokens_for_overfitting(v, 0.02),
    "tolerated overfitting": lambda v: KAPLAN_JOINT.tokens_for_overfitting(1e9, v),
    "requirement": KAPLAN_DATA.predict,
    "requirement inverse": KAPLAN_DATA.params_for_tokens,
    "tokens for loss": lambda v: BESIROGLU.tokens_for_loss(v, 2.5),
    "params for loss": lambda v: BESIROGLU.params_for_loss(v, 2.5),
    "optimal params": BESIROGLU.compute_optimal_params,
    "optimal tokens": BESIROGLU.compute_optimal_tokens,
    "kaplan optimal": KAPLAN_JOINT.compute_optimal_params,
    "L(N,S) params": lambda v: KAPLAN_STEPS.predict(v, 1e4),
    "L(N,S) steps": lambda v: KAPLAN_STEPS.predict(1e9, v),
    "S(N,L)": lambda v: KAPLAN_STEPS.steps_for_loss(v, 3.0),
    "B_crit(L)": KAPLAN_CRITICAL_BATCH.predict,
    "L(B_crit)": KAPLAN_CRITICAL_BATCH.loss_for_batch,
    "S(B)": TRADEOFF.predict,
    "E(B)": TRADEOFF.tokens,
    "B(S)": TRADEOFF.batch_for_steps,
    "S_min": lambda v: min_steps(v, 1e6, 1e6),
    "S": lambda v: steps_at_batch(v, 1e6, 1e6),
    "C_min": lambda v: min_flops(v, 1e6, 1e6),
    "C": lambda v: flops_at_batch(v, 1e6, 1e6),
    "6ND": lambda v: training_flops(v, 1e11),
    "2ND": lambda v: inference_flops(1e9, v),
    "C/6N": lambda v: tokens_for_flops(v, 1e9),
    "compute optimal": lambda v: compute_optimal(BESIROGLU, v),
    "data limited": lambda v: data_limited(BESIROGLU, 1e22, v),
    "epochs": lambda v: data_limited(BESIROGLU, 1e22, 1e10, max_epochs=v),
    "effective tokens": lambda v: effective_tokens(1e11, v),
    "inference loss": lambda v: inference_aware(BESIROGLU, v, 1e12),
    "inference tokens": lambda v: inference_aware(BESIROGLU, 2.2, v),
    "lifetime": lambda v: inference_aware_budget(BESIROGLU, v, 1e12),
    "frontier": KAPLAN_FRONTIER.allocate,
    "frontier size": KAPLAN_FRONTIER.at_params,
}


@pytest.mark.parametrize("bad", [float("nan"), 0.0, -1e9, float("inf")], ids=str)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_refuses_nan_zero_negative_and_infinite(entrance: str, bad: float) -> None:
    with pytest.raises(DataError):
        ENTRANCES[entrance](bad)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BESIROGLU.predict(7, 1.4e12), "millions or billions"),
        (lambda: BESIROGLU.predict(7e9, 1400), "millions or billions"),
        (lambda: BESIROGLU.predict(7e9, 1.4e6), "in another unit"),  # tokens in millions
        (lambda: KAPLAN_COMPUTE.predict(10.0), "PF-days"),
        (lambda: KAPLAN_PARAMS.params_for_loss(25.0), "perplexity"),
        (lambda: KAPLAN_CRITICAL_BATCH.loss_for_batch(64), "sequences"),
        (lambda: PARAMS.check([1e9, 2e9, 7e4]), "two units mixed"),
        (lambda: TOKENS.check(["three billion"]), "not numeric"),
        (lambda: TOKENS.check(True), "expected a number"),
        (lambda: FLOPS.check([]), "empty"),
        (lambda: check_flops(np.array([1e22 / 8.64e19 * 1e12]), np.array([1e9]), np.array([1e12])), "PF-days"),
    ],
)
def test_scaled_units_are_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        call()


def test_the_message_names_the_position_the_value_and_the_count() -> None:
    with pytest.raises(DataError, match=r"params\[1\] = nan is missing.*\(2 of 4 values\)"):
        PARAMS.check([1e9, np.nan, 1e8, np.nan])


def _grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    params, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e10, 1e12, 5)))
    return params, tokens, np.asarray(BESIROGLU.predict(params, tokens))


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("bad", [float("nan"), 0.0, -3.0])
def test_fit_refuses_a_bad_cell_in_any_column(column: int, bad: float) -> None:
    columns = [axis.copy() for axis in _grid()]
    columns[column][3] = bad
    with pytest.raises(DataError, match=r"\[3\]"):
        ChinchillaLaw.fit(*columns)


def test_fit_refuses_unequal_columns_and_one_column_in_billions() -> None:
    params, tokens, loss = _grid()
    with pytest.raises(DataError, match="differ in shape"):
        ChinchillaLaw.fit(params, tokens[:-1], loss)
    with pytest.raises(DataError, match="millions or billions"):
        ChinchillaLaw.fit(params, tokens / 1e9, loss)
