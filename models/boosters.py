"""Training the boosters that are registered, explained and served: XGBoost, the library of record. The engine only
finds out which grid cell is best, faster; loading and answering with boosters is `foretell.answering.boosters`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foretell.engine import Cell

if TYPE_CHECKING:
    from xgboost import Booster

Array = NDArray[np.float64]


def train_booster(columns: Array, scores: Array, cell: Cell) -> Booster:
    """Fit one grid cell on `columns` [n, f] (NaN = missing) and `scores` [n]: squared error, lambda 1, one thread."""
    import xgboost  # seconds to import

    settings = {"tree_method": "hist", "learning_rate": cell.learning_rate, "max_depth": cell.max_depth, "nthread": 1}
    table = xgboost.DMatrix(columns.astype(np.float32), scores.astype(np.float32), nthread=1)
    return xgboost.train(settings, table, cell.n_estimators)
