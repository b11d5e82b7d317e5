"""What the auditor knows: the recorded designs, the scores of every benchmark, and second measurements of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.raw import read_raw
from features.schema import DOUBTS, MODELS, PRETRAINING, SCORES, WITNESSES
from features.tabulate import aggregate
from features.targets import Target, read_targets
from features.witnesses import same_setting_scores
from models.audit.expectation import Known, describe

FEWEST = 30


@dataclass(frozen=True)
class Recorded:
    """`targets`: those measured on FEWEST models or more, on which expectations can be learned. `known` is what is
    believed, `every` all recorded scores (index model_id, columns slugs), `witnesses` maps (model_id, slug) to another
    measurement with the same settings."""

    targets: dict[str, Target]
    known: Known
    every: pd.DataFrame
    witnesses: dict[tuple[str, str], float]


def read_recorded() -> Recorded:
    """Read the raw tables; DataError as `read_raw` raises it."""
    targets, scores, doubts = read_targets(Path()), read_raw(SCORES), read_raw(DOUBTS)
    design = describe(read_raw(MODELS).merge(read_raw(PRETRAINING), on="model_id", validate="one_to_one"))

    def wide(doubted: pd.DataFrame) -> pd.DataFrame:
        columns = {
            slug: aggregate(scores, target, doubted).scores.set_index("model_id")["score"]
            for slug, target in targets.items()
        }
        return pd.DataFrame(columns).astype(float)

    believed = wide(doubts)
    enough = [slug for slug in targets if believed[slug].count() >= FEWEST]
    return Recorded(
        {slug: targets[slug] for slug in enough},
        Known(design, believed[enough]),
        wide(doubts.iloc[:0])[enough],
        same_setting_scores(read_raw(WITNESSES), targets),
    )
