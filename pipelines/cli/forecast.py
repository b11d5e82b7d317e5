"""`foretell forecast`: forecasts on record. What is forecast of a planned model is written down before its scores are
known, and held against them afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.design_options import with_design_options
from pipelines.cli.predict import predict

app = typer.Typer(
    name=__name__.rpartition(".")[2],
    no_args_is_help=True,
    help="Forecasts on record: registered before the scores are known, then settled.",
)

Name = Annotated[str, typer.Argument(help="name of the planned model")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
@with_design_options(predict)
def register(
    name: Name,
    design: dict[str, Any],
    source: Annotated[
        str | None,
        typer.Option(
            "--design",
            help="a config.json, a file with one design (CSV, YAML, JSON) or the name of a known model; the options "
            "replace what it says",
        ),
    ] = None,
    rival: Annotated[
        list[str] | None,
        typer.Option(help="another forecast on record, or a known model with recorded scores (repeatable)"),
    ] = None,
    benchmark: Annotated[list[str] | None, typer.Option(help="only this benchmark (repeatable)")] = None,
    group: Annotated[list[str] | None, typer.Option(help="only this group of benchmarks (repeatable)")] = None,
    level: Annotated[float | None, typer.Option(help="level of the interval, as 0.9", min=0.01, max=0.99)] = None,
    as_json: AsJson = False,
) -> None:
    """Write down what is forecast of a planned model, in data/forecasts; it never changes afterwards."""
    from pipelines.cli.forecast_tables import print_record
    from pipelines.forecast_registration import register_forecast

    if source is not None:
        from pipelines.cli.designs import read_design

        design = dict(read_design(source).with_given(design).values)
    record = register_forecast(name, design, rival or [], benchmark or [], group or [], level)
    if as_json:
        print(json.dumps({**record.forecast.to_dict(), "sha256": record.sha256}, indent=1))
    else:
        print_record(record)
        print(f"registered: {record.path} (SHA-256 {record.sha256}); `git add` and commit it")


@app.command()
def settle(
    name: Name,
    results: Annotated[Path, typer.Argument(help="CSV file with the columns target, score and if wanted date")],
) -> None:
    """Hold a forecast against measured scores, in data/forecasts/settled; targets may come one after the other."""
    from pipelines.cli.forecast_tables import print_record
    from pipelines.forecast_tracking import track_or_warn
    from pipelines.forecasts import settle_forecast

    record, new = settle_forecast(name, results)
    print_record(record)
    print(f"settled: {record.settled_path}" if new else "settled before with the same numbers: nothing was written")
    track_or_warn()


@app.command("list")
def list_forecasts(
    name: Annotated[str | None, typer.Argument(help="one forecast, target by target; left out: all")] = None,
    as_json: AsJson = False,
) -> None:
    """The forecasts on record and what came of them."""
    from pipelines.cli.forecast_tables import plain, print_record, print_records
    from pipelines.forecasts import read_record, read_records

    records = [read_record(name)] if name else list(read_records().values())
    if as_json:
        print(json.dumps([plain(record) for record in records], indent=1))
    elif name:
        print_record(records[0])
    else:
        print_records(records)


@app.command()
def report(
    out: Annotated[Path | None, typer.Option(help="folder for report.md, calibration.csv and calibration.png")] = None,
    as_json: AsJson = False,
) -> None:
    """Do the intervals hold over time? The share of scores inside by quarter, of settled and replayed forecasts."""
    from pipelines.cli.forecast_tables import print_calibration
    from pipelines.forecast_report import calibration_of_all, write_report

    table = calibration_of_all()
    if as_json:
        print(table.to_json(orient="records", indent=1))
    else:
        print_calibration(table)
    if out is not None:
        write_report(out, table)
        print(f"written: {out}/report.md, calibration.csv, calibration.png")
