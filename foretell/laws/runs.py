"""Finished training runs as the laws take them: checked columns of parameters, tokens and losses, read from a CSV where
they are somebody's own, and without the runs that no law describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foretell.arrays import Bools, Floats, same_length
from foretell.errors import DataError
from foretell.laws.quantities import LOSS, PARAMS, TOKENS, check_flops

COLUMNS = ("params", "tokens", "loss_nats")


@dataclass(frozen=True)
class Runs:
    """Finished runs measured on one validation set: names [n], params [n] (parameters), tokens [n], loss [n] (nats per
    token). Checked when made: equal lengths, positive finite values, plain counts."""

    name: str
    run: tuple[str, ...]
    params: Floats
    tokens: Floats
    loss: Floats

    def __post_init__(self) -> None:
        same_length(params=self.params, tokens=self.tokens, loss=self.loss)
        if len(self.run) != self.params.size:
            raise DataError(f"{self.name}: {len(self.run)} names for {self.params.size} runs; expected one each.")
        for quantity, values in ((PARAMS, self.params), (TOKENS, self.tokens), (LOSS, self.loss)):
            quantity.check(values, self.name)

    def where(self, mask: Bools) -> Runs:
        """The runs that `mask` [n] keeps, in the same order."""
        names = tuple(name for name, kept in zip(self.run, mask, strict=True) if kept)
        return Runs(self.name, names, self.params[mask], self.tokens[mask], self.loss[mask])


@dataclass(frozen=True)
class LeftOut:
    """Runs left out of a fit: names, losses (nats per token) and tokens per parameter, [k] each."""

    run: tuple[str, ...]
    loss: Floats
    tokens_per_param: Floats


def leave_out_highest(runs: Runs, count: int) -> tuple[Runs, LeftOut]:
    """The runs without the `count` of highest loss, and those `count` (none for 0), highest first.

    Besiroglu et al. 2024 leave out five of the 245 reconstructed points this way: models far too large for their few
    tokens, whose losses lie off the surface that all the others share. Ties are broken by position.
    """
    if not 0 <= count < runs.loss.size:
        raise DataError(f"{runs.name}: cannot leave out {count} of {runs.loss.size} runs.")
    order = np.argsort(-runs.loss, kind="stable")[:count]
    mask = np.ones(runs.loss.size, dtype=bool)
    mask[order] = False
    names = tuple(runs.run[i] for i in order)
    return runs.where(mask), LeftOut(names, runs.loss[order], (runs.tokens / runs.params)[order])


def read_runs(path: Path) -> Runs:
    """Runs from a CSV with the columns params (parameters), tokens (tokens), loss_nats (nats per token) and, if wanted,
    run (a name) and flops (checked against 6 params tokens, which shows a column in another unit). The runs are named
    after the file. Raises DataError when the file or a column is missing or a cell is not a number."""
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV table: {str(error).strip()}") from None
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(f"{path}: missing columns {missing}; expected {', '.join(COLUMNS)} (and run, if named)")
    for name in (*COLUMNS, *frame.columns.intersection(["flops"])):
        wrong = pd.to_numeric(frame[name], errors="coerce").isna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise DataError(f"{path}: row {row + 2}, column {name}: {frame[name].iloc[row]!r} is not a number")
    params, tokens, loss = (frame[name].to_numpy(dtype=float) for name in COLUMNS)
    if "flops" in frame.columns:
        check_flops(frame["flops"].to_numpy(dtype=float), params, tokens)
    lines = [str(line) for line in range(2, len(frame) + 2)]
    names = frame["run"].astype(str).tolist() if "run" in frame.columns else lines
    return Runs(Path(path).stem, tuple(names), params, tokens, loss)
