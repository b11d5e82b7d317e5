"""The designs that the speed of asking is measured with are ones that may be asked about."""

from __future__ import annotations

from benchmarks.asking_speed import random_designs
from features.encoding import encoding_with
from foretell.designs import checked_designs, model_ids


def test_random_designs_are_designs() -> None:
    designs = random_designs(500)
    assert len(set(model_ids(designs))) == 500
    assert checked_designs(designs, encoding_with("verified", {})).shape == (500, 7)
    assert random_designs(5).equals(random_designs(5))
