"""The bundled table of measured losses as the runs that scaling laws are fitted to."""

from __future__ import annotations

import pandas as pd

from foretell.errors import DataError
from foretell.laws.runs import Runs


def runs_by_study(points: pd.DataFrame) -> dict[str, Runs]:
    """The runs of every study in the table `loss_points` by slug: one entry per training corpus and validation set,
    because a law holds for one of each; a study with a single pair keeps its own name."""
    pairs = points[["study", "corpus", "validation"]].drop_duplicates()["study"].tolist()
    runs = {}
    for (study, corpus, validation), rows in points.groupby(["study", "corpus", "validation"]):
        slug = str(study) if pairs.count(study) == 1 else f"{study}-{corpus}-{validation}".replace("_", "-")
        columns = (rows[name].to_numpy(dtype=float) for name in ("params", "tokens", "loss_nats"))
        runs[slug] = Runs(slug, tuple(rows["run"]), *columns)
    return runs


def study_runs(points: pd.DataFrame, slug: str) -> Runs:
    """The runs of one study; DataError lists the known ones."""
    runs = runs_by_study(points)
    if slug not in runs:
        raise DataError(f"unknown study {slug!r}; known: {', '.join(runs)}")
    return runs[slug]
