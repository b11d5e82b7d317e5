"""Controlled runs: what models that differ in one share of their training data, and in nothing else, scored, and
whether a predictor's claim about that share agrees.

>>> import foretell
>>> from foretell.controlled import Claim, disagreement, evidence
>>> rows = evidence(tables, "pct_code", 20, 50)  # doctest: +SKIP
>>> disagreement(Claim(-0.02, -0.09, 0.05, chance=0.25), rows[rows["benchmark"] == "hellaswag"])  # doctest: +SKIP

`tables` are the raw tables `controlled_shares`, `controlled_corpora` and `controlled_recipes`
(`features.controlled.read_controlled` reads them in a checkout). Sources: Muennighoff et al. 2023 (arXiv:2305.16264),
Le Scao et al. 2022 (arXiv:2210.15424), Li et al. 2024, DCLM (arXiv:2406.11794).
"""

from foretell.controlled.agreement import Agreement, Claim, disagreement, measured_direction, measured_sentence
from foretell.controlled.curves import SHARES, ControlledTables, Curve, curves, repeat_noise
from foretell.controlled.evidence import Effect, evidence, line_weights

__all__ = [
    "SHARES",
    "Agreement",
    "Claim",
    "ControlledTables",
    "Curve",
    "Effect",
    "curves",
    "disagreement",
    "evidence",
    "line_weights",
    "measured_direction",
    "measured_sentence",
    "repeat_noise",
]
