"""`foretell controlled`: what published controlled runs measured for a change of one share, beside the predictors'
claims."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from foretell.errors import TrackingError

app = typer.Typer()
Shares = tuple[float, float]


@app.command()
def controlled(
    code: Annotated[Shares | None, typer.Option(metavar="FROM TO", help="percent of code, from and to")] = None,
    web: Annotated[Shares | None, typer.Option(metavar="FROM TO", help="percent of web text, from and to")] = None,
    benchmark: Annotated[list[str] | None, typer.Option(help="of these targets only (repeatable)")] = None,
    params: Annotated[float | None, typer.Option(help="parameters that the predictors are asked about")] = None,
    tokens: Annotated[float | None, typer.Option(help="training tokens that the predictors are asked about")] = None,
    level: Annotated[float, typer.Option(help="coverage of the measured intervals, 0 to 1")] = 0.95,
    all_tasks: Annotated[bool, typer.Option("--all-tasks", help="tasks that no target measures too")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """What controlled runs measured for a change of code or web text, beside what the predictors claim."""
    if (code is None) == (web is None):
        raise typer.BadParameter("give one of --code FROM TO and --web FROM TO")
    from features.controlled import read_controlled
    from features.targets import known_target, read_targets
    from foretell.controlled import evidence
    from pipelines.cli import answers
    from pipelines.cli.controlled_runs import Change, hold, reference_design, rows_as_dicts
    from pipelines.cli.controlled_tables import print_controlled, shown_rows

    change = Change("pct_code", *code) if code is not None else Change("pct_web", *(web or (0.0, 0.0)))
    rows = evidence(read_controlled(), change.share, change.start, change.end, level)
    if benchmark:
        wanted = {known_target(slug, read_targets()).benchmark for slug in benchmark}
        rows = rows[rows["benchmark"].isin(wanted)]
    base = reference_design(rows, params, tokens)
    try:
        held = hold(answers.registered_predictors(benchmark or [], []), base, change, rows)
        problem = ""
    except TrackingError as error:  # the runs can be shown without a store
        held, problem = [], str(error)
    if as_json:
        shown = rows_as_dicts(shown_rows(rows, all_tasks))
        said = {"share": change.share, "start": change.start, "end": change.end, "at": base, "runs": shown}
        print(json.dumps({**said, "claims": [{**one.to_dict(), "runs": len(one.rows)} for one in held]}, indent=1))
        return
    print_controlled(change, shown_rows(rows, all_tasks), held, base)
    if problem:
        print(f"No predictor was asked: {problem}")
