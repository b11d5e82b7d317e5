"""Importing XGBoost for a command that only predicts. XGBoost takes scikit-learn along where that is installed, which
takes longer than the answer does; and its threads wait for each other where a single one reads a small file faster."""

from __future__ import annotations

import os
import sys


def import_xgboost() -> None:
    """Import XGBoost without scikit-learn's part, unless either is there already. Its classes for scikit-learn
    (XGBRegressor) cannot be used in this process afterwards; boosters can."""
    if {"xgboost", "sklearn"} & set(sys.modules):
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # an import of it fails, as where it is not installed
    try:
        import xgboost  # noqa: F401
    finally:
        del sys.modules["sklearn"]
