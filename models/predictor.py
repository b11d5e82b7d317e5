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

from features.encoding import Encoding
from features.errors import DataError
from models.boosters import Booster, contributions, load_booster, predict_rows
from models.intervals import cv_plus
from models.support import Support

Array = NDArray[np.float64]
CARD, FINAL, TRAINING = "predictor.yaml", "final.ubj", "training.csv"


def fold_file(fold: int) -> str:
    """Name of the booster that left out calibration fold `fold`."""
    return f"fold_{fold:02d}.ubj"


@dataclass(frozen=True)
class Predictor:
    """`card` is predictor.yaml; `final` the booster fitted on every model; `folds` the boosters that each left a
    calibration fold out; `training` the models it knows: model_id, fold, residual, actual and the encoded features."""

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
        words = tuple(encoding.feature(name).kind == "word" for name in names)
        support = Support(rows, names, words, tuple(training["model_id"].astype(str)))
        return cls(card, encoding, boosters[0], tuple(boosters[1:]), training, support)

    def predict(self, queries: pd.DataFrame, level: float | None = None) -> pd.DataFrame:
        """Predict for each row of `queries` (columns are feature names in raw words and units; missing columns and
        empty cells are unknown). Columns of the result: score, low, high, support, support_reason, nearest,
        predictable, then contribution_base and contribution_<feature>, which sum to score.

        Raises DataError on an unknown column or word, a value out of range, or shares over 100 percent.
        """
        encoded = self._encode(queries)
        shares = contributions(self.final, encoded)
        fold_predictions = np.array([predict_rows(booster, encoded) for booster in self.folds])
        residuals = self.training["residual"].to_numpy(dtype=np.float64)
        fold_of_row = self.training["fold"].to_numpy(dtype=np.intp)
        low, high = cv_plus(fold_predictions, residuals, fold_of_row, self.card["level"] if level is None else level)
        lowest, highest = self.card["bounds"]
        verdicts = [self.support.verdict(row) for row in encoded]
        out = pd.DataFrame(
            {
                "score": predict_rows(self.final, encoded),
                "low": np.clip(low, lowest, highest),
                "high": np.clip(high, lowest, highest),
                "support": [verdict.verdict for verdict in verdicts],
                "support_reason": [verdict.reason for verdict in verdicts],
                "nearest": [", ".join(name for name, _ in verdict.nearest) for verdict in verdicts],
                "predictable": bool(self.card["predictable"]),
                "contribution_base": shares[:, -1],
            },
            index=queries.index,
        )
        for position, name in enumerate(self.features):
            out[f"contribution_{name}"] = shares[:, position]
        return out

    def _encode(self, queries: pd.DataFrame) -> Array:
        if queries.empty:
            raise DataError("no rows to predict for")
        rows = [self.encoding.check_query(record) for record in queries.to_dict("records")]
        frame = pd.DataFrame(rows, index=queries.index).reindex(columns=list(self.features))
        return self.encoding.matrix(frame, self.features)

