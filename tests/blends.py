"""Forecasts fitted on the recorded facts and written as stage `fit` writes them, for tests of what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from known_targets import TARGETS

from features.encoding import encoding_of
from features.tabulate import tabulate
from foretell.answering.predictor import CARD, Predictor
from models.catalogue import FORECAST, features_of
from models.fitting import card, fit_blend
from models.task import Task
from pipelines.cli.answers import RegisteredPredictor
from pipelines.files import write_csv, write_parquet, write_yaml
from pipelines.paths import DESIGN_TABLE, PREDICTORS, target_scores


def write_forecasts(root: Path, raw: Mapping[str, pd.DataFrame], slugs: Sequence[str]) -> None:
    """Write to the folder `root` what a checkout has after `make repro` that answering needs: the design table, and the
    scores and the forecast of each target in `slugs`, fitted on the facts `raw` (table name -> table)."""
    tables = tabulate(dict(raw), "verified", [TARGETS[slug] for slug in slugs], 30)
    encoding = encoding_of(tables.design, "verified")
    features = features_of(FORECAST, "verified", {})
    write_parquet(root / DESIGN_TABLE, tables.design)
    for slug in slugs:
        scores = tables.scores.loc[tables.scores["benchmark"] == slug, ["model_id", "score"]]
        write_parquet(root / target_scores(slug), scores)
        task = Task.of(TARGETS[slug], tables.design, scores, encoding)
        fitted, folder = fit_blend(task, features), root / PREDICTORS / slug
        folder.mkdir(parents=True)
        for name, booster in fitted.boosters.items():
            (folder / name).write_bytes(booster.save_raw("ubj"))
        for name, table in {"training.csv": fitted.training, **fitted.tables}.items():
            write_csv(folder / name, table)
        write_yaml(folder / CARD, card(task, FORECAST.name, features, fitted, 0.9, True).to_dict())


def stored_forecasts(root: Path, slugs: Sequence[str]) -> dict[str, RegisteredPredictor]:
    """Target -> the forecast that `write_forecasts` wrote to `root`, as if it were a registered champion."""
    folders = {slug: root / PREDICTORS / slug for slug in slugs}
    return {
        slug: RegisteredPredictor(Predictor.load(folder), TARGETS[slug].group, "1", "champion")
        for slug, folder in folders.items()
    }
