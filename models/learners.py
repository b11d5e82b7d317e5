"""The three learners that nested cross-validation can run: the engine, XGBoost itself and LightGBM.

They share one small interface, so that the protocol in `nested.py` is written once; the libraries are imported where
they are used, because importing them takes longer than a whole search on the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from foretell import engine
from foretell.engine import Cell, FloatArray, FoldRows, IndexArray
from foretell.lightgbm_library import load_lightgbm
from models.catalogue import LearnerName


class Learner(Protocol):
    """Trains the cells of a grid on some rows of a table and predicts others."""

    @property
    def name(self) -> LearnerName: ...

    def prepare(self, x: FloatArray) -> Any:
        """What `predict` needs of the table `x` [n, f] (NaN = missing), made once for all training sets and columns."""
        ...

    def predict(
        self, table: Any, columns: IndexArray, y: FloatArray, train: IndexArray, test: IndexArray, cells: Sequence[Cell]
    ) -> NDArray[np.float32]:
        """Predictions for rows `test` [cells, len(test)] of ensembles trained on rows `train` and these columns."""
        ...

    def errors(
        self, table: Any, columns: IndexArray, targets: FloatArray, folds: FoldRows, cells: Sequence[Cell]
    ) -> NDArray[np.float64]:
        """Mean absolute test errors [cells, folds]; `targets` is [1, n] for all folds, or [folds, n]."""
        ...


class FoldByFold:
    """What the libraries share: `Learner.errors` by one `predict` per fold."""

    def errors(
        self: Learner, table: Any, columns: IndexArray, targets: FloatArray, folds: FoldRows, cells: Sequence[Cell]
    ) -> NDArray[np.float64]:
        """As `Learner.errors`; errors are added up row by row, as the engine's compiled loop does."""
        n_folds = folds.train_starts.size - 1
        errors = np.empty((len(cells), n_folds))
        for f, target in enumerate(np.broadcast_to(targets, (n_folds, targets.shape[1]))):
            train = folds.train[folds.train_starts[f] : folds.train_starts[f + 1]]
            test = folds.test[folds.test_starts[f] : folds.test_starts[f + 1]]
            predicted = self.predict(table, columns, target, train, test, cells)
            absolute = np.abs(predicted.astype(np.float64) - target[test])
            errors[:, f] = np.cumsum(absolute, axis=1)[:, -1] / test.size
        return errors


class EngineTable(NamedTuple):
    """A table ranked for the engine, and its float32 values for feature sets that go to XGBoost."""

    ranked: engine.RankedTable
    x: NDArray[np.float32]


@dataclass(frozen=True)
class EngineLearner:
    """This project's engine: XGBoost's predictions to the last bit.

    A feature set with a column of more than 256 distinct values is handed over to XGBoost where more than 4,098 rows
    are trained on: from there on the engine does not copy its bins. Predictions are XGBoost's either way.
    """

    name: LearnerName = "engine"

    def prepare(self, x: FloatArray) -> EngineTable:
        return EngineTable(engine.rank_table(x), np.asarray(x, dtype=np.float32))

    def predict(
        self,
        table: EngineTable,
        columns: IndexArray,
        y: FloatArray,
        train: IndexArray,
        test: IndexArray,
        cells: Sequence[Cell],
    ) -> NDArray[np.float32]:
        if engine.too_large(table.ranked, columns, train.size):
            return XGBoostLearner().predict(table.x, columns, y, train, test, cells)
        return engine.predict(table.ranked, y, train, test, cells, columns)

    def errors(
        self, table: EngineTable, columns: IndexArray, targets: FloatArray, folds: FoldRows, cells: Sequence[Cell]
    ) -> NDArray[np.float64]:
        if engine.too_large(table.ranked, columns, int(np.diff(folds.train_starts).max())):
            return XGBoostLearner().errors(table.x, columns, targets, folds, cells)
        return engine.fold_errors(table.ranked, targets, folds, cells, columns)


def _trees_by_ensemble(cells: Sequence[Cell]) -> dict[tuple[float, int], int]:
    """The number of trees to grow for each (learning_rate, max_depth): smaller cells are prefixes of it."""
    trees: dict[tuple[float, int], int] = {}
    for cell in cells:
        key = (cell.learning_rate, cell.max_depth)
        trees[key] = max(trees.get(key, 0), cell.n_estimators)
    return trees


@dataclass(frozen=True)
class XGBoostLearner(FoldByFold):
    """XGBoost, one thread: the library of record, and the learner for tables too large for the engine."""

    name: LearnerName = "xgboost"

    def prepare(self, x: FloatArray) -> NDArray[np.float32]:
        return np.asarray(x, dtype=np.float32)

    def predict(
        self,
        table: NDArray[np.float32],
        columns: IndexArray,
        y: FloatArray,
        train: IndexArray,
        test: IndexArray,
        cells: Sequence[Cell],
    ) -> NDArray[np.float32]:
        import xgboost

        picked = table[:, columns]
        training = xgboost.DMatrix(picked[train], np.asarray(y, dtype=np.float32)[train], nthread=1)
        queries = xgboost.DMatrix(picked[test], nthread=1)
        boosters = {
            (rate, depth): xgboost.train(
                {"tree_method": "hist", "learning_rate": rate, "max_depth": depth, "nthread": 1}, training, n_trees
            )
            for (rate, depth), n_trees in _trees_by_ensemble(cells).items()
        }
        return np.stack(
            [
                boosters[cell.learning_rate, cell.max_depth].predict(queries, iteration_range=(0, cell.n_estimators))
                for cell in cells
            ]
        )


@dataclass(frozen=True)
class LightGBMLearner(FoldByFold):
    """LightGBM as the cross-check: the same grid, leaves down to one row, as many leaves as the depth allows."""

    name: LearnerName = "lightgbm"

    def prepare(self, x: FloatArray) -> NDArray[np.float64]:
        return np.asarray(x, dtype=np.float64)

    def predict(
        self,
        table: NDArray[np.float64],
        columns: IndexArray,
        y: FloatArray,
        train: IndexArray,
        test: IndexArray,
        cells: Sequence[Cell],
    ) -> NDArray[np.float32]:
        lightgbm = load_lightgbm()
        picked, target = table[:, columns], np.asarray(y)[train]
        training = lightgbm.Dataset(
            picked[train], target, params={"feature_pre_filter": False, "verbosity": -1}, free_raw_data=False
        )
        boosters = {
            (rate, depth): lightgbm.train(
                {
                    "objective": "regression",
                    "learning_rate": rate,
                    "max_depth": depth,
                    "num_leaves": 2**depth,
                    "min_data_in_leaf": 1,
                    "deterministic": True,
                    "force_row_wise": True,
                    "num_threads": 1,
                    "seed": 0,
                    "verbosity": -1,
                },
                training,
                num_boost_round=n_trees,
                keep_training_booster=True,  # else a third of the time goes into writing and reading the model as text
            )
            for (rate, depth), n_trees in _trees_by_ensemble(cells).items()
        }
        return np.stack(
            [
                np.asarray(
                    boosters[cell.learning_rate, cell.max_depth].predict(
                        picked[test], num_iteration=cell.n_estimators, num_threads=1
                    ),
                    dtype=np.float32,
                )
                for cell in cells
            ]
        )


ENGINE = EngineLearner()
_ALL: tuple[Learner, ...] = (ENGINE, XGBoostLearner(), LightGBMLearner())
LEARNERS: dict[LearnerName, Learner] = {learner.name: learner for learner in _ALL}
