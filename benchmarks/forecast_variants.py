"""The ideas that `benchmarks.forecast_ideas` measures: each says, of one outer fold, the log odds of the test models'
scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.answering.blend import tree_columns
from foretell.answering.boosters import predict_rows
from foretell.answering.encoding import RELEASE_MONTH
from foretell.answering.offsets import logits
from foretell.answering.verdicts import month_numbers
from foretell.engine import Cell
from models.boosters import train_booster
from models.forecast.members import EXTRA_TREES, Inputs, fit_line
from models.schemes import OWN_RUNS, Scheme
from models.splits import Fold, Indices

Array = NDArray[np.float64]
BOOSTED = Cell(0.05, 4, 100)
HALF_LIFE_MONTHS = 12.0
FILLED_WEIGHT, FACTORS, ROUNDS = 0.4, 2, 25  # of a score that was filled in from others; of the factorisation


@dataclass(frozen=True)
class Setting:
    """One outer fold of a scheme: what is learnt from, the training and test rows, and the scores of all benchmarks as
    log odds (`every`: by model_id, a column each, NaN = not measured) with the models' `design`."""

    inputs: Inputs
    scheme: Scheme
    fold: Fold
    every: pd.DataFrame
    design: pd.DataFrame

    @property
    def columns(self) -> tuple[Array, Array]:
        """What the trees read of the training and of the test rows."""
        newest = self.inputs.newest(self.fold.train)
        train, test = (self.inputs.columns(rows, newest).astype(np.float64) for rows in self.fold)
        return train, test

    @property
    def target(self) -> Array:
        """Log odds of the training scores."""
        return self.inputs.log_odds[self.fold.train]

    def line(self) -> Array:
        """The line in log compute, for all models [n]."""
        line = fit_line(self.inputs, self.fold.train)
        return line(self.inputs.encoded[:, 0], self.inputs.encoded[:, 1], self.inputs.bounds)


def forest(columns: Array, rest: Array, asked: Array, weight: Array | None = None) -> Array:
    """Extra trees, as the members' are."""
    from sklearn.ensemble import ExtraTreesRegressor

    fitted = ExtraTreesRegressor(**EXTRA_TREES).fit(columns.astype(np.float32), rest, sample_weight=weight)
    return np.asarray(fitted.predict(asked.astype(np.float32)))


def boosted(columns: Array, rest: Array, asked: Array) -> Array:
    """Boosted trees."""
    return predict_rows(train_booster(columns, rest, BOOSTED), asked)


def corrected(setting: Setting, offset: Array, learner: Callable[[Array, Array, Array], Array] = forest) -> Array:
    """An offset [n] with what a learner makes of the rest, for the test rows."""
    train, test = setting.columns
    rest = setting.target - offset[setting.fold.train]
    return np.asarray(offset[setting.fold.test] + learner(train, rest, test))


def base(setting: Setting) -> Array:
    """A line in log compute."""
    return corrected(setting, setting.line())


def law(setting: Setting, learner: Callable[[Array, Array, Array], Array] = forest) -> Array:
    """The power law."""
    return corrected(setting, logits(setting.inputs.law(setting.fold.train), setting.inputs.bounds), learner)


def two_slopes(setting: Setting) -> Array:
    """A plane in log parameters and log tokens."""
    scale = setting.inputs.encoded[:, :2]
    train = scale[setting.fold.train]
    centre, spread = train.mean(axis=0), train.std(axis=0)
    standard = (scale - centre) / spread
    own, mean = standard[setting.fold.train], setting.target.mean()
    slopes = np.linalg.solve(own.T @ own + np.eye(2), own.T @ (setting.target - mean))
    return corrected(setting, mean + standard @ slopes)


def without(setting: Setting, dropped: slice) -> Array:
    """The base without some of the columns behind the features: compute, tokens per parameter, month."""
    train, test = setting.columns
    n_features = setting.inputs.encoded.shape[1]
    kept = np.setdiff1d(np.arange(train.shape[1]), np.arange(train.shape[1])[n_features:][dropped])
    offset = setting.line()
    rest = setting.target - offset[setting.fold.train]
    return offset[setting.fold.test] + forest(train[:, kept], rest, test[:, kept])


