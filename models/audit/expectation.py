"""What a score is expected to be, out of fold: extra-trees on the model's design and its other scores, and the same on
its design alone (a model whose every run failed is in line with itself). The spread is what the trees missed by on
models that they had not seen, scaled to models of the kind; the tails are pooled over all benchmarks, because 180
models say nothing about the outermost half percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

from features.targets import Target

Array = NDArray[np.float64]
DESIGN = ("log_params", "log_tokens", "pct_code", "pct_web", "pct_english", "release")
N_TREES, N_FOLDS, SEED = 150, 6, 0
LOCAL = 12  # models in a leaf of the trees that tell how far off expectations are
LEAST_SPREAD = 0.3  # of a benchmark's own mean miss: no model is expected more exactly than that
TAIL, GUESS_TAIL = 0.005, 0.03


@dataclass(frozen=True)
class Known:
    """What the auditor learns from: `design` (columns DESIGN, NaN = unknown) and believed `scores` (columns slugs, NaN
    = not measured), both indexed by model_id."""

    design: pd.DataFrame
    scores: pd.DataFrame

    def without(self, model_id: str) -> Known:
        """The same without one model, so that it is never held against itself."""
        return Known(
            self.design.drop(index=model_id, errors="ignore"), self.scores.drop(index=model_id, errors="ignore")
        )

    def on(self, slugs: Sequence[str]) -> Known:
        """The same with scores on these benchmarks alone."""
        return Known(self.design, self.scores[list(slugs)])

    def design_of(self, model_id: str) -> pd.Series:
        """One model's row of the design."""
        return self.design.loc[[model_id]].iloc[0]


def describe(designs: pd.DataFrame) -> pd.DataFrame:
    """A design table (model_id, total_params, tokens_billions, shares in percent, release_month) as the columns DESIGN,
    indexed by model_id."""
    release = pd.to_datetime(designs["release_month"].astype(str).str[:7], format="%Y-%m", errors="coerce")
    table = pd.DataFrame(
        {
            "log_params": np.log(designs["total_params"].astype(float)),
            "log_tokens": np.log(designs["tokens_billions"].astype(float)),
            **{name: designs[name].astype(float) for name in ("pct_code", "pct_web", "pct_english")},
            "release": release.dt.year + release.dt.month / 12,
        }
    )
    return table.set_axis(designs["model_id"].astype(str))


@dataclass(frozen=True)
class Expected:
    """What one model's score on one benchmark is expected to be: `score`, and `spread`, the mean absolute miss on
    models of the kind, in score units."""

    score: float
    spread: float


@dataclass(frozen=True)
class Expectation:
    """Expected scores of one benchmark from some columns. `trees` and `misses` are fitted on every known model;
    `held_out` has one row per known model (score, expected, spread), each by trees that did not see it."""

    columns: tuple[str, ...]
    trees: ExtraTreesRegressor
    misses: ExtraTreesRegressor
    least: float
    held_out: pd.DataFrame

    @classmethod
    def fit(cls, known: Known, slug: str, others: Sequence[str]) -> Expectation:
        """Learn to expect benchmark `slug` from the design and the scores on `others` (none: the design alone)."""
        scores = known.scores[slug].dropna()
        x = _columns(known.design, known.scores, others).loc[scores.index]
        y = scores.to_numpy(float)
        expected = np.empty(len(y))
        folds = list(KFold(N_FOLDS, shuffle=True, random_state=SEED).split(y))
        for train, test in folds:
            expected[test] = _trees(2).fit(x.to_numpy()[train], y[train]).predict(x.to_numpy()[test])
        missed = np.abs(y - expected)
        least = LEAST_SPREAD * float(missed.mean())
        about = _about(x, expected)
        spread = np.empty(len(y))
        for train, test in folds:
            spread[test] = _trees(LOCAL).fit(about[train], missed[train]).predict(about[test])
        held_out = pd.DataFrame(
            {"score": y, "expected": expected, "spread": np.maximum(spread, least)}, index=scores.index
        )
        misses = _trees(LOCAL).fit(about, missed)
        return cls(tuple(x.columns), _trees(2).fit(x.to_numpy(), y), misses, least, held_out)

    def of(self, design: pd.Series, scores: pd.Series) -> Expected:
        """What a model that the trees did not see is expected to score."""
        row = pd.DataFrame([{**design.to_dict(), **scores.to_dict()}]).reindex(columns=list(self.columns)).astype(float)
        expected = self.trees.predict(row.to_numpy())
        spread = max(float(self.misses.predict(_about(row, expected))[0]), self.least)
        return Expected(float(expected[0]), spread)


@dataclass(frozen=True)
class Expectations:
    """Every benchmark's expectation from the design and other scores (`by_all`) and from the design alone
    (`by_design`). `limits` maps "all" and "design" to the TAIL and 1 - TAIL quantiles of (score - expected) / spread
    over all held-out scores: what lies beyond is objected to."""

    by_all: Mapping[str, Expectation]
    by_design: Mapping[str, Expectation]
    limits: Mapping[str, tuple[float, float]]
    guess_limits: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(cls, known: Known, targets: Mapping[str, Target], slugs: Sequence[str]) -> Expectations:
        """Learn to expect the benchmarks `slugs`."""
        by_all = {slug: Expectation.fit(known, slug, others_of(slug, targets, known)) for slug in slugs}
        by_design = {slug: Expectation.fit(known, slug, ()) for slug in slugs}
        limits, guess_limits = (
            {"all": _limits(by_all, tail), "design": _limits(by_design, tail)} for tail in (TAIL, GUESS_TAIL)
        )
        return cls(by_all, by_design, limits, guess_limits)


def others_of(slug: str, targets: Mapping[str, Target], known: Known) -> list[str]:
    """The benchmarks whose scores tell something of `slug`'s: all but those that share its rows in the score table."""
    own = targets[slug]
    names = [str(name) for name in known.scores]
    return [name for name in names if (targets[name].benchmark, targets[name].n_shot) != (own.benchmark, own.n_shot)]


def _limits(fitted: Mapping[str, Expectation], tail: float) -> tuple[float, float]:
    pooled = np.concatenate(
        [((e.held_out["score"] - e.held_out["expected"]) / e.held_out["spread"]).to_numpy() for e in fitted.values()]
    )
    low, high = np.quantile(pooled, [tail, 1 - tail])
    return float(low), float(high)


def _trees(least_in_leaf: int) -> ExtraTreesRegressor:
    return ExtraTreesRegressor(N_TREES, min_samples_leaf=least_in_leaf, max_features=0.5, random_state=SEED)


def _columns(design: pd.DataFrame, scores: pd.DataFrame, others: Sequence[str]) -> pd.DataFrame:
    return design.join(scores[list(others)], how="right").astype(float)


def _about(x: pd.DataFrame, expected: Array) -> Array:
    """What the size of a miss may depend on: the expected score, the model's size, how many other scores are known."""
    known = x.drop(columns=list(DESIGN)).notna().sum(axis=1).to_numpy(float)
    return np.column_stack([expected, x["log_params"].to_numpy(float), known])
