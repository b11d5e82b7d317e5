"""A fitted predictor as files: XGBoost boosters in their own format and one YAML file, never a pickle. It takes raw
design words and answers with a score, an interval, a support verdict and each feature's contribution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..errors import DataError
from .boosters import Booster, contributions, load_booster, predict_each, predict_rows
from .encoding import Encoding
from .intervals import cv_plus_by_distance
from .support import Support

Array = NDArray[np.float64]
CARD, FINAL, TRAINING = "predictor.yaml", "final.ubj", "training.csv"


CALIBRATIONS = ("", "family_")  # prefixes of training.csv's columns: random folds, folds of whole families


def fold_file(fold: int) -> str:
    """Name of the booster that left out calibration fold `fold`."""
    return f"fold_{fold:02d}.ubj"


@dataclass(frozen=True)
class Predictor:
    """`card` is predictor.yaml; `final` the booster fitted on every model; `folds` the boosters that each left a
    calibration fold out; `training` the models it knows: model_id, actual, fold, residual and distance from the models
    outside the fold (for random folds and, with the prefix `family_`, folds of whole families), encoded features."""

    card: dict[str, Any]
    encoding: Encoding
    final: Booster
    folds: tuple[Booster, ...]
    training: pd.DataFrame
    support: Support

    @property
    def features(self) -> tuple[str, ...]:
        """The features the boosters read, in column order."""
        return tuple(self.card["features"])

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """Read a predictor's folder. Raises DataError naming the file that is missing or damaged."""
        try:
            card = YAML(typ="safe").load((folder / CARD).read_text(encoding="utf-8"))
            training = pd.read_csv(folder / TRAINING)
            boosters = [load_booster(folder / name) for name in (FINAL, *map(fold_file, range(card["n_folds"])))]
            names = tuple(card["features"])
            encoding = Encoding.from_dict(card["encoding"])
            rows = training[list(names)].to_numpy(dtype=np.float64)
        except (OSError, YAMLError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder}: not a whole predictor: {error}") from None
        described = tuple(encoding.feature(name) for name in names)
        support = Support(rows, described, tuple(training["model_id"].astype(str)))
        return cls(card, encoding, boosters[0], tuple(boosters[1:]), training, support)

    def predict(self, queries: pd.DataFrame, level: float | None = None) -> pd.DataFrame:
        """Predict for each row of `queries` (columns are feature names in raw words and units; missing columns and
        empty cells are unknown). Columns of the result: score, low, high, support, support_reason, nearest,
        predictable, then contribution_base and contribution_<feature>, which sum to score.

        Raises DataError on an unknown column or word, a value out of range, or shares over 100 percent.
        """
        level = self.card["level"] if level is None else level
        encoded = self.encoding.matrix(self.encoding.check_table(queries), self.features)
        shares = contributions(self.final, encoded)
        support = self.support.verdicts(encoded)
        low, high = self._interval(encoded, support.distance, level)
        lowest, highest = self.card["bounds"]
        out = {
            "score": predict_rows(self.final, encoded),
            "low": np.clip(low, lowest, highest),
            "high": np.clip(high, lowest, highest),
            "support": support.verdict,
            "support_reason": support.reason,
            "nearest": [", ".join(names) for names in support.nearest],
            "predictable": bool(self.card["predictable"]),
            "contribution_base": shares[:, -1],
        }
        out |= {f"contribution_{name}": shares[:, position] for position, name in enumerate(self.features)}
        return pd.DataFrame(out, index=queries.index)

    def _interval(self, encoded: Array, distance: Array, level: float) -> tuple[Array, Array]:
        def column(name: str) -> Array:
            pooled = [self.training[prefix + name].to_numpy(dtype=np.float64) for prefix in CALIBRATIONS]
            return np.concatenate(pooled)

        fold_predictions = predict_each(self.folds, encoded)
        fold_of_row = column("fold").astype(np.intp)
        return cv_plus_by_distance(
            fold_predictions, column("residual"), fold_of_row, column("distance"), distance, level
        )
