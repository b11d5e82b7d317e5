"""`foretell compare`: two tracked runs side by side on the same seeds."""

from __future__ import annotations

import pandas as pd

from features.errors import DataError
from models.gates import Evidence, difference_interval, paired_errors
from models.registry import Run, Store


def print_comparison(store: Store, name: str, other: str) -> None:
    """Print both errors and their paired difference with a 95 % interval, on random folds and held-out families.

    Raises DataError when the runs are of different benchmarks, TrackingError when one is not there.
    """
    first, second = store.run(name), store.run(other)
    benchmarks = {run.data.tags.get("benchmark", "") for run in (first, second)}
    if len(benchmarks) != 1:
        raise DataError(f"{name} and {other} are about different benchmarks: {', '.join(sorted(benchmarks))}")
    mine, theirs = _evidence(store, first), _evidence(store, second)
    for scheme, words in (("random", "random folds"), ("family", "held-out families")):
        if any(scheme not in set(e.errors.loc[e.errors["predictor"] == e.predictor, "scheme"]) for e in (mine, theirs)):
            continue
        new, old, basis = paired_errors(mine, theirs, scheme)
        found = difference_interval(new - old)
        worse, better = (theirs, mine) if new.mean() < old.mean() else (mine, theirs)
        share = 100 * abs(old.mean() - new.mean()) / max(old.mean(), new.mean())
        print(f"{words} ({basis})")
        print(f"  {mine.label:44} MAE {new.mean():.4f}")
        print(f"  {theirs.label:44} MAE {old.mean():.4f}")
        print(f"  difference {found.mean:+.4f} (95 % {found.low:+.4f} to {found.high:+.4f})")
        print(f"  {better.label} has {share:.1f} % less error than {worse.label}")
    print("the interval is over seeds, which re-split the same models: the noise of the splits, not of new models")


def _evidence(store: Store, run: Run) -> Evidence:
    folder, tags = "errors", run.data.tags
    return Evidence(
        f"{run.info.run_name} [{run.info.run_id[:8]}]",
        str(tags["predictor"]),
        pd.read_csv(store.run_file(run.info.run_id, f"{folder}/errors.csv")),
        pd.read_parquet(store.run_file(run.info.run_id, f"{folder}/predictions.parquet")),
        str(tags.get("data.version", "")),
    )
