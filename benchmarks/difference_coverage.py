"""How often the interval of a difference holds on pairs of held-out models, and how wide it is beside what two single
intervals would give. Reads the tables that `tabulate` writes; prints a Markdown table and writes
reports/difference_coverage.csv, a row per pair.

    python -m benchmarks.difference_coverage [benchmark ...]

In every outer training part a predictor is fitted with all that belongs to it, as stage `fit` does, and asked about
pairs of models of the test part: `siblings` (of one family) and others. In the table `width / independent` is the mean
width relative to that of two errors with nothing in common (the root of the sum of the squares of the single intervals'
widths), `single` how often these hold; `claimed` is the mean probability given to the likelier sign, `right` how often
that sign came.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from features.catalogue import SCALE
from foretell.answering.comparison import pair_errors
from foretell.answering.predictor import CARD as CARD_FILE
from foretell.answering.predictor import TRAINING, Predictor
from foretell.markdown import markdown_table
from models.catalogue import SELECTED_DESIGN
from models.fitting import card, fit_trees
from models.protocol import Protocol
from models.schemes import Scheme
from models.splits import Indices
from models.task import Task
from pipelines.files import write_csv
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

FEATURES = (*SCALE, "d_model", "n_heads", "sequence_length", "activation", "pct_web", "pct_code", "pct_english")
SCHEMES = (Scheme.RANDOM, Scheme.FAMILY)
SEEDS, PAIRS = 2, 100  # re-draws of the folds; pairs of each kind from one test part


def main() -> None:
    """Measure, print the means over everything, and write a row per pair."""
    params = load_params()
    parts: list[pd.DataFrame] = []
    for benchmark in sys.argv[1:] or params.benchmarks:
        task = read_task(benchmark)
        for scheme in SCHEMES:
            for splits in scheme.splits(task, SEEDS, params.protocol):
                for fold in splits.outer:
                    known = task.subset(np.sort(fold.train))
                    predictor = predictor_of(known, params.protocol, params.fit.calibration_folds, params.fit.level)
                    pairs = measure(predictor, task, np.sort(fold.test), splits.seed)
                    parts.append(pairs.assign(benchmark=benchmark, scheme=scheme.value))
    table = pd.concat(parts, ignore_index=True)
    write_csv(REPORTS / "difference_coverage.csv", table)
    print(markdown_table(list(summary(table))))


def predictor_of(task: Task, protocol: Protocol, n_folds: int, level: float) -> Predictor:
    """A predictor of the task's models, written and read as a registered one is."""
    fitted = fit_trees(task, FEATURES, protocol, 1, n_folds)
    about = card(task, SELECTED_DESIGN.name, FEATURES, fitted, level, predictable=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, booster in fitted.boosters.items():
            (folder / name).write_bytes(booster.save_raw("ubj"))
        fitted.training.to_csv(folder / TRAINING, index=False)
        with (folder / CARD_FILE).open("w", encoding="utf-8") as stream:
            YAML().dump(about.to_dict(), stream)
        return Predictor.load(folder)


def measure(predictor: Predictor, task: Task, rows: Indices, seed: int) -> pd.DataFrame:
    """Pairs of the task's `rows`, which the predictor has not seen: a row per pair with columns siblings, actual,
    difference, low, high, chance_higher, independent (the half-width of errors with nothing in common) and single (the
    share of the two single intervals that hold)."""
    rng = np.random.default_rng(seed)
    designs = task.design[list(FEATURES)].iloc[rows]
    answers = predictor.predict(designs)
    score, half = answers["score"].to_numpy(), ((answers["high"] - answers["low"]) / 2).to_numpy()
    encoded = predictor.encoded(designs)
    apart, nearest = predictor.support.distances(encoded, encoded), predictor.support.nearest_distance(encoded)
    pairs, spreads = pair_errors(predictor, score, nearest)
    family, actual = np.array(task.families)[rows], task.scores[rows]
    first, second = np.triu_indices(len(rows), 1)
    siblings = family[first] == family[second]
    kinds = [rng.permutation(np.flatnonzero(siblings == kind))[:PAIRS] for kind in (True, False)]
    holds = (answers["low"] <= actual) & (actual <= answers["high"])
    found = []
    for pair in np.concatenate(kinds):
        i, j = first[pair], second[pair]
        of = pairs.difference(
            (score[i], score[j]), apart[i, j], (spreads[i], spreads[j]), predictor.card.bounds, predictor.card.level
        )
        found.append(
            {
                "siblings": bool(siblings[pair]),
                "actual": actual[j] - actual[i],
                "difference": of.difference,
                "low": of.low,
                "high": of.high,
                "chance_higher": of.chance_higher,
                "independent": float(np.hypot(half[i], half[j])),
                "single": float(holds.iloc[[i, j]].mean()),
            }
        )
    return pd.DataFrame(found)


def summary(table: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row per scheme and kind of pair: what the module's docstring names."""
    inside = table["actual"].between(table["low"], table["high"])
    width = (table["high"] - table["low"]) / (2 * table["independent"])
    claimed = 0.5 + (table["chance_higher"] - 0.5).abs()
    right = (table["chance_higher"] > 0.5) == (table["actual"] > 0)
    measured = table.assign(inside=inside, width=width, claimed=claimed, right=right)
    held_out = {scheme.value: scheme.held_out for scheme in Scheme}
    for (scheme, siblings), part in measured.groupby(["scheme", "siblings"], sort=False):
        means = part.groupby("benchmark")[["inside", "single", "width", "claimed", "right"]].mean()
        yield {
            "held out": held_out[str(scheme)],
            "pairs": f"{len(part)} {'siblings' if siblings else 'others'}",
            "coverage": f"{means['inside'].mean():.1%}",
            "lowest benchmark": f"{means['inside'].min():.1%}",
            "single": f"{means['single'].mean():.1%}",
            "width / independent": f"{means['width'].mean():.2f}",
            "claimed": f"{means['claimed'].mean():.1%}",
            "right": f"{means['right'].mean():.1%}",
        }


if __name__ == "__main__":
    run_stage(main)
