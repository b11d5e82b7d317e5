"""What is kept of the laboratory's training runs: three long tables whose rows are named by experiment, setting and
seed. The raw tables lab_runs, lab_curves and lab_metrics have the same columns (features/schema/lab.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foretell.errors import DataError
from foretell.trajectories.learning import code_length

KEY = ("experiment", "setting", "seed")
CURVE_ROWS = 60


@dataclass(frozen=True)
class Recorded:
    """The tables of some runs: `curves` (KEY, step, tokens, loss_nats), `metrics` (KEY, step, tokens, metric, value)
    and `runs` (KEY, parameters, tokens, code_bits, compression_ratio and, as JSON, facts and settings)."""

    curves: pd.DataFrame
    metrics: pd.DataFrame
    runs: pd.DataFrame


@dataclass(frozen=True)
class Described:
    """A run and what is known of it beside its files: `key` (values of KEY), scored `labels_per_token` of a batch, the
    bits of a label under a uniform code (`raw_bits`), `facts` of the task ({}: text) and all that defines the run."""

    key: tuple[str, str, int]
    labels_per_token: float
    raw_bits: float
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]


def recorded_run(folder: Path, described: Described) -> Recorded:
    """The tables of one run, from the files that the training loop wrote into `folder`; floats with 6 significant
    digits, at most CURVE_ROWS rows of the curve. Code length: `foretell.trajectories.learning.code_length` of the
    training loss, as if every example were new: where a task repeats its examples (grokking, quanta), the model has
    seen them before, and the code is shorter than one of new examples.

    Raises DataError when the run is not finished.
    """
    if not (folder / "finished.json").is_file():
        raise DataError(f"{folder}: the run is not finished; `foretell lab` trains what is missing")
    summary = json.loads((folder / "finished.json").read_text(encoding="utf-8"))
    curve = pd.read_csv(folder / "curve.csv")
    labels = curve["tokens"] * described.labels_per_token
    code = code_length(labels, curve["loss_nats"].clip(lower=1e-12), described.raw_bits)
    run = {
        "parameters": summary["parameters"],
        "tokens": summary["tokens"],
        "code_bits": code.code_bits,
        "compression_ratio": code.compression_ratio,
        "facts": json.dumps(described.facts, sort_keys=True),
        "settings": json.dumps(described.settings, sort_keys=True),
    }
    tables = (
        thin(curve, CURVE_ROWS)[["step", "tokens", "loss_nats"]],
        pd.read_csv(folder / "metrics.csv"),
        pd.DataFrame([run]),
    )
    return Recorded(*(rounded(named(table, described.key)) for table in tables))


def together(parts: Sequence[Recorded]) -> Recorded:
    """The tables of several parts below each other."""
    return Recorded(
        *(
            pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            for name in ("curves", "metrics", "runs")
        )
    )


def named(table: pd.DataFrame, key: tuple[str, str, int]) -> pd.DataFrame:
    """The table with the columns KEY before its own."""
    return pd.DataFrame({name: [value] * len(table) for name, value in zip(KEY, key, strict=True)}).join(
        table.reset_index(drop=True)
    )


def thin(curve: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """At most `n_rows` rows of a training curve, even in log step: in each stretch the mean of every column, with the
    last step and tokens of the stretch."""
    ends = np.unique(np.rint(np.geomspace(1, len(curve), n_rows)).astype(int))
    stretch = np.searchsorted(ends, np.arange(1, len(curve) + 1))
    means = curve.groupby(stretch).mean()
    last = curve[["step", "tokens"]].groupby(stretch).last()
    return means.assign(step=last["step"], tokens=last["tokens"]).reset_index(drop=True)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Floats with 6 significant digits."""
    floats = table.select_dtypes("float").columns
    return table.assign(**{c: [float(f"{v:.6g}") for v in table[c]] for c in floats}).reset_index(drop=True)
