"""Checks every raw table against its suite and reduces the result to two things: a small summary that is equal
whenever the data are equal, and a list of problems a person can act on (table, row, column, rule, value)."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")

import great_expectations as gx
import pandas as pd
from great_expectations.data_context import FileDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig

from expectations.suites import Suite, suite_for
from features.raw import lenient_numbers, read_text
from features.schema import RAW_TABLES
from foretell.errors import DataError

REFERRED = ("models", "pretraining", "targets", "subtasks", "scores")


@dataclass(frozen=True)
class Problem:
    """One broken rule in one place; `row` names the key columns' values, `value` the offending cell."""

    table: str
    row: str
    column: str
    rule: str
    value: str

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.row, self.column) if part)
        shown = f": {self.value}" if self.value else ""
        return f"{self.table}: {where + ': ' if where else ''}expected {self.rule}{shown}"


@dataclass(frozen=True)
class Report:
    """What a validation found: `problems` in table order; `summary` counts rows and rules per table."""

    problems: list[Problem]
    summary: dict[str, Any]


def validate(root: Path = Path(), docs: Path | None = None) -> Report:
    """Check every raw table below `root`; `docs` is a folder that receives the HTML Data Docs (replaced whole)."""
    problems: list[Problem] = []
    summary: dict[str, Any] = {}
    tables = _readable_tables(root)
    known = {name: tables[name][RAW_TABLES[name].key[0]].dropna().tolist() for name in REFERRED if name in tables}
    with _context() as context:
        for name, table in RAW_TABLES.items():
            try:
                text = read_text(table, root)
            except DataError as error:
                path, _, message = str(error).partition(": ")
                problems.append(Problem(name, "", "", f"a readable {path}", message))
                continue
            suite = suite_for(table, known)
            failures = _check(context, suite, text, tables)
            problems += failures
            rules = len(suite.on_text) + len(suite.on_numbers)
            summary[name] = {"rows": len(text), "rules": rules, "problems": len(failures)}
        if docs is not None:
            _build_docs(context, docs)
    return Report(problems, {"tables": summary, "problems": len(problems)})


def _readable_tables(root: Path) -> dict[str, pd.DataFrame]:
    """The tables that others refer to, as text; one that cannot be read is absent, and its own turn reports it."""
    tables: dict[str, pd.DataFrame] = {}
    for name in REFERRED:
        with suppress(DataError):
            tables[name] = read_text(RAW_TABLES[name], root)
    return tables


@contextmanager
def _context() -> Iterator[FileDataContext]:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        yield context


def _check(
    context: FileDataContext, suite: Suite, text: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> list[Problem]:
    numbers = suite.numbers_of(text, lenient_numbers(suite.table, text), tables)
    layers = (("text", text, suite.on_text), ("numbers", numbers, suite.on_numbers))
    problems: list[Problem] = []
    for layer, frame, rules in layers:
        name = f"{suite.table.name}_{layer}"
        expectations = gx.ExpectationSuite(name=name, expectations=rules)
        context.suites.add(expectations)
        asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
        definition = asset.add_batch_definition_whole_dataframe(name)
        validation = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=definition, suite=expectations)
        )
        result = validation.run(
            batch_parameters={"dataframe": frame},
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": list(suite.table.key)},
        )
        if len(result.results) != len(rules):
            raise AssertionError(f"{name}: {len(rules)} rules were given, {len(result.results)} were checked")
        for outcome in result.results:
            problems += _problems(suite, outcome)
    return problems


def _problems(suite: Suite, outcome: Any) -> list[Problem]:
    if outcome.success:
        return []
    config = outcome.expectation_config
    rule = config.meta["rule"]
    column = config.kwargs.get("column", "")
    offenders = (outcome.result or {}).get("unexpected_index_list")
    if not offenders:
        observed = (outcome.result or {}).get("observed_value", outcome.exception_info)
        return [Problem(suite.table.name, "", column, rule, str(observed))]
    shown = config.meta.get("column", column)
    problems = []
    for offender in offenders:
        row = " / ".join(_shown(offender[key]) for key in suite.table.key)
        problems.append(Problem(suite.table.name, row, shown, rule, _shown(offender.get(column, ""))))
    return _once_per_value(problems) if config.meta.get("once_per_value") else list(dict.fromkeys(problems))


def _once_per_value(problems: list[Problem]) -> list[Problem]:
    """One problem per offending value, with its first row: a model that is missing breaks hundreds of score rows."""
    rows: dict[str, list[Problem]] = {}
    for problem in problems:
        rows.setdefault(problem.value, []).append(problem)
    more = {value: f" and {len(same) - 1} more rows" if len(same) > 1 else "" for value, same in rows.items()}
    return [replace(same[0], row=same[0].row + more[value]) for value, same in rows.items()]


def _shown(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "(empty)"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return str(value)


def _build_docs(context: FileDataContext, docs: Path) -> None:
    context.build_data_docs()
    site = next(Path(context.root_directory).rglob("local_site"))
    if docs.exists():
        shutil.rmtree(docs)
    shutil.copytree(site, docs)
