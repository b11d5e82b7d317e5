"""`foretell coverage`: how often the fitted predictors' intervals hold, as the Markdown table of docs/intervals.md."""

from __future__ import annotations

from foretell.markdown import markdown_table
from models.gates import COVERAGE_TOLERANCE, covers
from models.schemes import Scheme
from pipelines.files import read_json
from pipelines.params import load_params
from pipelines.paths import PREDICTORS
from pipelines.tables import read_target


def print_coverage() -> None:
    """Read data/predictors/*/coverage.json (stage `fit`); print a row per benchmark, and how many pass the gate.

    Raises DataError when a benchmark is not fitted yet.
    """
    rows = []
    passed = 0
    benchmarks = load_params().benchmarks
    for benchmark in benchmarks:
        coverage = read_json(PREDICTORS / benchmark / "coverage.json")
        gate = covers(coverage["level"], coverage)
        passed += gate.passed
        row = {"benchmark": read_target(benchmark).title}
        for scheme in Scheme:
            measured = coverage.get(scheme.value)  # none: too few models for a cut-off
            words = f"{100 * measured['coverage']:.1f} (width {measured['mean_width']:.3f})" if measured else "-"
            row[scheme.held_out] = words
        rows.append(row)
    print(markdown_table(rows))
    print(f"\n{passed} of {len(benchmarks)} benchmarks pass the gate: on later models within {COVERAGE_TOLERANCE:.0%}")
