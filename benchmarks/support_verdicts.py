"""What the verdicts inside, edge and outside are worth: the error of held-out models' answers by verdict. Reads the
tables that `tabulate` writes; prints Markdown tables and writes reports/support_verdicts.csv, a row per answer.

    python -m benchmarks.support_verdicts [benchmark ...]

For each benchmark quick predictors (boosted trees of one grid cell on all design features, no selection) answer for
models that they have not seen: whole families held out (`family`), the models released from a cut-off month on, until
the next cut-off (`time`) and ever after (`later`), and models larger than a threshold (`size`). Families are asked as
recorded, without architecture, without domain shares, and with parameters and tokens alone. Errors are relative to the
benchmark's mean error on families as recorded. The second table has the errors over the months ahead of `later` models
that would be inside but for time; the last the verdicts on an empty corner: 1.1e9 parameters on 2e12 tokens, by what
was known before TinyLlama.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import DESIGN_GROUPS, SCALE, feature_names
from features.raw import read_raw
from features.schema import MODELS
from foretell.answering.boosters import Booster, importance, predict_rows
from foretell.answering.support import Support
from foretell.engine import Cell
from foretell.errors import DataError
from foretell.markdown import markdown_table
from models.boosters import train_booster
from models.splits import deal_families, number_families
from models.task import Task
from pipelines.files import write_csv
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
CELL = Cell(learning_rate=0.1, max_depth=3, n_estimators=100)
FAMILY_FOLDS, ERROR_FOLDS = 10, 5
CUTOFFS = [str(month) for month in pd.period_range("2023-04", "2025-01", freq="3M")]
LARGEST_PARAMS = (3e9, 8e9, 15e9)
FEWEST_TRAINING, FEWEST_TEST = 30, 5
DATED = ("time", "later")  # the schemes whose queries give the month of release
MONTHS = (0.0, 3.0, 6.0, 9.0, 12.0, np.inf)
VERDICTS = ("inside", "edge", "outside")
CORNER_MONTH = "2023-12"  # TinyLlama's, the first model of about 1e9 parameters on 2e12 tokens or more
CORNER = {"total_params": 1.1e9, "tokens_billions": 2000.0}
NEAR_FACTOR = 3.0  # models within this many times its parameters and its tokens are near the corner
CORNER_SHARES = {"pct_web": 70.0, "pct_code": 15.0, "pct_books": 5.0, "pct_reference": 5.0, "pct_academic": 5.0}


@dataclass(frozen=True)
class Known:
    """A benchmark's models as a table: encoded columns `x` [n, p] of the features `names`, and each model's month of
    release ("" = unknown)."""

    task: Task
    names: tuple[str, ...]
    x: Array
    months: NDArray[np.str_]

    @classmethod
    def of(cls, task: Task, released: pd.Series) -> Known:
        """`released` is the month of release by model_id."""
        names = feature_names(task.view, DESIGN_GROUPS)
        months = released.reindex(list(task.model_ids)).fillna("").to_numpy(dtype=str)
        return cls(task, names, task.columns(names), months)

    def fitted(self, rows: Rows) -> tuple[Booster, Support]:
        """Trees fitted on the models in `rows`, and the support of these."""
        x, scores = self.x[rows], self.task.scores[rows]
        booster = train_booster(x, scores, CELL)
        support = Support(
            x,
            tuple(self.task.encoding.feature(name) for name in self.names),
            tuple(np.array(self.task.model_ids)[rows]),
            importance=importance(booster, x),
            error=self._typical_error(rows),
            release_months=self.months[rows].tolist(),
            shares=self.task.encoding.shares,
        )
        return booster, support

    def _typical_error(self, rows: Rows) -> float:
        folds = family_folds(self.task, rows, ERROR_FOLDS)
        errors = []
        for fold in range(folds.max() + 1):
            out, known = rows[folds == fold], rows[folds != fold]
            booster = train_booster(self.x[known], self.task.scores[known], CELL)
            errors.append(np.abs(predict_rows(booster, self.x[out]) - self.task.scores[out]))
        return float(np.concatenate(errors).mean())


def main() -> None:
    """Measure, print, and write a row per answer."""
    released = read_raw(MODELS).set_index("model_id")["release_month"]
    parts, corners = [], []
    for benchmark in sys.argv[1:] or load_params().benchmarks:
        known = Known.of(read_task(benchmark), released)
        parts.append(measure(known).assign(benchmark=benchmark))
        corners.append(corner(known).assign(benchmark=benchmark))
    answers = relative(pd.concat(parts, ignore_index=True))
    write_csv(REPORTS / "support_verdicts.csv", answers)
    print(markdown_table(list(summary(answers))))
    print()
    print(markdown_table(list(months_summary(answers))))
    print()
    print(markdown_table(list(corner_summary(pd.concat(corners, ignore_index=True)))))


def family_folds(task: Task, rows: Rows, n_folds: int) -> NDArray[np.int64]:
    """The fold [rows] of each model in `rows`, whole families together."""
    family = number_families([task.families[row] for row in rows])
    sizes = np.bincount(family)
    return deal_families(sizes, min(n_folds, sizes.size), np.random.default_rng(0))[family]


def splits(known: Known) -> Iterator[tuple[str, Rows, Rows]]:
    """(scheme, training rows, test rows): families; released from a cut-off on, until the next or ever after; above a
    size."""
    task, every = known.task, np.arange(len(known.x))
    folds = family_folds(task, every, FAMILY_FOLDS)
    for fold in range(folds.max() + 1):
        yield "family", every[folds != fold], every[folds == fold]
    dated = known.months != ""
    for month, following in zip(CUTOFFS, [*CUTOFFS[1:], "9999-12"], strict=True):
        before = every[dated & (known.months < month)]
        after = every[dated & (known.months >= month)]
        if len(before) >= FEWEST_TRAINING and len(after) >= FEWEST_TEST:
            quarter = after[known.months[after] < following]
            if len(quarter):
                yield "time", before, quarter
            yield "later", before, after
    params = task.design["total_params"].to_numpy(dtype=np.float64)
    for largest in LARGEST_PARAMS:
        small, large = every[params <= largest], every[params > largest]
        if len(small) >= FEWEST_TRAINING and len(large) >= FEWEST_TEST:
            yield "size", small, large


def ways_to_ask(known: Known) -> dict[str, Sequence[str]]:
    """How a query is asked -> the features that it leaves out."""
    features = [known.task.encoding.feature(name) for name in known.names]
    architecture = [feature.name for feature in features if feature.group == "architecture"]
    shares = [name for name in known.names if name in known.task.encoding.shares]
    return {
        "as recorded": [],
        "without d_model and biases": ["d_model", "biases"],
        "without architecture": architecture,
        "without domain shares": shares,
        "parameters and tokens alone": [name for name in known.names if name not in SCALE],
    }


def measure(known: Known) -> pd.DataFrame:
    """A row per answer about a model that was held out: scheme, asked, model_id, error, verdict, reasons, months_ahead
    and undated (the verdict without the month of release)."""
    parts = []
    for scheme, train, test in splits(known):
        booster, support = known.fitted(train)
        months = known.months[test].tolist() if scheme in DATED else None
        for asked, left_out in ways_to_ask(known).items():
            if scheme != "family" and left_out:
                continue
            queries = known.x[test].copy()
            queries[:, [known.names.index(name) for name in left_out]] = np.nan
            verdicts = support.verdicts(queries, months)
            answers = {
                "scheme": scheme,
                "asked": asked,
                "model_id": np.array(known.task.model_ids)[test],
                "error": np.abs(predict_rows(booster, queries) - known.task.scores[test]),
                "verdict": verdicts.verdict,
                "reasons": verdicts.reasons,
                "months_ahead": verdicts.months_ahead,
                "undated": support.verdicts(queries).verdict,
            }
            parts.append(pd.DataFrame(answers))
    return pd.concat(parts, ignore_index=True)


def corner(known: Known) -> pd.DataFrame:
    """The verdicts on 1.1e9 parameters and 2e12 tokens by what was known before anything like it was, and by all models
    without those near it: known, given, verdict, far (whether density alone keeps it from being inside)."""
    scale = known.task.design[list(CORNER)].to_numpy(dtype=np.float64)
    near = (np.abs(np.log(scale / list(CORNER.values()))) < np.log(NEAR_FACTOR)).all(axis=1)
    before = (known.months != "") & (known.months < CORNER_MONTH)
    given = {"parameters and tokens": CORNER, "and domain shares": CORNER | CORNER_SHARES}
    encoded = known.task.encoding.matrix(pd.DataFrame(given.values()), known.names)
    parts = []
    for name, rows in {"before TinyLlama": before, "all but models near it": ~near}.items():
        if rows.sum() >= FEWEST_TRAINING:
            verdicts = known.fitted(np.flatnonzero(rows))[1].verdicts(encoded)
            far = verdicts.distance > verdicts.spacing
            parts.append(pd.DataFrame({"known": name, "given": list(given), "verdict": verdicts.verdict, "far": far}))
    return pd.concat(parts, ignore_index=True)


def relative(answers: pd.DataFrame) -> pd.DataFrame:
    """With the column `relative`: error / the benchmark's mean error on held-out families as recorded. Raises DataError
    when a benchmark has no such answer."""
    usual = answers[(answers["scheme"] == "family") & (answers["asked"] == "as recorded")]
    means = usual.groupby("benchmark")["error"].mean()
    missing = sorted(set(answers["benchmark"]) - set(means.index))
    if missing:
        raise DataError(f"{', '.join(missing)}: no answer on held-out families; expected one for each benchmark")
    return answers.assign(relative=answers["error"] / answers["benchmark"].map(means))


def summary(answers: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row per scheme and way to ask: the number of answers, and per verdict its share and mean relative error."""
    for (scheme, asked), part in answers.groupby(["scheme", "asked"], sort=False):
        row: dict[str, object] = {"held out": scheme, "asked": asked, "answers": len(part)}
        row["all"] = f"{part['relative'].mean():.2f}"
        for verdict in VERDICTS:
            chosen = part[part["verdict"] == verdict]["relative"]
            row[verdict] = f"{chosen.mean():.2f} ({len(chosen) / len(part):.0%})" if len(chosen) else "none"
        yield row


def months_summary(answers: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row per range of months ahead: the answers on `later` models that are inside but for time, and their mean
    relative error."""
    inside = answers[(answers["scheme"] == "later") & (answers["undated"] == "inside")]
    for after, until in pairwise(MONTHS):
        errors = inside[inside["months_ahead"].between(after, until, inclusive="right")]["relative"]
        shown = f"{after + 1:.0f} to {until:.0f}" if np.isfinite(until) else f"more than {after:.0f}"
        yield {
            "months ahead": shown,
            "answers": len(errors),
            "error": f"{errors.mean():.2f}" if len(errors) else "none",
        }


def corner_summary(corners: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row per known models and way to describe the corner: on how many benchmarks it gets each verdict, is far."""
    for (name, given), part in corners.groupby(["known", "given"], sort=False):
        row: dict[str, object] = {"known": name, "given": given}
        yield (
            row
            | {verdict: int((part["verdict"] == verdict).sum()) for verdict in VERDICTS}
            | {"far": part["far"].sum()}
        )


if __name__ == "__main__":
    run_stage(main)
