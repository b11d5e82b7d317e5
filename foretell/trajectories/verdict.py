"""What a finding of the literature is here: a claim, a verdict, the figure it rests on and the reason. Shared by the
studies of training curves and of mixtures, so that their tables read alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from foretell.errors import DataError

CONFIRMED, NOT_CONFIRMED, NOT_TESTABLE = "confirmed", "not confirmed", "not testable here"
XIA = "Xia et al. 2023 (arXiv:2212.09803)"
FU = "Fu 2023, theory of data engineering, part 1"


@dataclass(frozen=True)
class Finding:
    """One statement of the literature: `claim` in one sentence, `verdict`, the `figure` measured here (empty where
    nothing was), and `reason`: what was compared, by which rule, and what limits it."""

    name: str
    source: str
    claim: str
    verdict: str
    figure: str
    reason: str


def verdict(holds: bool) -> str:
    """`confirmed` or `not confirmed`."""
    return CONFIRMED if holds else NOT_CONFIRMED


def findings_table(found: Sequence[Finding]) -> pd.DataFrame:
    """The findings as a table, in their order; raises DataError on none."""
    if not found:
        raise DataError("findings: none given")
    return pd.DataFrame([vars(finding) for finding in found])
