"""`foretell add-model`, `add-scores`, `add-leaderboard`, `audit`,
`doubts` and `data diff`: the raw tables, and what changed in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
data = typer.Typer(help="The raw tables.", no_args_is_help=True)
app.add_typer(data, name="data")
Percent = Annotated[float | None, typer.Option(help="percent of the pretraining tokens", min=0, max=100)]


@app.command("add-model")
def add_model(
    config: Annotated[str, typer.Argument(help="a Hugging Face config.json, its folder, or an id on the hub")],
    model_id: Annotated[str, typer.Option("--id", help="org/name")],
    family: Annotated[str | None, typer.Option(help="models trained by one recipe at several sizes")] = None,
    tokens: Annotated[float | None, typer.Option(help="training tokens seen, repeats too (2e12)")] = None,
    corpus: Annotated[str | None, typer.Option(help="name of the pretraining corpus or mix")] = None,
    source: Annotated[str | None, typer.Option(help="where the design facts stand")] = None,
    data_source: Annotated[str | None, typer.Option(help="where the data facts stand; left out: --source")] = None,
    release: Annotated[str | None, typer.Option(help="month of release, YYYY-MM")] = None,
    official_params: Annotated[float | None, typer.Option(help="the count its makers give")] = None,
    official_source: Annotated[str | None, typer.Option(help="where the makers' count stands")] = None,
    web: Percent = None,
    code: Percent = None,
    books: Percent = None,
    reference: Percent = None,
    academic: Percent = None,
    other: Percent = None,
    english: Percent = None,
    corpus_tokens: Annotated[float | None, typer.Option(help="size of the corpus, in tokens")] = None,
    batch_tokens: Annotated[float | None, typer.Option(help="tokens in a pretraining batch (4e6)")] = None,
    context: Annotated[int | None, typer.Option(help="context of pretraining, if the config has a later one")] = None,
    context_final: Annotated[int | None, typer.Option(help="longest context trained, if not the config's")] = None,
    base_kind: Annotated[str, typer.Option(help="from_scratch, from_scratch_distilled, ...")] = "from_scratch",
    derived_from: Annotated[str | None, typer.Option(help="the model it continues")] = None,
    confidence: Annotated[str, typer.Option(help="high, medium or low")] = "medium",
    notes: Annotated[str | None, typer.Option(help="remarks")] = None,
    config_class: Annotated[str, typer.Option(help="configuration class, when model_type does not say")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show and check the record, write nothing")] = False,
) -> None:
    """Derive a model's architecture, count its parameters, validate the record and append it to the raw tables."""
    from features.contribution import Facts
    from pipelines.cli.contributions import Given, read_config
    from pipelines.cli.contributions import add_model as add

    shares = {"web": web, "code": code, "books": books, "reference": reference, "academic": academic, "other": other}
    facts = Facts(
        model_id=model_id,
        family=family,
        tokens=tokens,
        corpus=corpus,
        source=source,
        data_source=data_source,
        release=release,
        official_params=official_params,
        official_source=official_source,
        shares=shares,
        english=english,
        corpus_tokens=corpus_tokens,
        batch_tokens=batch_tokens,
        base_kind=base_kind,
        derived_from=derived_from,
        confidence=confidence,
        notes=notes,
    )
    add(read_config(config), facts, Given(config_class, context, context_final), dry_run)


@app.command("add-scores")
def add_scores(
    results: Annotated[Path, typer.Argument(help="a results file of lm-evaluation-harness (0.3 or later)")],
    model_id: Annotated[str, typer.Option("--id", help="org/name; left out: the model the file names")] = "",
    same_model: Annotated[bool, typer.Option("--same-model", help="the model that the file names is --id")] = False,
    source: Annotated[str, typer.Option(help="who measured it; left out: the harness and the file's name")] = "",
    date: Annotated[str, typer.Option(help="day of the measurement, YYYY-MM-DD, if the file does not say")] = "",
    finished_revision: Annotated[str, typer.Option(help="branch or tag that is the finished model")] = "",
    only_new: Annotated[bool, typer.Option("--only-new", help="skip scores that are there already")] = False,
    accept_doubtful: Annotated[str, typer.Option(help="why doubtful scores are added all the same")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be added, write nothing")] = False,
) -> None:
    """Append a model's measured scores to the raw table of scores."""
    from pipelines.cli.score_files import ScoreOptions
    from pipelines.cli.score_files import add_scores as add

    add(
        results,
        ScoreOptions(
            model_id=model_id,
            same_model=same_model,
            source=source,
            date=date,
            finished_revision=finished_revision,
            only_new=only_new,
            accept_doubtful=accept_doubtful,
            dry_run=dry_run,
        ),
    )


@app.command("add-leaderboard")
def add_leaderboard(
    table: Annotated[Path, typer.Argument(help="CSV: model, and the six columns of Open LLM Leaderboard v1 or v2")],
    source: Annotated[str, typer.Option(help="which leaderboard, copied from where, under which licence")],
    date: Annotated[str, typer.Option(help="day of the measurement or the copy, YYYY-MM-DD")],
    scale: Annotated[str, typer.Option(help="percent or fraction; left out: the values say")] = "",
    precision: Annotated[str, typer.Option(help="number format of the weights, if all have one")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be added, write nothing")] = False,
) -> None:
    """Append a leaderboard's scores; a second measurement of a recorded score becomes its witness."""
    from pipelines.cli.leaderboards import Origin
    from pipelines.cli.leaderboards import add_leaderboard as add

    add(table, Origin(source, date, precision), scale, dry_run)


@app.command()
def audit(
    results: Annotated[Path, typer.Argument(help="a results file of lm-evaluation-harness")],
    model_id: Annotated[str, typer.Option("--id", help="org/name; left out: the model the file names")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say which scores of a results file look like failures of the run; exit code 6 where one does."""
    from pipelines.cli.audit import print_audit

    print_audit(results, model_id, as_json)


@app.command()
def doubts(
    benchmark: Annotated[list[str] | None, typer.Option(help="only this benchmark (repeatable)")] = None,
) -> None:
    """The recorded scores that are not believed, and why."""
    from pipelines.cli.doubts import print_doubts

    print_doubts(benchmark or [])


@data.command("diff")
def data_diff(
    revision: Annotated[str, typer.Argument(help="git revision to compare with")] = "HEAD",
    other: Annotated[str, typer.Argument(help="second revision; left out: the files as they are now")] = "",
) -> None:
    """What changed in the raw tables, row by row and field by field."""
    from pipelines.cli.data_diff import print_changes

    print_changes(revision, other)
