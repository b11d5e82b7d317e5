"""`make bench`: how fast the engine is on this machine, measured side by side with what it replaces.

Reads the tables that `tabulate` writes; prints milliseconds per nested cross-validation, the seconds of the whole
forward selection of every benchmark, and time and memory of the text features; writes the same figures to
reports/bench.json. Not a stage: its output depends on the machine.
"""

import time
from dataclasses import asdict, replace

from benchmarks.measure_text import N_DOCUMENTS, bench_text_features
from benchmarks.speed import measure, measure_ensembles
from features.catalogue import ALL_GROUPS, SCALE, feature_names
from models.selection import Rule, forward_select
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import REPORTS
from pipelines.stage import run_stage
from pipelines.tables import read_task

BENCHMARK = "hellaswag_10shot"
FEATURES = (*SCALE, "d_model", "n_heads", "sequence_length", "pct_web", "pct_code", "pct_english")
ROUNDS = 5


def main() -> None:
    """Print and write the figures."""
    params = load_params()
    protocol, spread, task = params.protocol, params.parallel, read_task(BENCHMARK)
    columns = task.columns(FEATURES)
    for one in (ensembles := measure_ensembles(columns, task.scores, protocol, ROUNDS)):
        print(f"{one.trees} trees of depth {one.depth} on {one.n_train} rows x {len(FEATURES)} features, one core:")
        print(f"  XGBoost {one.ms_xgboost:.2f} ms, step by step {one.ms_step_by_step:.3f}, engine {one.ms_engine:.4f}")
    speed = measure(columns, task.scores, protocol, spread.n_workers, ROUNDS)
    print(f"one nested cross-validation, {speed.n_models} models, {speed.n_features} features, {speed.cores} cores:")
    print(f"  scikit-learn grid search {speed.ms_sklearn:9.1f} ms  {speed.ratio_sklearn:6.0f} times the engine")
    print(f"  XGBoost, one per core    {speed.ms_xgboost:9.1f} ms  {speed.ratio_xgboost:6.0f} times the engine")
    print(f"  the engine               {speed.ms_engine:9.2f} ms  ({speed.ms_engine_one_core:.2f} ms on one core)")

    rule = Rule(protocol, params.select.seeds, params.select.threshold)
    started, tried = time.perf_counter(), 0
    for benchmark in params.benchmarks:
        task = read_task(benchmark)
        candidates = [name for name in feature_names(task.encoding.view, ALL_GROUPS) if name not in SCALE]
        path = forward_select(task, SCALE, candidates, rule, replace(spread, backend="threads"))
        tried += sum(len(step.candidates) for step in path)
    seconds = time.perf_counter() - started
    work = f"{len(params.benchmarks)} benchmarks, {tried} feature sets x {rule.n_seeds} seeds"
    print(f"forward selection of {work}: {seconds:.1f} s")
    text = bench_text_features()
    used = f"{text['seconds']:.1f} s, {text['peak_mebibytes']:.0f} MiB"
    print(f"text features of {N_DOCUMENTS:,} parsed documents: {used}")
    figures = {
        **asdict(speed),
        "ensembles": [asdict(one) for one in ensembles],
        "selection_feature_sets": tried,
        "selection_seeds": rule.n_seeds,
        "selection_seconds": seconds,
        **{f"text_{name}": figure for name, figure in text.items()},
    }
    write_json(REPORTS / "bench.json", figures)


if __name__ == "__main__":
    run_stage(main)
