"""Rankings of mixtures at a larger scale: closed forms of agreement, reversal and regret."""

import numpy as np
import pytest

from foretell.errors import DataError
from foretell.mixtures.predict import LinearMixing
from foretell.mixtures.transfer import MEASURED, AtScale, transfer_table

WEIGHTS = np.array([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5], [0.0, 1.0]])
IDS = list("abcd")
SMALL = AtScale(1e6, IDS, WEIGHTS, np.array([[4.0], [3.0], [2.0], [1.0]]))
LINE = {"linear": LinearMixing(np.array([[4.0, 1.0]]))}


def larger(losses: list[float], ids: list[str] = IDS) -> AtScale:
    return AtScale(6e7, ids, WEIGHTS, np.array([losses]).T)


@pytest.mark.parametrize(
    ("losses", "spearman", "accuracy", "regret"),
    [([8, 6, 4, 2], 1.0, 1.0, 0.0), ([1, 2, 3, 4], -1.0, 0.0, 3.0), ([8, 6, 2, 4], 0.8, 5 / 6, 2.0)],
)
def test_agreement_and_regret(losses: list[float], spearman: float, accuracy: float, regret: float) -> None:
    row = transfer_table(SMALL, [larger(losses)], {}, ["web"], 100).set_index("loss").loc["web"]
    assert (row["ranked_by"], row["n_mixtures"]) == (MEASURED, 4)
    assert row["spearman"] == pytest.approx(spearman)
    assert row["order_accuracy"] == pytest.approx(accuracy)
    assert row["regret_nats"] == regret
    assert row["random_nats"] == pytest.approx(np.mean(losses) - min(losses))


def test_a_shrinking_effect_shows_in_the_spread() -> None:
    row = transfer_table(SMALL, [larger([2.5, 2.0, 1.5, 1.0])], {}, ["web"], 100).iloc[0]
    assert row["spread_ratio"] == pytest.approx(0.5)


def test_other_mixtures_are_ranked_by_predictors_alone() -> None:
    table = transfer_table(SMALL, [larger([8, 7, 6, 2], list("wxyz"))], LINE, ["web"], 100)
    assert set(table["ranked_by"]) == {"linear"}
    assert table["spearman"].to_numpy() == pytest.approx(1.0)


def test_too_few_mixtures_are_refused() -> None:
    few = AtScale(6e7, ["a", "b"], WEIGHTS[:2], np.array([[1.0], [2.0]]))
    with pytest.raises(DataError, match="2 mixtures; at least 3"):
        transfer_table(SMALL, [few], {}, ["web"], 100)


def test_without_a_larger_scale_there_is_nothing_to_say() -> None:
    assert transfer_table(SMALL, [], LINE, ["web"], 100).empty
