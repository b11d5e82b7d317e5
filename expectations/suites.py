"""One suite per raw table, as functions of its schema. Each suite has two parts: rules on the cells as text (columns,
rows, keys, kinds, words, references) and rules on the cells as numbers (ranges, sums, the parameter count); a cell
that is not a number breaks a text rule and is passed over by the number rules, so it is reported once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from expectations.score_rules import RULES, SLUG, Check, derived
from features.architecture import count_params, recorded_architecture
from features.raw import FLAGS, PATTERNS, typed
from features.schema import (
    CHECKPOINT_SCORES,
    LOSS_POINTS,
    MIXTURE_LOSSES,
    MODELS,
    PRETRAINING,
    PUBLISHED_DESIGN,
    RAW_TABLES,
    SCORE_BOUNDS,
    SCORES,
    SHARES,
    TARGETS,
    Table,
)
from foretell.errors import DataError

SHARE_SUM_LIMIT = 100.5  # percent; published shares are rounded to whole or tenth percents
PUBLISHED_SHARE_SUM_LIMIT = 103.5  # percent; SEA-LION 7B was published with 103.12 (the corrections mend it)
FLOPS_TOLERANCE = 0.001  # recorded compute against 6 params tokens, which is how the studies count it
WEIGHT_SUM_TOLERANCE = 0.01  # the study rounded mixture weights to three digits, 17 of them a row
COUNT_TOLERANCE = 0.01  # recorded against derived parameter count


@dataclass
class Suite:
    """The rules of one table: `on_text` and `on_numbers` are lists of expectations, each with a `rule` in its meta;
    `derive` adds the columns that number rules compare (its names end in `_`, they are no part of the table);
    `relations` are such columns that depend on other tables."""

    table: Table
    on_text: list[Expectation] = field(default_factory=list)
    on_numbers: list[Expectation] = field(default_factory=list)
    derive: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] | None = None
    relations: tuple[tuple[str, Check], ...] = ()

    def numbers_of(self, text: pd.DataFrame, numbers: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """`numbers` with the derived columns that the rules on numbers compare; `tables` are the other tables as text
        (relations to one that cannot be read are not checked: it says so itself)."""
        derived_numbers = self.derive(text, numbers) if self.derive else numbers
        columns = {}
        for name, check in self.relations:
            try:
                columns[name] = check(text, numbers, tables)
            except KeyError:  # a table or a column is missing, which its own rules report
                columns[name] = pd.Series("", index=text.index)
        return derived_numbers.assign(**columns)


def suite_for(table: Table, known: Mapping[str, list[str]]) -> Suite:
    """The suite of `table`; `known` maps a table that others refer to to the keys of its rows. Where a table has none
    (it is unreadable or empty, and says so itself) references to it cannot be checked and have no rule."""
    suite = _schema_rules(table, known)
    extend = _EXTRA.get(table.name)
    if extend:
        extend(suite)
    for number, (shown, rule, check) in enumerate(RULES.get(table.name, ())):
        column = f"relation_{number}_"
        suite.relations += ((column, check),)
        suite.on_numbers.append(derived(column, shown, rule))
    if not suite.on_text or not suite.on_numbers:
        raise AssertionError(f"the suite of {table.name} is empty: every raw table needs rules on text and on numbers")
    return suite


def _schema_rules(table: Table, known: Mapping[str, list[str]]) -> Suite:
    suite = Suite(table)
    text = suite.on_text
    text.append(gxe.ExpectTableColumnsToMatchOrderedList(column_list=table.names, meta=_rule("columns as the schema")))
    text.append(gxe.ExpectTableRowCountToBeBetween(min_value=1, meta=_rule("at least one row")))
    if len(table.key) > 1:
        text.append(gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key), meta=_rule("rows are unique")))
    else:
        text.append(gxe.ExpectColumnValuesToBeUnique(column=table.key[0], meta=_rule("rows are unique")))
    for column in table.columns:
        name = column.name
        if not column.nullable:
            text.append(gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_rule("not empty")))
        allowed = list(FLAGS) if column.kind == "flag" else list(column.allowed)
        if allowed:
            expected = f"one of {', '.join(allowed)}"
            text.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=allowed, meta=_rule(expected)))
        if column.kind in PATTERNS:
            pattern, expected = PATTERNS[column.kind], f"a {column.kind}"
            text.append(gxe.ExpectColumnValuesToMatchRegex(column=name, regex=pattern, meta=_rule(expected)))
        if column.low is not None and column.high is not None:
            expected = f"from {column.low:g} to {column.high:g} {column.unit}"
            suite.on_numbers.append(_between(name, column.low, column.high, expected))
    for name, referred in table.references:
        if known.get(referred):
            meta = {**_rule(f"a {RAW_TABLES[referred].key[0]} of the {referred} table"), "once_per_value": True}
            text.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=known[referred], meta=meta))
    if not suite.on_numbers:  # a table of words only: its row count is its one number
        suite.on_numbers.append(gxe.ExpectTableRowCountToBeBetween(min_value=1, meta=_rule("at least one row")))
    return suite


def _rule(words: str) -> dict[str, str]:
    return {"rule": words}


def _between(column: str, low: float, high: float, rule: str, shown: str = "") -> Expectation:
    meta = {**_rule(rule), "column": shown or column.rstrip("_")}
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, meta=meta)


def _shares_sum(suite: Suite, shares: tuple[str, ...], limit: float) -> None:
    names = list(shares)

    def derive(_: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
        return numbers.assign(shares_sum_=numbers[names].sum(axis=1, min_count=1))

    suite.derive = derive
    rule = f"{' + '.join(names)} is at most {limit:g} percent"
    suite.on_numbers.append(_between("shares_sum_", 0, limit, rule))


def _count_agrees(suite: Suite) -> None:
    def derive(text: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
        ratios = [_count_ratio(text.iloc[[i]]) for i in range(len(text))]
        return numbers.assign(count_ratio_=ratios, config_json_=text["config_json"].map(_json_object))

    suite.derive = derive
    rule = "total_params agrees within 1 % with the count derived from the architecture (ratio recorded / derived)"
    suite.on_numbers.append(_between("count_ratio_", 1 - COUNT_TOLERANCE, 1 + COUNT_TOLERANCE, rule))
    meta = {**_rule("a JSON object"), "column": "config_json"}
    suite.on_numbers.append(gxe.ExpectColumnValuesToBeInSet(column="config_json_", value_set=["{}"], meta=meta))


def _json_object(cell: str | float) -> str | float:
    """ "{}" for a cell that holds a JSON object, otherwise the cell."""
    try:
        return "{}" if isinstance(json.loads(str(cell)), dict) else cell
    except json.JSONDecodeError:
        return cell


def _count_ratio(row: pd.DataFrame) -> float:
    try:
        record = typed(MODELS, row).to_dict("records")[0]
        return float(record["total_params"]) / count_params(recorded_architecture(record))[0]
    except (DataError, ArithmeticError, TypeError, ValueError, LookupError):
        return float("nan")  # another rule names the unreadable cell


def _score_bounds(suite: Suite) -> None:
    def derive(_: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
        split = {f"score_{metric}_": numbers["score"].where(numbers["metric"] == metric) for metric in SCORE_BOUNDS}
        return numbers.assign(**split)

    suite.derive = derive
    for metric, (low, high) in SCORE_BOUNDS.items():
        suite.on_numbers.append(_between(f"score_{metric}_", low, high, f"{metric} from {low:g} to {high:g}", "score"))


def _flops_agree(suite: Suite) -> None:
    def derive(_: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
        return numbers.assign(flops_ratio_=numbers["flops"] / (6 * numbers["params"] * numbers["tokens"]))

    suite.derive = derive
    rule = "flops agrees within 0.1 % with 6 params tokens (ratio recorded / 6 params tokens)"
    suite.on_numbers.append(_between("flops_ratio_", 1 - FLOPS_TOLERANCE, 1 + FLOPS_TOLERANCE, rule))


def _weights_sum(suite: Suite) -> None:
    names = [name for name in suite.table.names if name.startswith("weight_")]

    def derive(_: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
        return numbers.assign(weights_sum_=numbers[names].sum(axis=1, min_count=len(names)))

    suite.derive = derive
    low, high = 1 - WEIGHT_SUM_TOLERANCE, 1 + WEIGHT_SUM_TOLERANCE
    suite.on_numbers.append(_between("weights_sum_", low, high, f"the weights sum to {low:g} to {high:g}"))


def _slugs(suite: Suite) -> None:
    rule = _rule("lower-case letters, digits, dashes, dots and underscores")
    suite.on_text.append(gxe.ExpectColumnValuesToMatchRegex(column="slug", regex=SLUG, meta=rule))


_EXTRA: dict[str, Callable[[Suite], None]] = {
    TARGETS.name: _slugs,
    CHECKPOINT_SCORES.name: _score_bounds,
    MIXTURE_LOSSES.name: _weights_sum,
    MODELS.name: _count_agrees,
    PRETRAINING.name: lambda suite: _shares_sum(suite, (*SHARES, "pct_other"), SHARE_SUM_LIMIT),
    PUBLISHED_DESIGN.name: lambda suite: _shares_sum(suite, SHARES, PUBLISHED_SHARE_SUM_LIMIT),
    SCORES.name: _score_bounds,
    LOSS_POINTS.name: _flops_agree,
}
