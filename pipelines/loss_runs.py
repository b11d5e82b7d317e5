"""Measured losses as the laws take them: the bundled table split into studies, or a CSV of one's own. Shared by the
stage `fit_laws` and the command line."""

from pathlib import Path

import pandas as pd

from features.raw import read_raw
from features.schema import LOSS_POINTS
from foretell.errors import DataError
from foretell.laws.quantities import check_flops
from foretell.laws.studies import Runs

OWN_COLUMNS = ("params", "tokens", "loss_nats")


def bundled_runs(root: Path = Path()) -> dict[str, Runs]:
    """The bundled studies' runs by slug: one entry per training corpus and validation set, because a law holds for one
    of each; a study with a single pair keeps its own name."""
    points = read_raw(LOSS_POINTS, root)
    pairs = points[["study", "corpus", "validation"]].drop_duplicates()["study"].tolist()
    runs = {}
    for (study, corpus, validation), rows in points.groupby(["study", "corpus", "validation"]):
        slug = str(study) if pairs.count(study) == 1 else f"{study}-{corpus}-{validation}".replace("_", "-")
        runs[slug] = _runs(slug, rows, rows["run"].tolist())
    return runs


def bundled_study(slug: str, root: Path = Path()) -> Runs:
    """One bundled study; DataError lists the known ones."""
    runs = bundled_runs(root)
    if slug not in runs:
        raise DataError(f"unknown study {slug!r}; known: {', '.join(runs)}")
    return runs[slug]


def own_runs(path: Path) -> Runs:
    """Runs from a CSV with the columns params (parameters), tokens (tokens), loss_nats (nats per token) and, if wanted,
    run (a name) and flops (checked against 6 params tokens, which betrays a column in another unit). Raises DataError
    when the file or a column is missing or a cell is not a number."""
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV table: {str(error).strip()}") from None
    missing = [name for name in OWN_COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(f"{path}: missing columns {missing}; expected {', '.join(OWN_COLUMNS)} (and run, if named)")
    for name in (*OWN_COLUMNS, *frame.columns.intersection(["flops"])):
        wrong = pd.to_numeric(frame[name], errors="coerce").isna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise DataError(f"{path}: row {row + 2}, column {name}: {frame[name].iloc[row]!r} is not a number")
    if "flops" in frame.columns:
        check_flops(*(frame[name].to_numpy(dtype=float) for name in ("flops", "params", "tokens")))
    names = frame["run"].astype(str).tolist() if "run" in frame.columns else [str(i + 2) for i in range(len(frame))]
    return _runs(path.stem, frame, names)


def _runs(name: str, rows: pd.DataFrame, names: list[str]) -> Runs:
    params, tokens, loss = (rows[column].to_numpy(dtype=float) for column in OWN_COLUMNS)
    return Runs(name, tuple(names), params, tokens, loss)
