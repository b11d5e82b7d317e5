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
from .blended import Blended
from .card import Card
from .comparison import Comparison, compare
from .encoding import RELEASE_MONTH
from .intervals import bounded
from .model import Model, Queries
from .support import Support
from .trees import Trees
from .verdicts import month_numbers, month_text
from .words import Parts, against_nearest, decoded
from .yaml_file import read_yaml

Array = NDArray[np.float64]
CARD, TRAINING = "predictor.yaml", "training.csv"


@dataclass(frozen=True)
class Predictor:
    """`card` is predictor.yaml; `model` what answers, plain trees or a blend; `training` the models it was fitted on
    (model_id, actual, release_month, encoded features); `support` the region that they cover; `origin` where it was
    loaded from."""

    card: Card
    model: Model
    training: pd.DataFrame
    support: Support
    origin: str = ""

    @classmethod
    def load(cls, folder: Path) -> Predictor:
        """Read a predictor's folder. Raises DataError naming the file that is missing or damaged."""
        try:
            card = Card.from_dict(read_yaml(folder / CARD))
            training = pd.read_csv(folder / TRAINING)
            model = (Blended if card.blend else Trees).load(folder, card, training)
            support = Support(
                training[list(card.features)].to_numpy(dtype=np.float64),
                tuple(card.encoding.feature(name) for name in card.features),
                tuple(training["model_id"].astype(str)),
                importance=np.array([card.importance[name] for name in card.features]),
                error=card.typical_error,
                release_months=training.get(RELEASE_MONTH, pd.Series(dtype="object")).tolist(),
                shares=card.encoding.shares,
            )
        except (DataError, OSError, YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{folder}: not a whole predictor: {error}") from None
        return cls(card, model, training, support, str(folder))

    def from_origin(self, origin: str) -> Predictor:
        """The same predictor, loaded from `origin` (shown in its `repr`)."""
        return replace(self, origin=origin)

    def __repr__(self) -> str:
        """One line: what it predicts, from what, and where it was loaded from."""
        return f"<foretell predictor of {self.card.title} from {len(self.card.features)} features ({self.origin})>"

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it reads, in column order."""
        return self.card.features

    @overload
    def predict(self, design: Mapping[str, Any], level: float | None = None) -> Answer: ...
    @overload
    def predict(
        self, design: pd.DataFrame, level: float | None = None, *, contributions: bool = True
    ) -> pd.DataFrame: ...
    def predict(
        self, design: Mapping[str, Any] | pd.DataFrame, level: float | None = None, *, contributions: bool = True
    ) -> Answer | pd.DataFrame:
        """The score of one design, or of each row of a table of designs.

        A design maps feature names to raw words and numbers (`{"total_params": 7e9, "tokens_billions": 2000,
        "activation": "swiglu"}`); in a table the columns are those names. What is absent or empty is unknown; a
        feature that this predictor does not read changes nothing. `release_month` ("2026-03") says when it is or will
        be released: a forecast reads it (unknown: the newest month known), and it tells how new a design is. `level` is
        the level of the interval (default: the predictor's own, 0.9).

        Returns an Answer for one design. For a table, returns a table with its index and the columns score, low, high,
        support, support_reason, nearest, predictable, then contribution_base, contribution_bounds and
        contribution_<feature>, which sum to score. A score never leaves what is possible nor its own interval;
        contribution_bounds is what that changed. `contributions` = False leaves the contribution columns out of the
        answers to a table; they take most of the time of a long one.

        Raises DataError for an unknown feature or word, a number out of range, shares over 100 percent, or a level
        that is not between 0 and 1.
        """
        if isinstance(design, pd.DataFrame):
            return self._answers_of_checked(self.card.encoding.check_table(design), level, contributions)
        return self._answer(self.card.encoding.check_table(_as_table(design)), level)

    def explain(self, design: Mapping[str, Any]) -> Explanation:
        """What each feature of one design adds to its score: exact tree SHAP values (Lundberg et al. 2020), for a
        forecast with what its offsets in scale add (`Blend.contributions`), which with the base, the mean prediction
        over the training models, sum to the score (and with what keeping the score within what is possible added, 0
        for nearly every design).

        Raises DataError as `predict` does.
        """
        table = self.card.encoding.check_table(_as_table(design))
        given = {name: table[name].iloc[0] if name in table else None for name in self.card.parts}
        if RELEASE_MONTH in given:
            given[RELEASE_MONTH] = self.month_read(given[RELEASE_MONTH])
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
        positions = [self.support.model_ids.index(name) for name in answer.nearest]
        rows = self.support.rows[positions]
        known = self.training.iloc[positions]
        shares = self.model.contributions(Queries(rows, self._months(known)))
        released = known[RELEASE_MONTH].tolist() if RELEASE_MONTH in known else [None] * len(known)
        nearest = [
            Parts(
                name,
                sum(share),
                decoded(described, row) | {RELEASE_MONTH: month},
                dict(zip((*self.model.parts, "base"), share, strict=True)),
            )
            for name, row, month, share in zip(answer.nearest, rows, released, shares.tolist(), strict=True)
        ]
        given = {name: design[name].iloc[0] for name in (*self.features, RELEASE_MONTH) if name in design}
        given[RELEASE_MONTH] = self.month_read(given.get(RELEASE_MONTH))
        asked = Parts("", answer.score, given, answer.contributions)
        return against_nearest(asked, nearest)

    def month_read(self, given: Any) -> str | None:
        """The month of release that is read for a design: the one given, else the newest known; None: none is read."""
        if RELEASE_MONTH not in self.model.parts or np.isnan(self.support.newest):
            return None
        return month_text(self.support.newest) if given is None or pd.isna(given) else str(given)

    def _months(self, designs: pd.DataFrame) -> Array:
        """Months of release [rows], NaN = unknown."""
        given = designs[RELEASE_MONTH] if RELEASE_MONTH in designs else [None] * len(designs)
        return month_numbers(given)

    def _answers_of_checked(
        self, designs: pd.DataFrame, level: float | None, contributions: bool = True
    ) -> pd.DataFrame:
        queries = Queries(self.card.encoding.matrix(designs, self.features), self._months(designs))
        support = self.support.verdicts(queries.encoded, designs.get(RELEASE_MONTH))
        raw = self.model.answers(queries, support, self.card.level if level is None else level)
        score, low, high = bounded(raw.score, raw.low, raw.high, self.card.bounds)
        out = {
            "score": score,
            "low": low,
            "high": high,
            "support": support.verdict,
            "support_reason": support.reasons,
            "nearest": [", ".join(names) for names in support.nearest],
            "predictable": self.card.predictable,
        }
        if contributions:
            shares = self.model.contributions(queries)
            out |= {"contribution_base": shares[:, -1], "contribution_bounds": score - raw.score}
            out |= {f"contribution_{name}": shares[:, position] for position, name in enumerate(self.model.parts)}
        return pd.DataFrame(out, index=designs.index)


def _as_table(design: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([dict(design)] if design else [{}], index=[0], dtype=object)
