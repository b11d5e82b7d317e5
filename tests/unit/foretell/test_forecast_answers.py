"""Offsets, blends and the spread of a forecast's errors against closed forms."""

import numpy as np
import pandas as pd
import pytest

from foretell.answering.offsets import (
    LawOffset,
    LineOffset,
    logits,
    offset_from_dict,
    offset_to_dict,
    scores_of,
    shared_between_params_and_tokens,
)
from foretell.answering.spread import BY_VERDICT, Errors
from foretell.answering.verdicts import Verdicts
from foretell.errors import DataError
from foretell.laws.benchmark import PowerLawOffset

RNG = np.random.default_rng(0)
LOG_N, LOG_D = RNG.uniform(18, 25, 40), RNG.uniform(3, 8, 40)


def test_log_odds_and_scores_are_inverse_within_the_scale() -> None:
    scores = np.array([0.3, 1.0, 1.7])
    np.testing.assert_allclose(scores_of(logits(scores, (0.0, 2.0)), (0.0, 2.0)), scores)
    assert logits(np.array([0.0, 2.0]), (0.0, 2.0)).tolist() == pytest.approx([-np.log(99), np.log(99)])


def test_a_line_is_one_in_log_compute() -> None:
    line = LineOffset(-3.0, 0.1)
    expected = -3.0 + 0.1 * np.log(6 * np.exp(LOG_N) * np.exp(LOG_D) * 1e9)
    np.testing.assert_allclose(line(LOG_N, LOG_D, (0.0, 1.0)), expected)


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_a_law_answers_as_the_fitted_power_law(lower_is_better: bool) -> None:
    bounds = (0.0, 2.0) if lower_is_better else (0.0, 1.0)
    share = 1 / (1 + np.exp(-0.3 * (LOG_N + LOG_D - 27)))
    scores = 2 - 2 * share if lower_is_better else share
    fitted = PowerLawOffset.of(LOG_N, LOG_D, scores, lower_is_better)
    rows = np.arange(len(LOG_N))
    law = fitted.law(rows)
    c_params, c_tokens, ratio, power = law.theta
    offset = LawOffset(c_params, c_tokens, ratio, power, law.centre, law.best, law.worst)
    possible = np.clip(fitted(rows), 0.01 * bounds[1], 0.99 * bounds[1])
    np.testing.assert_allclose(scores_of(offset(LOG_N, LOG_D, bounds), bounds), possible, atol=1e-9)


@pytest.mark.parametrize("offset", [LineOffset(0.5, 0.2), LawOffset(1.0, 2.0, 0.3, 0.4, (20.0, 5.0), 1.0, 0.25)])
def test_offsets_survive_being_written(offset: LineOffset | LawOffset) -> None:
    assert offset_from_dict(offset_to_dict(offset)) == offset


def test_the_shares_of_parameters_and_tokens_are_shapley_values() -> None:
    def total(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.4 * params, tokens)

    query, known = (LOG_N[:6], LOG_D[:6]), (LOG_N[6:], LOG_D[6:])
    of_params, of_tokens, mean = shared_between_params_and_tokens(total, query, known)
    np.testing.assert_allclose(of_params + of_tokens + mean, total(*query))
    for i in range(6):  # the definition, over both orders of the two players
        nothing = total(*known).mean()
        params = total(np.full(34, query[0][i]), known[1]).mean()
        tokens = total(known[0], np.full(34, query[1][i])).mean()
        both = total(query[0][i], query[1][i])
        assert of_params[i] == pytest.approx(0.5 * ((params - nothing) + (both - tokens)))


def test_a_sum_is_shared_into_its_terms() -> None:
    of_params, of_tokens, _ = shared_between_params_and_tokens(
        lambda params, tokens: 0.2 * params + 0.5 * tokens, (LOG_N[:3], LOG_D[:3]), (LOG_N, LOG_D)
    )
    np.testing.assert_allclose(of_params, 0.2 * (LOG_N[:3] - LOG_N.mean()))
    np.testing.assert_allclose(of_tokens, 0.5 * (LOG_D[:3] - LOG_D.mean()))


def table(n: int, spread: np.ndarray | float = 0.05, later: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    predicted = rng.uniform(0.3, 0.7, n)
    return pd.DataFrame(
        {
            "model_id": [f"m{i}" for i in range(n)],
            "fold": 0,
            "later": later,
            "actual": predicted + spread * rng.normal(size=n),
            "predicted": predicted,
            "distance": rng.uniform(0.05, 0.4, n),
        }
    )


def at(distance: list[float], beyond: list[float], verdict: str = "inside") -> Verdicts:
    n = len(distance)
    zeros = np.zeros(n)
    return Verdicts([verdict] * n, [""] * n, [()] * n, np.array(distance), zeros, np.array(beyond), zeros)


def test_the_interval_of_like_errors_is_their_quantile() -> None:
    errors = Errors.of(table(4000), (0.0, 1.0))
    low, high = errors.interval(np.array([0.5]), at([0.2], [0.0]), 0.9)
    assert high[0] - 0.5 == pytest.approx(BY_VERDICT["inside"] * 1.645 * 0.05, rel=0.1)
    assert 0.5 - low[0] == pytest.approx(high[0] - 0.5)


def test_intervals_widen_with_distance_where_errors_do_and_with_compute_beyond() -> None:
    made = table(2000)
    made["actual"] = made["predicted"] + (made["actual"] - made["predicted"]) * made["distance"] / 0.2
    errors = Errors.of(made, (0.0, 1.0))
    score = np.full(3, 0.5)
    low, high = errors.interval(score, at([0.06, 0.2, 0.39], [0.0] * 3), 0.9)
    assert ((high - low)[1:] > 1.3 * (high - low)[:-1]).all()
    low, high = errors.interval(score, at([0.2] * 3, [0.0, 1.0, 3.0]), 0.9)
    assert ((high - low)[1:] > 1.1 * (high - low)[:-1]).all()


def test_an_answer_inside_has_the_narrowest_interval() -> None:
    errors, score = Errors.of(table(500), (0.0, 1.0)), np.array([0.5])
    ends = [errors.interval(score, at([0.2], [0.0], verdict), 0.9) for verdict in ("inside", "edge", "outside")]
    widths = [float(high[0] - low[0]) for low, high in ends]
    assert widths == sorted(set(widths))


def test_levels_are_nested_and_checked() -> None:
    errors = Errors.of(table(100), (0.0, 1.0))
    ask = np.array([0.5]), at([0.2], [0.0])
    widths = [float(np.diff(errors.interval(*ask, level), axis=0)[0, 0]) for level in (0.5, 0.8, 0.9, 0.99)]
    assert widths == sorted(widths)
    with pytest.raises(DataError, match="level"):
        errors.interval(*ask, 1.0)


def test_errors_that_are_not_numbers_are_refused() -> None:
    broken = table(10)
    broken.loc[3, "distance"] = np.nan
    with pytest.raises(DataError, match="finite"):
        Errors.of(broken, (0.0, 1.0))
    with pytest.raises(DataError, match="at least one row"):
        Errors.of(table(10).iloc[:0], (0.0, 1.0))
