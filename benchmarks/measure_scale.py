"""What nested cross-validation costs on this machine as tables, feature sets, seeds and benchmarks grow; part of
`make bench`. Reads the tables that `tabulate` writes, writes reports/scale.json; docs/scale.md reads the figures.

    python -m benchmarks.measure_scale
"""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from benchmarks.scaling_cost import (
    Cost,
    Table,
    crossover,
    exponents,
    measure_costs,
    measure_inner_fold,
    measure_seeds,
    measure_targets,
    nested_seconds_at,
    selection_hours,
)
from features.catalogue import DESIGN_GROUPS, SCALE, feature_names
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

BENCHMARK = "hellaswag_10shot"
FIRST = (*SCALE, "d_model", "n_heads", "sequence_length", "pct_web", "pct_code", "pct_english")
SIZES, WIDTHS, LARGE = (92, 1_000, 10_000), (2, 8, 19), (10_000, 30_000, 100_000)
SEEDS, ROUNDS = (1, 2, 4, 8, 16), 3
FEATURE_SETS = 374
"""Of one benchmark: the selection that docs/engine.md timed tried 4,868 on 13 benchmarks."""
NODES, CORES = 50, 4


def main() -> None:
    """Print and write the figures."""
    params = load_params()
    protocol, task = params.protocol, read_task(BENCHMARK)
    names = (*FIRST, *(name for name in feature_names(task.encoding.view, DESIGN_GROUPS) if name not in FIRST))
    words = np.array([task.encoding.feature(name).kind == "word" for name in names])
    table, width = Table(task.columns(names), task.scores, words), len(FIRST)
    tasks = [read_task(benchmark) for benchmark in params.benchmarks]

    print("seconds of one core: values, models, features, engine, XGBoost, ratio")
    print("one nested cross-validation", flush=True)
    costs = _said(measure_costs(table, protocol, SIZES, WIDTHS, ROUNDS))
    print("the grid on one inner fold", flush=True)
    folds = _said(measure_inner_fold(table, protocol, LARGE, width, ROUNDS))
    seeds = measure_seeds(table.x[:, :width], table.y, protocol, SEEDS, ROUNDS)
    counts = [n for n in (1, 2, 4, 8, len(tasks)) if n <= len(tasks)]
    targets = measure_targets([(one.columns(FIRST), one.scores) for one in tasks], protocol, counts, ROUNDS)
    grown = {**exponents(costs), "seeds": seeds.exponent, "benchmarks": targets.exponent}
    for name, value in grown.items():
        print(f"cost grows with {name} to the power {value:.2f}")
    binned = [one for one in folds if one.values == "binned"]
    crossing = crossover([one.n_models for one in binned], [one.ratio for one in binned])
    print(f"XGBoost is the faster one from {crossing:,.0f} models of {width} features (nan: not up to {LARGE[-1]:,})")
    nested = nested_seconds_at(LARGE[-1], costs, folds)
    work = (len(params.benchmarks), FEATURE_SETS, params.select.seeds, NODES, CORES)
    hours = {name: selection_hours(seconds, *work) for name, seconds in nested.items()}
    for name, seconds in nested.items():
        print(f"{LARGE[-1]:,} models, {name}: {seconds:.0f} s each, selection {hours[name]:.1f} h on {NODES} nodes")
    figures = {
        "nested": [asdict(one) for one in costs],
        "inner_fold": [asdict(one) for one in folds],
        "seeds": asdict(seeds),
        "benchmarks": asdict(targets),
        "exponents": grown,
        "crossover_models": crossing,
        "nested_seconds_100000": nested,
        "selection_hours_100000": hours,
    }
    write_json(REPORTS / "scale.json", figures)


def _said(costs: Iterator[Cost]) -> list[Cost]:
    said = []
    for one in costs:
        said.append(one)
        seconds = f"{one.engine_seconds:9.4f} {one.xgboost_seconds:9.4f} {one.ratio:7.2f}"
        print(f"  {one.values:9} {one.n_models:7,} {one.n_features:3} {seconds}", flush=True)
    return said


if __name__ == "__main__":
    run_stage(main)
