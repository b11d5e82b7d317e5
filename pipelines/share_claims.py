"""What the fitted predictors and the published controlled runs claim about the share of code, in one table, to hold
against what the laboratory measured."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from features.controlled import read_controlled
from features.targets import Target
from foretell.controlled import Claim
from foretell.controlled.study import study_controlled
from foretell.experiments.share_claims import CLAIM_COLUMNS
from foretell.experiments.shares import CODE, NATURAL_LANGUAGE
from foretell.panel import load_predictors

SHARE = "pct_code"
CHANGES = tuple(pairwise((0.0, 20.0, 40.0, 60.0, 80.0)))  # percent of code
REFERENCE = {"total_params": 4.2e9, "tokens_billions": 84.0}  # of the published runs that cover the most shares


def code_share_claims(targets: Mapping[str, Target], predictors: Path) -> pd.DataFrame:
    """Claims about more code (`foretell.experiments.share_claims.CLAIM_COLUMNS`): of every predictor below `predictors`
    (a folder per target), at REFERENCE with the share of code alone changed, with difference and interval; and of the
    published controlled runs. Benchmarks of programs are held against losses of code, all others against those of
    natural language."""
    rows: list[tuple[Any, ...]] = []
    panel = load_predictors([predictors / slug for slug in targets])
    for start, end in CHANGES:
        compared = panel.compare({**REFERENCE, SHARE: start}, {**REFERENCE, SHARE: end})
        for row in compared.to_dict("records"):
            target = targets[row["target"]]
            claim = Claim(row["difference"], row["low"], row["high"], target.lower_is_better, target.chance)
            domain = _domain(target.benchmark)
            shown = {"difference": claim.difference, "claim_low": claim.low, "claim_high": claim.high}
            rows.append(("predictors", target.slug, domain, start, end, claim.direction, *shown.values()))
    together = study_controlled(read_controlled(Path()))["together"]
    for row in together[together["share"] == SHARE].to_dict("records"):
        benchmark = str(row["benchmark"])
        values = (row["asked_from"], row["asked_to"], row["measured"], None, None, None)
        rows.append(("published controlled runs", benchmark, _domain(benchmark), *values))
    return pd.DataFrame(rows, columns=[*CLAIM_COLUMNS, "difference", "claim_low", "claim_high"])


def _domain(benchmark: str) -> str:
    return CODE if "humaneval" in benchmark or "mbpp" in benchmark else NATURAL_LANGUAGE
