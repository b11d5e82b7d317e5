"""`foretell predict --designs FILE`: every design of a table asked of every target, printed or written to a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from foretell.errors import ConfigError, DataError
from foretell.panel import MODEL_ID, TARGET, Panel
from pipelines.cli.answers import RegisteredPredictor, answered_by
from pipelines.cli.screen import console
from pipelines.files import write_csv

MOST_PRINTED = 200


def check_output(path: Path) -> None:
    """Raise ConfigError where a table cannot be written to `path`."""
    if path.suffix.lower() != ".csv":
        raise ConfigError(f"--csv {path}: a table is written as CSV; end the name with .csv")
    if not path.parent.is_dir():
        raise ConfigError(f"--csv {path}: there is no folder {path.parent}")


def read_designs(path: Path, given: Mapping[str, Any]) -> pd.DataFrame:
    """The designs in a CSV file as raw cells: one row each, numbered from 1 on below the header, columns named like the
    features, and if wanted `model_id`. `given` (feature -> value) holds for every design and replaces what the file
    says.

    Raises DataError when there is no such file, it has no rows, or it is not a table.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"--designs {path}: no such file") from None
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: empty; expected a row with the features' names and a row for each design") from None
    except (OSError, ValueError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable CSV file ({words}); save it as UTF-8 with commas") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the surplus for row names and shifts every cell
        raise DataError(f"{path}: row 1 has more fields than the header's {table.shape[1]}; quote cells with commas")
    table.columns = _header(path)
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table.assign(**{name: [value] * len(table) for name, value in given.items()})


def _header(path: Path) -> list[str]:
    """The names in the first line as they are written: pandas numbers those that are given twice."""
    first = pd.read_csv(path, dtype=str, keep_default_na=False, header=None, nrows=1, encoding="utf-8-sig")
    return [str(name).strip() for name in first.iloc[0]]


def answer_designs(
    predictors: Sequence[RegisteredPredictor], designs: pd.DataFrame, level: float | None, where: str
) -> pd.DataFrame:
    """`Panel.predict` of every predictor, with the columns title, lower_is_better, level, and who answered (group,
    version, alias). `where` is the file that errors name."""
    panel = Panel({by.predictor.card.benchmark: by.predictor for by in predictors})
    answers = panel.predict(designs, level, where)
    about = {
        by.predictor.card.benchmark: {
            "title": by.predictor.card.title,
            "lower_is_better": by.predictor.card.lower_is_better,
            "level": by.predictor.card.level if level is None else level,
            **by.to_dict(),
        }
        for by in predictors
    }
    of_target = pd.DataFrame.from_dict(about, orient="index").loc[answers[TARGET]].reset_index(drop=True)
    return pd.concat([answers, of_target], axis=1)


def print_table(answers: pd.DataFrame, predictors: Sequence[RegisteredPredictor]) -> None:
    """A line per design and target, designs together; of many only the first, and where to find the others."""
    shown = answers.iloc[np.argsort(pd.factorize(answers[MODEL_ID])[0], kind="stable")]  # a design's answers together
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("design", "benchmark", "score", f"{answers['level'].iloc[0]:.0%} interval", "support"):
        table.add_column(heading, justify="left" if heading in ("design", "benchmark", "support") else "right")
    before = ""
    for row in shown[:MOST_PRINTED].to_dict("records"):
        name = str(row[MODEL_ID])
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        mark = "" if row["predictable"] else " (*)"
        heading = "" if name == before else name
        table.add_row(heading, str(row["title"]), f"{row['score']:.3f}", interval, f"{row['support']}{mark}")
        before = name
    screen = console()
    screen.print(table)
    for line in _remarks(answers, predictors):
        screen.print(line, highlight=False, soft_wrap=True)


def _remarks(answers: pd.DataFrame, predictors: Sequence[RegisteredPredictor]) -> list[str]:
    lines = []
    if len(answers) > MOST_PRINTED:
        lines.append(f"{len(answers) - MOST_PRINTED} more answers are not shown; --csv FILE.csv or --json gives all.")
    if not answers["predictable"].all():
        lines.append("(*) not predictable from design: on new families no better than the median.")
    lower = answers.loc[answers["lower_is_better"].astype(bool), "title"].unique()
    if lower.size:
        lines.append(f"Lower is better: {', '.join(lower)}.")
    counts = answers["support"].value_counts()
    lines.append(f"Support: {', '.join(f'{verdict} {count}' for verdict, count in counts.items())}.")
    return [*lines, answered_by(predictors)]


def print_json(answers: pd.DataFrame) -> None:
    """A list with an object per design and target."""
    print(json.dumps(answers.to_dict("records"), indent=1))


def write_answers(path: Path, answers: pd.DataFrame) -> None:
    """Write all answers as CSV, a row per target and design."""
    write_csv(path, answers)
    n_designs, n_targets = answers[MODEL_ID].nunique(), answers[TARGET].nunique()
    print(f"{path}: {len(answers)} answers, {n_designs} designs on {n_targets} targets")
