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
    evidence = run_evidence(store, first, labels[0]), run_evidence(store, second, labels[1])
    for scheme in Scheme:
        if not all(is_evaluated(side.errors, side.predictor, scheme) for side in evidence):
            continue
        errors, other_errors, basis = paired_errors(*evidence, scheme)
        mean, other_mean = errors.mean(), other_errors.mean()
        difference = difference_interval(errors - other_errors)
        better, worse = evidence if mean < other_mean else evidence[::-1]
        share = 100 * abs(other_mean - mean) / max(other_mean, mean)
        print(f"{scheme.label} ({basis})")
        print(f"  {labels[0]:44} MAE {mean:.4f}")
        print(f"  {labels[1]:44} MAE {other_mean:.4f}")
        print(f"  first minus second {difference.estimate:+.4f} (95 % {difference.low:+.4f} to {difference.high:+.4f})")
        if share:
            print(f"  {better.label} has {share:.1f} % less error than {worse.label}")
    print("the interval is over seeds, which re-split the same models: the noise of the splits, not of new models")
