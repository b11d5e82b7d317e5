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
    """Read data/predictors/*/coverage.json (stage `fit`); print a row per benchmark and how many are within 3 points.

    Raises DataError when a benchmark is not fitted yet.
    """
    rows = []
    within = {"models": 0, "families": 0, "coverage": 0}
    benchmarks = load_params().benchmarks
    for benchmark in benchmarks:
        coverage = read_json(PREDICTORS / benchmark / "coverage.json")
        models, families = coverage[Scheme.RANDOM], coverage[Scheme.FAMILY]
        gate = covers(coverage["level"], models["coverage"], families["coverage"])
        for name in within:
            within[name] += abs(float(gate.figures[name]) - coverage["level"]) <= COVERAGE_TOLERANCE + 1e-9
        rows.append(
            {
                "benchmark": read_target(benchmark).title,
                "held-out models": f"{100 * float(gate.figures['models']):.1f}",
                "held-out families": f"{100 * float(gate.figures['families']):.1f}",
                "both": f"{100 * float(gate.figures['coverage']):.1f}",
                "mean width, models": f"{models['mean_width']:.3f}",
                "mean width, families": f"{families['mean_width']:.3f}",
            }
        )
    words = ", ".join(f"{name} {count}" for name, count in within.items())
    print(markdown_table(rows))
    print(f"\nwithin 3 points of nominal, of {len(benchmarks)} benchmarks: {words.replace('coverage', 'both')}")
