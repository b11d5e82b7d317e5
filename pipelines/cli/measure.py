"""`foretell lms measure` and `foretell lms choice-split`: loss-based metrics of any language model, and through which
losses its choice accuracy rises over checkpoints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from foretell.errors import ConfigError
from pipelines.paths import SEQUENCE, UNFINISHED

MEASURED = SEQUENCE / "measured"


def measure(
    models: Annotated[Path, typer.Option(help="YAML list of pinned checkpoints")],
    benchmark: Annotated[
        list[str] | None, typer.Option(help="a recorded benchmark (hellaswag_10shot); repeat it")
    ] = None,
    items: Annotated[list[Path] | None, typer.Option(help="a file of own items (JSON lines); repeat it")] = None,
    data: Annotated[Path | None, typer.Option(help="folder of benchmark data; without it the hub is used")] = None,
    out: Annotated[Path, typer.Option(help="folder of the tables")] = MEASURED,
    max_items: Annotated[int, typer.Option(help="first items of each task; 0: all", min=0)] = 0,
    batch_size: Annotated[int, typer.Option(help="options at once", min=1)] = 16,
) -> None:
    """Average, margin and answer loss of models, with accuracy; a run that was killed resumes."""
    from lms.benchmarks import score_units
    from lms.checkpoints import read_checkpoints
    from lms.measure.harness_items import harness_items
    from lms.measure.items import by_benchmark, items_sha256, read_items
    from lms.measure.job import measure as measure_checkpoints
    from lms.measure.summary import summarise
    from pipelines.files import write_csv, write_json, write_parquet

    checkpoints = read_checkpoints(models)
    units = score_units(benchmark or [])
    if not (units or items):
        raise ConfigError("nothing to measure on; give --benchmark or --items")
    everything = [item for unit in units for item in harness_items(unit, data, max_items)]
    for path in items or []:
        own = read_items(path)
        everything += own[:max_items] if max_items else own
    table = measure_checkpoints(checkpoints, everything, batch_size, UNFINISHED)
    summary = summarise(table)
    write_parquet(out / "options.parquet", table)
    write_csv(out / "summary.csv", summary)
    made_from = {
        "checkpoints": [asdict(checkpoint) for checkpoint in checkpoints],
        "batch_size": batch_size,
        "items_sha256": {name: items_sha256(group) for name, group in by_benchmark(everything).items()},
    }
    write_json(out / "measured.json", made_from)
    _print_summary(summary)
    cut = table[table.prompt_tokens_cut > 0]
    if len(cut):
        print(f"{len(cut)} of {len(table)} prompts were longer than the context and lost their beginning")
    print(f"{len(table)} option losses in {out / 'options.parquet'}, metrics in {out / 'summary.csv'}")


def _print_summary(summary: pd.DataFrame) -> None:
    """A line per model, benchmark and task; of a benchmark with more than three tasks, all of them together."""
    from lms.measure.summary import ALL_TASKS

    n_tasks = summary[summary.task != ALL_TASKS].groupby("benchmark").task.nunique()
    few = summary.benchmark.map(n_tasks) <= 3
    shown = summary[few | (summary.task == ALL_TASKS)]
    for (model, step, name, task), rows in shown.groupby(["model", "step", "benchmark", "task"], sort=False):
        values = ", ".join(f"{row.metric} {row.mean:.4f} ± {row.stderr:.4f}" for row in rows.itertuples(index=False))
        label = f"{model}@{step}" if step else model
        print(f"{label} {name}{'' if task == name else f' {task}'} (n {rows['n'].max()}): {values}")


def choice_split(
    folder: Annotated[Path, typer.Argument(help="folder of `foretell lms measure`")] = MEASURED,
    out: Annotated[Path | None, typer.Option(help="the table over checkpoints (CSV) [default: in the folder]")] = None,
) -> None:
    """Is accuracy gained through the right option's loss, the wrong ones', or the gap (Xia et al. 2023, section 6)?"""
    from foretell.experiments.choice import split_curve, split_table
    from pipelines.files import read_parquet, write_csv

    keys = ["model", "benchmark"]
    table = read_parquet(folder / "options.parquet", "foretell lms measure")
    choices = table[table.kind == "choice"]
    if choices.empty:
        raise ConfigError(f"{folder}: no items with options; a split needs the losses of right and wrong options")
    curve, split = split_curve(choices, keys), split_table(choices, keys)
    for (model, name), rows in curve.groupby(keys):
        print(f"{model} {name}:")
        print(rows.drop(columns=keys).to_string(index=False, float_format=lambda value: f"{value:.4f}"))
        row = split[(split.model == model) & (split.benchmark == name)].iloc[0]
        print(
            f"  the gap grew by {row.gain_gap_nats:.4f} nats per token: {row.gain_from_right_nats:+.4f} from the right "
            f"options, {row.gain_from_wrong_nats:+.4f} from the best wrong ones"
        )
        print(
            f"  R-squared of accuracy over {row.n_checkpoints} checkpoints: right {row.r2_right:.2f}, best wrong "
            f"{row.r2_wrong:.2f}, gap {row.r2_gap:.2f}"
        )
    path = out or folder / "choice_split.csv"
    write_csv(path, curve)
    print(f"losses and accuracy over checkpoints in {path}")
