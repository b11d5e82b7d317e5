"""This repository as the registry sees it: where results and facts are."""

from pathlib import Path

from models.registry.workspace import Workspace
from pipelines.paths import (
    BACKTESTS,
    ERRORS,
    EXPLAINED,
    PREDICTORS,
    RAW,
    REGENERATED_SCORES,
    RUN_FIGURES,
    TAGS,
    VALIDATION,
)

WORKSPACE = Workspace(
    lock=Path("dvc.lock"),
    facts=(RAW, REGENERATED_SCORES, TAGS),
    validation=VALIDATION,
    errors=ERRORS,
    backtests=BACKTESTS,
    explained=EXPLAINED,
    predictors=PREDICTORS,
    figures=RUN_FIGURES,
)