def no_offset(setting: Setting) -> Array:
    """Trees on log odds, without an offset."""
    return corrected(setting, np.zeros(len(setting.inputs.log_odds)), boosted)


def on_scores(setting: Setting) -> Array:
    """Line and trees in scores."""
    inputs, (train, test) = setting.inputs, setting.columns
    compute = inputs.encoded[:, :2].sum(axis=1)
    slope, start = np.polyfit(compute[setting.fold.train], inputs.task.scores[setting.fold.train], 1)
    line = start + slope * compute
    rest = inputs.task.scores[setting.fold.train] - line[setting.fold.train]
    return logits(line[setting.fold.test] + forest(train, rest, test), inputs.bounds)


def weighted(setting: Setting, weight: Array) -> Array:
    """The base with weighted models."""
    compute, train = setting.inputs.encoded[:, :2].sum(axis=1), setting.fold.train
    slope, start = np.polyfit(compute[train], setting.target, 1, w=np.sqrt(weight))
    return corrected(setting, start + slope * compute, partial(forest, weight=weight))


def score_weights(setting: Setting) -> Array:
    """Weights by how much a change of log odds changes the score."""
    share = 1 / (1 + np.exp(-setting.target))
    return weighted(setting, share * (1 - share))


def recent(setting: Setting) -> Array:
    """Weights that halve in a year."""
    months = setting.inputs.task.release_months[setting.fold.train]
    return weighted(setting, 0.5 ** (np.nan_to_num(np.nanmax(months) - months) / HALF_LIFE_MONTHS))


def developer(setting: Setting) -> Array:
    """With a column more: the mean residual of the developer's other families, shrunk."""
    task, offset = setting.inputs.task, setting.line()
    train, test = setting.columns
    makers = np.array([model.split("/")[0] for model in task.model_ids])
    families, rest = np.array(task.families), setting.target - offset[setting.fold.train]

    def record(rows: Indices) -> Array:
        known = setting.fold.train
        same = (makers[known][None] == makers[rows][:, None]) & (families[known][None] != families[rows][:, None])
        counts = same.sum(axis=1)
        return np.where(counts > 0, (same @ rest) / (counts + 1), np.nan)

    wider = [np.column_stack([part, record(rows)]) for part, rows in zip((train, test), setting.fold, strict=True)]
    return offset[setting.fold.test] + forest(wider[0], rest, wider[1])


