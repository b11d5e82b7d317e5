"""XGBoost boosters: prediction, exact tree SHAP and the native file format. What foretell registers, explains and
serves is always one of these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# Idle OpenMP threads sleep instead of spinning: on a busy machine loading forty boosters takes 10 ms and not a second.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost import Booster as Booster

from ..errors import DataError

Array = NDArray[np.float64]


def predict_rows(booster: Booster, columns: Array) -> Array:
    """Predictions [n] for `columns` [n, f]."""
    return np.asarray(booster.predict(xgboost.DMatrix(columns.astype(np.float32), nthread=1)), dtype=np.float64)


def predict_each(boosters: Sequence[Booster], columns: Array) -> Array:
    """Predictions [boosters, n] of several boosters for the same `columns` [n, f], which are converted once."""
    data = xgboost.DMatrix(columns.astype(np.float32), nthread=1)
    return np.array([booster.predict(data) for booster in boosters], dtype=np.float64)


def contributions(booster: Booster, columns: Array) -> Array:
    """Exact tree SHAP [n, f + 1] (Lundberg et al. 2020): one column per feature, then the base; rows sum to the
    prediction."""
    data = xgboost.DMatrix(columns.astype(np.float32), nthread=1)
    return np.asarray(booster.predict(data, pred_contribs=True), dtype=np.float64)


def importance(booster: Booster, columns: Array) -> Array:
    """Mean |contribution| [f] of each feature over `columns` [n, f], in score units."""
    return np.asarray(np.abs(contributions(booster, columns)[:, :-1]).mean(axis=0))


def load_booster(path: Path) -> Booster:
    """The booster in `path` (UBJSON). Raises DataError when it is missing or is no XGBoost model."""
    if not path.is_file():
        raise DataError(f"{path}: missing")
    booster = Booster({"nthread": 1})
    try:
        booster.load_model(path)
    except xgboost.core.XGBoostError as error:
        raise DataError(f"{path}: not an XGBoost model: {str(error).splitlines()[0]}") from None
    return booster
