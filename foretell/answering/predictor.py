"""A fitted predictor as files: XGBoost boosters in their own format, one table and one YAML file, never a pickle. It
takes raw design words and answers with a score, an interval, a support verdict and each feature's contribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ruamel.yaml.error import YAMLError

from ..errors import DataError
from .answer import Answer, Explanation
from .boosters import Booster, contributions, importance, load_booster, predict_each, predict_rows
from .card import Card
from .comparison import Comparison, compare
from .encoding import RELEASE_MONTH
from .intervals import Calibration, bounded
from .support import Support
from .words import Parts, against_nearest, decoded
from .yaml_file import read_yaml

Array = NDArray[np.float64]
CARD, FINAL, TRAINING = "predictor.yaml", "final.ubj", "training.csv"


def fold_file(fold: int) -> str:
    """Name of the booster that left out calibration fold `fold`."""
    return f"fold_{fold:02d}.ubj"


@dataclass(frozen=True)
class Predictor:
    """`card` is predictor.yaml; `final` the booster fitted on every model; `folds` the boosters that each left a
    calibration fold out, with their residuals in `calibration`; `training` the models it was fitted on (model_id,
    actual, the calibration's columns, encoded features); `origin` where it was loaded from."""

    card: Card
    final: Booster
    folds: tuple[Booster, ...]
    training: pd.DataFrame
    calibration: Calibration
    support: Support
    origin: str = ""

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """Read a predictor's folder. Raises DataError naming the file that is missing or damaged."""
        try:
            card = Card.from_dict(read_yaml(folder / CARD))
            training = pd.read_csv(folder / TRAINING)
            boosters = [load_booster(folder / name) for name in (FINAL, *map(fold_file, range(card.n_folds)))]
            rows = training[list(card.features)].to_numpy(dtype=np.float64)
            calibration = Calibration.of(training)
            support = Support(
                rows,
                tuple(card.encoding.feature(name) for name in card.features),
                tuple(training["model_id"].astype(str)),
                importance=importance(boosters[0], rows),
                error=float(calibration.residual.mean()),
                release_months=training.get(RELEASE_MONTH, pd.Series(dtype="object")).tolist(),
                shares=card.encoding.shares,
            )
        except (DataError, OSError, YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder}: not a whole predictor: {error}") from None
        return cls(card, boosters[0], tuple(boosters[1:]), training, calibration, support, str(folder))

    def from_origin(self, origin: str) -> Predictor:
        """The same predictor, loaded from `origin` (shown in its `repr`)."""
        return replace(self, origin=origin)

    def __repr__(self) -> str:
        """One line: what it predicts, from what, and where it was loaded from."""
        return f"<foretell predictor of {self.card.title} from {len(self.card.features)} features ({self.origin})>"

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the boosters read, in column order."""
        return self.card.features

    @overload
    def predict(self, design: Mapping[str, Any], level: float | None = None) -> Answer: ...
    @overload
    def predict(self, design: pd.DataFrame, level: float | None = None) -> pd.DataFrame: ...
    def predict(self, design: Mapping[str, Any] | pd.DataFrame, level: float | None = None) -> Answer | pd.DataFrame:
        """The score of one design, or of each row of a table of designs.

        A design maps feature names to raw words and numbers (`{"total_params": 7e9, "tokens_billions": 2000,
        "activation": "swiglu"}`); in a table the columns are those names. What is absent or empty is unknown; a
        feature that this predictor does not read changes nothing. `release_month` ("2026-03") says when it is or will
        be released, which tells how new it is against the known models. `level` is the level of the interval (default:
        the predictor's own, 0.9).

        Returns an Answer for one design. For a table, returns a table with its index and the columns score, low, high,
        support, support_reason, nearest, predictable, then contribution_base, contribution_bounds and
        contribution_<feature>, which sum to score. A score never leaves what is possible nor its own interval;
        contribution_bounds is what that changed.

        Raises DataError for an unknown feature or word, a number out of range, shares over 100 percent, or a level
        that is not between 0 and 1.
        """
        if isinstance(design, pd.DataFrame):
            return self._answers(design, level)
        return self._answer(self.card.encoding.check_table(_as_table(design)), level)

    def explain(self, design: Mapping[str, Any]) -> Explanation:
        """What each feature of one design adds to its score: exact tree SHAP values (Lundberg et al. 2020), which with
        the base, the mean prediction over the training models, sum to the score (and with what keeping the score
        within what is possible added, 0 for nearly every design).

        Raises DataError as `predict` does.
        """
        table = self.card.encoding.check_table(_as_table(design))
        given = {name: table[name].iloc[0] if name in table else None for name in self.features}
        return Explanation.of(self._answer(table, None), given, self.card)

    def compare(
        self,
        first: Mapping[str, Any],
        second: Mapping[str, Any],
        level: float | None = None,
        names: tuple[str, str] = ("the first", "the second"),
    ) -> Comparison:
        """Two designs side by side: both answers, the difference second - first with its own interval and the
        probability that the second is better, and in words (with these `names`) what makes it.

        The interval is that of two unseen designs; where one is a training model's, it is a little too wide. Raises
        DataError as `predict` does.
        """
        return compare(self, first, second, level, names)

    def encoded(self, designs: pd.DataFrame) -> Array:
        """Checked designs as the numbers that this predictor reads [rows, features]; NaN = unknown."""
        return self.card.encoding.matrix(self.card.encoding.check_table(designs), self.features)

    def _answer(self, design: pd.DataFrame, level: float | None) -> Answer:
        """The answer to a checked table of one row, with words."""
        row = self._answers_of_checked(design, level).iloc[0]
        answer = Answer.of(row, self.card, self.card.level if level is None else level)
        return replace(answer, words=self._in_words(design, answer))

    def _in_words(self, design: pd.DataFrame, answer: Answer) -> tuple[str, ...]:
        """Why the one checked `design` is answered otherwise than its nearest training models."""
        described = [self.card.encoding.feature(name) for name in self.features]
        rows = self.support.rows[[self.support.model_ids.index(name) for name in answer.nearest]]
        shares = contributions(self.final, rows)
        nearest = [
            Parts(name, sum(share), decoded(described, row), dict(zip((*self.features, "base"), share, strict=True)))
            for name, row, share in zip(answer.nearest, rows, shares.tolist(), strict=True)
        ]
        given = {name: design[name].iloc[0] for name in self.features if name in design}
        asked = Parts("", answer.score, given, answer.contributions)
        return against_nearest(asked, nearest)

    def _answers(self, designs: pd.DataFrame, level: float | None) -> pd.DataFrame:
        return self._answers_of_checked(self.card.encoding.check_table(designs), level)

    def _answers_of_checked(self, designs: pd.DataFrame, level: float | None) -> pd.DataFrame:
        encoded = self.card.encoding.matrix(designs, self.features)
        shares = contributions(self.final, encoded)
        support = self.support.verdicts(encoded, designs.get(RELEASE_MONTH))
        low, high = self.calibration.interval(
            predict_each(self.folds, encoded), support.distance, self.card.level if level is None else level
        )
        predicted = predict_rows(self.final, encoded)
        score, low, high = bounded(predicted, low, high, self.card.bounds)
        out = {
            "score": score,
            "low": low,
            "high": high,
            "support": support.verdict,
            "support_reason": support.reasons,
            "nearest": [", ".join(names) for names in support.nearest],
            "predictable": self.card.predictable,
            "contribution_base": shares[:, -1],
            "contribution_bounds": score - predicted,
        }
        out |= {f"contribution_{name}": shares[:, position] for position, name in enumerate(self.features)}
        return pd.DataFrame(out, index=designs.index)


def _as_table(design: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([dict(design)] if design else [{}], index=[0], dtype=object)