def standardised(columns: Array, asked: Array) -> tuple[Array, Array]:
    """Columns with mean 0 and spread 1 over the training rows, 0 where unknown."""
    centre, spread = np.nanmean(columns, axis=0), np.nanstd(columns, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return np.nan_to_num((columns - centre) / spread), np.nan_to_num((asked - centre) / spread)


def kernel(columns: Array, rest: Array, asked: Array) -> Array:
    """Residuals of the nearest models, by a Gaussian kernel."""
    known, queries = standardised(columns, asked)
    apart = ((queries[:, None] - known[None]) ** 2).mean(axis=2)
    weight = np.exp(-apart / 0.3)
    return np.asarray((weight @ rest) / (weight.sum(axis=1) + 0.3))


def gaussian_process(columns: Array, rest: Array, asked: Array) -> Array:
    """A Gaussian process with a fixed kernel."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    known, queries = standardised(columns, asked)
    covariance = ConstantKernel(0.3) * RBF(3.0) + WhiteKernel(0.1)
    return np.asarray(GaussianProcessRegressor(covariance, optimizer=None).fit(known, rest).predict(queries))


def latent_skills(setting: Setting) -> Array:
    """All benchmarks at once, of all models that were known, whether they have this benchmark's score or not: two
    skills fill in what was not measured, and one forest learns every benchmark's rest, this one's counting most."""
    inputs, task = setting.inputs, setting.inputs.task
    known = setting.design[is_known(setting)].sort_values("model_id")
    measured = setting.every.reindex(known["model_id"]).to_numpy()
    position = list(setting.every).index(task.benchmark)
    filled = fill_in(measured)
    encoded = task.encoding.matrix(known, inputs.names)
    columns = tree_columns(encoded, month_numbers(known[RELEASE_MONTH]), inputs.newest(setting.fold.train))
    compute, asked = encoded[:, :2].sum(axis=1), inputs.encoded[setting.fold.test, :2].sum(axis=1)
    lines = [np.polyfit(compute, scores, 1) for scores in filled.T]
    rests = filled - np.column_stack([np.polyval(line, compute) for line in lines])
    spread = rests.std(axis=0) + 1e-9
    importance = np.where(np.arange(len(spread)) == position, 3.0, np.abs(np.corrcoef(rests.T)[position]))
    learned = forest(columns, rests / spread * importance, setting.columns[1])[:, position] / 3.0
    return np.asarray(np.polyval(lines[position], asked) + learned * spread[position])


def is_known(setting: Setting) -> NDArray[np.bool_]:
    """Which models of the design table are known where the training part is [models]."""
    task, (train, test), design = setting.inputs.task, setting.fold, setting.design
    if setting.scheme is Scheme.TIME:
        months = month_numbers(design[RELEASE_MONTH])
        return np.asarray((months <= task.release_months[train].max()) & (design["family"] != OWN_RUNS).to_numpy())
    if setting.scheme is Scheme.SIZE:
        return np.asarray(design["total_params"] <= task.design["total_params"].iloc[train].max())
    tested = task.design.iloc[test]
    families = list(tested["family"]) if setting.scheme is Scheme.FAMILY else list[str]()
    return np.asarray(~design["model_id"].isin(tested["model_id"]) & ~design["family"].isin(families))


def fill_in(measured: Array) -> Array:
    """Alternating least squares of standardised columns [n, targets] with FACTORS skills; what was measured stays."""
    centre, spread = np.nanmean(measured, axis=0), np.nanstd(measured, axis=0) + 1e-6
    known = ~np.isnan(measured)
    values = np.where(known, (measured - centre) / spread, 0.0)
    skills = np.zeros((len(values), FACTORS))
    loadings = np.random.default_rng(0).normal(size=(values.shape[1], FACTORS)) * 0.3 + np.eye(1, FACTORS)
    for _ in range(ROUNDS):
        for row, own in enumerate(known):
            skills[row] = np.linalg.solve(
                loadings[own].T @ loadings[own] + 0.6 * np.eye(FACTORS), loadings[own].T @ values[row, own]
            )
        for column, own in enumerate(known.T):
            loadings[column] = np.linalg.solve(
                skills[own].T @ skills[own] + 2 * np.eye(FACTORS), skills[own].T @ values[own, column]
            )
    return np.asarray(np.where(known, values, skills @ loadings.T) * spread + centre)


def mean_of(*ideas: Callable[[Setting], Array]) -> Callable[[Setting], Array]:
    """The mean of several ideas' log odds."""
    return lambda setting: np.asarray(np.mean([idea(setting) for idea in ideas], axis=0))


def boosted_line(setting: Setting) -> Array:
    """A line in log compute, with boosted trees."""
    return corrected(setting, setting.line(), boosted)


IDEAS: Mapping[str, Callable[[Setting], Array]] = {
    "line in log compute + extra trees": base,
    "lines in log parameters and log tokens": two_slopes,
    "power law + extra trees": law,
    "line + boosted trees": boosted_line,
    "boosted trees alone, in log odds": no_offset,
    "in scores instead of log odds": on_scores,
    "without the month of release": partial(without, dropped=slice(2, 3)),
    "without compute and tokens per parameter": partial(without, dropped=slice(0, 2)),
    "errors weighted as they count in scores": score_weights,
    "recent models weigh more (half-life 12 months)": recent,
    "the developer's record (mean residual of its other families)": developer,
    "a Gaussian process on the rest": lambda setting: corrected(setting, setting.line(), gaussian_process),
    "residuals of the nearest models (kernel)": lambda setting: corrected(setting, setting.line(), kernel),
    "latent skills (all benchmarks at once)": latent_skills,
    "mean of line, law and boosted (the blend, equal weights)": mean_of(base, law, boosted_line),
    "the same and latent skills": mean_of(base, law, boosted_line, latent_skills),
    "the same and the developer's record": mean_of(base, law, boosted_line, developer),
}
