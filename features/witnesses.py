"""Second measurements of whole benchmarks: what a recorded score is held against."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from features.targets import Target

MEAN = "mean"  # the word for a benchmark as a whole in the column `subtask`


def witnesses_of(witnesses: pd.DataFrame, target: Target) -> pd.DataFrame:
    """The rows of the typed table `witnesses` that measure the whole of `target`."""
    single = target.needed if len(target.needed) == 1 else ()
    return witnesses[
        (witnesses["benchmark"] == target.benchmark)
        & (witnesses["n_shot"] == target.n_shot)
        & (witnesses["metric"] == target.metric)
        & witnesses["subtask"].isin([MEAN, *single])
    ]


def same_setting_scores(witnesses: pd.DataFrame, targets: Mapping[str, Target]) -> dict[tuple[str, str], float]:
    """(model_id, slug) -> the mean of its second measurements with the same settings."""
    return {
        (str(model_id), slug): float(score)
        for slug, target in targets.items()
        for model_id, score in witnesses_of(witnesses[witnesses["same_setting"].astype(bool)], target)
        .groupby("model_id")["score"]
        .mean()
        .items()
    }
