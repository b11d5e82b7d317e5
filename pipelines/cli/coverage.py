"""`foretell coverage`: how often the fitted predictors' intervals hold, as the Markdown table of docs/intervals.md."""

from __future__ import annotations

from features.schema import BENCHMARKS
from models.gates import COVERAGE_TOLERANCE, covers
from models.schemes import Scheme
from pipelines.files import read_json
from pipelines.params import load_params
from pipelines.paths import PREDICTORS


def print_coverage() -> None:
    """Read data/predictors/*/coverage.json (stage `fit`); print a row per benchmark and how many are within 3 points.

    Raises DataError when a benchmark is not fitted yet.
    """
    lines = ["| benchmark | held-out models | held-out families | both | mean width, models | mean width, families |"]
    lines.append("|---|---|---|---|---|---|")
    within = {"models": 0, "families": 0, "coverage": 0}
    benchmarks = load_params().benchmarks
    for benchmark in benchmarks:
        coverage = read_json(PREDICTORS / benchmark / "coverage.json")
        models, families = coverage[Scheme.RANDOM], coverage[Scheme.FAMILY]
        gate = covers(coverage["level"], models["coverage"], families["coverage"])
        for name in within:
            within[name] += abs(float(gate.figures[name]) - coverage["level"]) <= COVERAGE_TOLERANCE + 1e-9
        shown = [f"{100 * float(gate.figures[name]):.1f}" for name in ("models", "families", "coverage")]
        widths = [f"{scheme['mean_width']:.3f}" for scheme in (models, families)]
        lines.append(f"| {BENCHMARKS[benchmark].title} | {' | '.join([*shown, *widths])} |")
    words = ", ".join(f"{name} {count}" for name, count in within.items())
    print("\n".join(lines))
    print(f"\nwithin 3 points of nominal, of {len(benchmarks)} benchmarks: {words.replace('coverage', 'both')}")
