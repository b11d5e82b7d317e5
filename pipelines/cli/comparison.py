"""`foretell compare`: two tracked runs side by side on the same seeds."""

from __future__ import annotations

from foretell.errors import DataError
from models.gates import difference_interval, paired_errors
from models.registry.evidence import run_evidence
from models.registry.store import Store
from models.results import is_evaluated
from models.schemes import Scheme


def print_comparison(store: Store, name: str, other: str) -> None:
    """Print both errors and their paired difference with a 95 % interval, on random folds and held-out families.

    Raises DataError when the runs are of different benchmarks, TrackingError when one is not there.
    """
    first, second = store.run(name), store.run(other)
    benchmarks = {run.data.tags.get("benchmark", "") for run in (first, second)}
    if len(benchmarks) != 1:
        raise DataError(f"{name} and {other} are about different benchmarks: {', '.join(sorted(benchmarks))}")
    labels = [f"{run.info.run_name} [{run.info.run_id[:8]}]" for run in (first, second)]
    mine, theirs = run_evidence(store, first, labels[0]), run_evidence(store, second, labels[1])
    for scheme in Scheme:
        if not all(is_evaluated(evidence.errors, evidence.predictor, scheme) for evidence in (mine, theirs)):
            continue
        new, old, basis = paired_errors(mine, theirs, scheme)
        found = difference_interval(new - old)
        worse, better = (theirs, mine) if new.mean() < old.mean() else (mine, theirs)
        share = 100 * abs(old.mean() - new.mean()) / max(old.mean(), new.mean())
        print(f"{scheme.label} ({basis})")
        print(f"  {mine.label:44} MAE {new.mean():.4f}")
        print(f"  {theirs.label:44} MAE {old.mean():.4f}")
        print(f"  first minus second {found.estimate:+.4f} (95 % {found.low:+.4f} to {found.high:+.4f})")
        if share:
            print(f"  {better.label} has {share:.1f} % less error than {worse.label}")
    print("the interval is over seeds, which re-split the same models: the noise of the splits, not of new models")
