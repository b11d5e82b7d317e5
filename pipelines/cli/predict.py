"""`foretell predict` and `foretell status`: what the registered predictors answer, and which there are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from foretell.errors import DataError
from pipelines.cli.design_options import given_design
from pipelines.cli.option_rules import check_combination
from pipelines.cli.quick_xgboost import import_xgboost

app = typer.Typer()


def _above_zero(param: typer.CallbackParam, value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise DataError(f"{param.opts[0]}: {value:g}; expected a number above 0 (what is unknown is left out)")
    return value


def _share(param: typer.CallbackParam, value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 100:
        raise DataError(f"{param.opts[0]}: {value:g}; expected percent, 0 to 100 (what is unknown is left out)")
    return value


def _amount(of: str) -> Any:
    return typer.Option(help=of, callback=_above_zero)


def _percent(of: str) -> Any:
    return typer.Option(help=f"percent of {of}", callback=_share)


@app.command()
def predict(
    params: Annotated[float | None, _amount("parameters, embeddings included (7e9)")] = None,
    tokens: Annotated[float | None, _amount("training tokens seen (2e12)")] = None,
    web: Annotated[float | None, _percent("web text in the pretraining data")] = None,
    code: Annotated[float | None, _percent("code")] = None,
    books: Annotated[float | None, _percent("books")] = None,
    reference: Annotated[float | None, _percent("reference works and Q&A")] = None,
    academic: Annotated[float | None, _percent("academic text")] = None,
    english: Annotated[float | None, _percent("English")] = None,
    width: Annotated[int | None, _amount("d_model")] = None,
    heads: Annotated[int | None, _amount("query heads")] = None,
    mlp_ratio: Annotated[float | None, _amount("feed-forward width over model width")] = None,
    positions: Annotated[str | None, typer.Option(help="alibi, learned, rope, sinusoidal")] = None,
    norm: Annotated[str | None, typer.Option(help="non-parametric, parametric, rmsnorm")] = None,
    attention: Annotated[str | None, typer.Option(help="full, gqa, local, mqa")] = None,
    biases: Annotated[str | None, typer.Option(help="all, attn_only, ln_only, none, some")] = None,
    block: Annotated[str | None, typer.Option(help="parallel, sequential")] = None,
    activation: Annotated[str | None, typer.Option(help="geglu, gelu, relu, swiglu")] = None,
    context: Annotated[int | None, _amount("context length of pretraining, in tokens")] = None,
    batch_tokens: Annotated[float | None, _amount("tokens in a pretraining batch (4e6)")] = None,
    release: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="month of release (default: the newest known)")
    ] = None,
    benchmark: Annotated[list[str] | None, typer.Option(help="only this benchmark (repeatable)")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="only this group: paper, leaderboard_v1, leaderboard_v2, more (repeatable)"),
    ] = None,
    level: Annotated[float | None, typer.Option(help="level of the interval, as 0.9", min=0.01, max=0.99)] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="the architecture from a model's config.json (or its folder); goes with --tokens, and options replace "
            "what it says",
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="shares of the pretraining data in YAML (pct_code: 20)")
    ] = None,
    designs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="many designs: CSV, a row each, columns named like the features, model_id"),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="write the answers to --designs as CSV")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="two designs side by side, each a config.json, a file with one design (CSV, YAML, JSON) or the name "
            "of a known model; the options above then hold for both",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="draw the answers (.png, .svg or .pdf)")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="say what raises and lowers each score, against the nearest known models")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, contributions included")] = False,
) -> None:
    """Predict scores from a design. What is left out counts as unknown."""
    given = given_design(locals())
    check_combination(
        {"--config": config, "--designs": designs, "--compare": compare},
        {"--csv": csv, "--json": as_json, "--plot": plot, "--explain": explain},
        tokens is not None,
    )
    if data is not None or config is not None:
        from pipelines.cli.designs import read_config, read_mixture

        given = (read_mixture(data) if data is not None else {}) | given
        given = dict(read_config(config).with_given(given).values) if config is not None else given
    if plot is not None:
        from pipelines.cli.answer_figure import check_plot

        check_plot(plot)
    import_xgboost()
    if designs is not None:
        from pipelines.cli.answers import registered_predictors
        from pipelines.cli.design_tables import (
            answer_designs,
            check_output,
            print_json,
            print_table,
            read_designs,
            write_answers,
        )

        if csv is not None:
            check_output(csv)
        table = read_designs(designs, given)
        predictors = registered_predictors(benchmark or [], group or [])
        answered = answer_designs(predictors, table, level, str(designs))
        if csv is not None:
            write_answers(csv, answered)
        elif as_json:
            print_json(answered)
        else:
            print_table(answered, predictors)
        return
    if compare is not None:
        from pipelines.cli.answers import print_lines, registered_predictors
        from pipelines.cli.compare_designs import compare_designs, print_comparisons
        from pipelines.cli.controlled_runs import controlled_block, held_for_designs
        from pipelines.cli.designs import read_design

        first, second = (read_design(source).with_given(given) for source in compare)
        compared = compare_designs(registered_predictors(benchmark or [], group or []), first, second, level)
        held = held_for_designs(compared, first, second)
        if as_json:
            plain = []
            for target in compared:
                about = held.get(target.comparison.first.benchmark, [])
                plain.append({**target.to_dict(), "controlled": [one.to_dict() for one in about]})
            print(json.dumps(plain, indent=1))
        else:
            print_comparisons(compared, first, second, explain)
            print_lines(controlled_block(held))
        if plot is not None:
            from pipelines.cli.answer_figure import draw_comparisons, write_plot

            groups = [target.by.group for target in compared]
            write_plot(
                plot, draw_comparisons([target.comparison for target in compared], groups, (first.name, second.name))
            )
        return
    from pipelines.cli.answers import answers, print_answers
    from pipelines.cli.controlled_runs import measured_for_answers

    registered = answers(given, benchmark or [], group or [], level)
    explained = explain or as_json or len(registered) == 1
    measured = measured_for_answers(registered, given) if explained else {}
    if as_json:
        plain = [{**each.to_dict(), "controlled": measured.get(each.answer.benchmark, [])} for each in registered]
        print(json.dumps(plain, indent=1))
    else:
        print_answers(registered, explain, measured)
    if plot is not None:
        from pipelines.cli.answer_figure import draw_answers, write_plot

        write_plot(
            plot, draw_answers([answer.answer for answer in registered], [answer.group for answer in registered])
        )


@app.command()
def status() -> None:
    """Per benchmark: champion, candidate, their errors, and the data they were made from."""
    from pipelines.cli.answers import print_status

    print_status()
