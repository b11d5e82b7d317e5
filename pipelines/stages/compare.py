"""Stage `compare`: all benchmarks side by side.

Reads every benchmark's errors, backtest, selected features, nested selection and interval coverage; writes
reports/report.md, errors.csv (the same figures as a table), metrics.json (for `dvc metrics diff`), errors.png and, per
predictor, the figures that its run shows (predicted against actual, errors over seeds).
"""

from foretell.parallel import Spread
from models.catalogue import CATALOGUE, SCALE_ONLY
from models.report.comparison import Inputs, error_table, figure_table, metrics, report
from models.report.figures import error_by_benchmark, predicted_against_actual, seed_distribution
from models.results import rows_of, seed_errors
from models.schemes import Scheme
from pipelines.errors import read_errors, read_predictions
from pipelines.files import read_json, write_csv, write_figure, write_json, write_text
from pipelines.params import load_params
from pipelines.paths import BACKTEST_REPORT, NESTED, PREDICTORS, REPORTS, SELECTED
from pipelines.stage import run_stage
from pipelines.studies import sections
from pipelines.tables import read_target


def main() -> None:
    """Write the comparison."""
    params = load_params()
    inputs = {benchmark: read_inputs(benchmark) for benchmark in params.benchmarks}
    table = error_table(inputs)
    protocol = f"{params.evaluate.seeds} seeds, {params.protocol.outer_folds} x {params.protocol.inner_folds} folds"
    protocol += f", holdout {params.protocol.holdout:g}, selection over {params.select.seeds} seeds"
    titles = {slug: results.target.title for slug, results in inputs.items()}
    studies = sections(params.tabulate.view, titles)
    write_csv(REPORTS / "errors.csv", table)
    backtest = read_json(BACKTEST_REPORT / "figures.json")
    write_json(REPORTS / "metrics.json", {**metrics(table, inputs), "backtest": backtest})
    write_text(REPORTS / "report.md", report(table, inputs, params.tabulate.view, protocol, studies))
    groups = {results.target.title: results.target.group for results in inputs.values()}
    write_figure(REPORTS / "errors.png", error_by_benchmark(figure_table(inputs), groups))
    Spread("loky", params.parallel.workers).map(draw_runs, params.benchmarks)


def draw_runs(benchmark: str) -> None:
    """Draw what each predictor's run shows, for one benchmark."""
    results = read_inputs(benchmark)
    for name in results.errors["predictor"].unique():
        entry, folder = CATALOGUE[name], REPORTS / "runs" / benchmark / name
        predictions = rows_of(results.predictions, name, Scheme.RANDOM)
        possible = predictions["predicted"].clip(results.target.low, results.target.high)  # as it would be answered
        figure = predicted_against_actual(
            predictions.assign(predicted=possible), f"{results.target.title}: {entry.title}"
        )
        write_figure(folder / "predicted_against_actual.png", figure)
        shown = dict.fromkeys((SCALE_ONLY, entry))
        per_seed = {shown_entry.title: seed_errors(results.errors, shown_entry.name) for shown_entry in shown}
        write_figure(folder / "errors_over_seeds.png", seed_distribution(per_seed, results.target.title))


def read_inputs(benchmark: str) -> Inputs:
    """One benchmark's results from the earlier stages' files."""
    chosen = read_json(SELECTED / f"{benchmark}.json")
    return Inputs(
        target=read_target(benchmark),
        errors=read_errors(benchmark),
        predictions=read_predictions(benchmark),
        selected={predictor: choice["features"] for predictor, choice in chosen.items()},
        stability={predictor: choice["stability"] for predictor, choice in chosen.items()},
        coverage=read_json(PREDICTORS / benchmark / "coverage.json"),
        nested=read_json(NESTED / f"{benchmark}.json"),
    )


if __name__ == "__main__":
    run_stage(main)
