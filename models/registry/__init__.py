"""MLflow, in one room: makes a store match the run descriptions of `runs.py`, packs predictors, holds the
registry's versions and aliases, and answers what is champion, candidate and history. Everything here may be repeated: a
run or a version that is there is found by its `dvc.stage_hash`, a partial one is completed, and nothing is made twice.
"""

from models.registry.connection import STAGE_HASH  # first: it quiets MLflow before MLflow is loaded
from models.registry.store import CANDIDATE, CHAMPION, ModelVersion, Store
from models.registry.tracked import Found, Run

__all__ = ["CANDIDATE", "CHAMPION", "STAGE_HASH", "Found", "ModelVersion", "Run", "Store"]
