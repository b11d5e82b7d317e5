"""`foretell predict --compare A B`: two designs side by side, and how sure it is which of them scores higher."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.catalogue import FEATURES
from features.hf_config import architecture_columns, class_of, language_model
from features.raw import read_raw
from features.schema import MODELS
from foretell.answering.comparison import Comparison
from foretell.answering.words import shown_chance
from foretell.errors import DataError
from pipelines.cli.answers import RegisteredPredictor, answered_by, console, print_words
from pipelines.files import read_parquet
from pipelines.params import load_params
from pipelines.paths import DESIGN_TABLE

SURE = 0.9  # from here on the sign of a difference is called sure


@dataclass(frozen=True)
class Design:
    """What is compared: `name` says where `values` (feature -> raw word or number) came from."""

    name: str
    values: Mapping[str, Any]

    def with_given(self, given: Mapping[str, Any]) -> Design:
        """The design with the values that the command line gives for both."""
        return Design(self.name, {**self.values, **given})


@dataclass(frozen=True)
class Compared:
    """A target's comparison, its group, and who answered."""

    comparison: Comparison
    by: RegisteredPredictor

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**self.comparison.to_dict(), **self.by.to_dict()}


def read_design(source: str) -> Design:
    """A design from a model's config.json (a file, or the folder that holds it), a file with one design (CSV with one
    row; YAML or JSON with feature names and values), or a known model: its id in data/raw/models.csv, or the part
    after the slash where only one has it.

    A file's `model_id` names the design. Raises DataError when there is no such file or model, or it is not one design.
    """
    path = Path(source)
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        return _known_model(source)
    values = _one_row(path) if path.suffix == ".csv" else _mapping(path)
    if "model_type" in values or "architectures" in values:
        return Design(source, _from_config(values))
    name = values.pop("model_id", None)
    return Design(str(name or source), values)


def _one_row(path: Path) -> dict[str, Any]:
    try:
        table = pd.read_csv(path, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable CSV file ({error})") from None
    if len(table) != 1:
        raise DataError(f"{path}: {len(table)} rows; a design to compare is one row below the feature names")
    return {str(name): None if pd.isna(value) else value for name, value in table.iloc[0].to_dict().items()}


def _mapping(path: Path) -> dict[str, Any]:
    """The keys of a YAML or JSON file (JSON is YAML)."""
    try:
        values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        raise DataError(f"{path}: not readable as YAML or JSON ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(values, dict) or not values:
        raise DataError(f"{path}: expected a config.json, or feature names with their values (total_params: 7e9)")
    return {str(name): _number_in_text(value) for name, value in values.items()}


def _number_in_text(value: Any) -> Any:
    """YAML reads 7e9 as text: a text that is a number counts as one."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _from_config(values: Mapping[str, Any]) -> dict[str, Any]:
    config = language_model(values)
    columns = architecture_columns(config, class_of(config))
    columns |= {"mlp_ratio": columns["d_ff"] / columns["d_model"]}
    return {feature.name: columns[feature.name] for feature in FEATURES["verified"] if feature.name in columns}


def _known_model(source: str) -> Design:
    table = read_parquet(DESIGN_TABLE)
    ids = [str(name) for name in table["model_id"]]
    matches = [name for name in ids if source.lower() in (name.lower(), name.split("/")[-1].lower())]
    if len(matches) != 1:
        raise DataError(f"{source}: {_why_not_known(source, matches, ids)}")
    row = table.loc[table["model_id"] == matches[0]].iloc[0]
    names = [feature.name for feature in FEATURES[load_params().tabulate.view] if feature.name in table]
    return Design(matches[0], {name: row[name] for name in names if not pd.isna(row[name])})


def _why_not_known(source: str, matches: Sequence[str], ids: Sequence[str]) -> str:
    if matches:
        return f"several models are called so: {', '.join(matches)}; give the whole id"
    if source in set(read_raw(MODELS)["model_id"].astype(str)):
        return "recorded, but not among the designs (no base model, or no token count); write its design to a file"
    by_end = {name.split("/")[-1].lower(): name for name in ids}
    close = difflib.get_close_matches(source.split("/")[-1].lower(), by_end, 3)
    known = f"; known models called alike: {', '.join(by_end[name] for name in close)}" if close else ""
    return f"no such file, and no model of {MODELS.path}{known}"


def compare_designs(
    predictors: Sequence[RegisteredPredictor], first: Design, second: Design, level: float | None
) -> list[Compared]:
    """Both designs asked of every predictor. Raises DataError for a wrong design, naming which of the two."""
    for side in (first, second):
        try:
            predictors[0].predictor.encoded(pd.DataFrame([dict(side.values)], dtype=object))
        except DataError as error:
            raise DataError(f"{side.name}: {error}") from None
    names = _labels(first, second)
    return [
        Compared(registered.predictor.compare(first.values, second.values, level, names), registered)
        for registered in predictors
    ]


def _labels(first: Design, second: Design) -> tuple[str, str]:
    return ("A", "B") if first.name == second.name else (first.name, second.name)


def print_comparisons(compared: Sequence[Compared], first: Design, second: Design, explain: bool) -> None:
    """A table of 80 columns (target, A, B, B - A and its interval, how sure B is better), by groups; below it what the
    letters stand for, and with `explain` what makes each difference."""
    shown = console()
    for letter, side in (("A", first), ("B", second)):
        shown.print(f"{letter}: {side.name}", highlight=False, soft_wrap=True)
    shown.print(_table(compared))
    for line in _remarks(compared, first, second):
        shown.print(line, highlight=False)
    for target in compared if explain or len(compared) == 1 else ():
        print_words(shown, target.comparison.first.title, target.comparison.words)


def _table(compared: Sequence[Compared]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    level = f"{compared[0].comparison.difference.level:.0%} interval"
    table.add_column("benchmark")
    for heading in ("A", "B", "B - A", level, "B better"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group, members in groupby(compared, key=lambda target: target.by.group):
        table.add_section()
        table.add_row(f"[bold]{group}[/bold]")
        for target in members:
            comparison = target.comparison
            difference = comparison.difference
            sure = abs(comparison.chance_better - 0.5) >= SURE - 0.5
            chance = shown_chance(comparison.chance_better)
            table.add_row(
                comparison.first.title + ("" if comparison.first.predictable else " (*)"),
                *(f"{side.score:.3f}{_mark(side.support)}" for side in (comparison.first, comparison.second)),
                f"{difference.difference:+.3f}",
                f"{difference.low:+.3f} to {difference.high:+.3f}",
                f"[bold]{chance}[/bold]" if sure else chance,
            )
    return table


def _mark(support: str) -> str:
    return {"outside": "!", "edge": "~"}.get(support, " ")


def _remarks(compared: Sequence[Compared], first: Design, second: Design) -> list[str]:
    comparisons = [target.comparison for target in compared]
    chances = {"B": [c.chance_better for c in comparisons], "A": [1 - c.chance_better for c in comparisons]}
    counts = [f"{name} on {sum(chance >= SURE for chance in each)}" for name, each in chances.items()]
    lines = [f"Better with a probability of {SURE:.0%} or more, of {len(comparisons)}: {', '.join(counts)}."]
    lower = [c.first.title for c in comparisons if c.first.lower_is_better]
    if lower:
        lines.append(f"Lower is better: {', '.join(lower)}.")
    if not all(c.first.predictable for c in comparisons):
        lines.append("(*) not predictable from design: on new families no better than the median.")
    for mark, verdict in (("!", "outside what the models show: do not rely on it"), ("~", "at the edge of it")):
        if any(_mark(side.support) == mark for c in comparisons for side in (c.first, c.second)):
            lines.append(f"{mark} {verdict}.")
    seen = [
        letter
        for letter, side in (("A", first), ("B", second))
        if any(side.name in target.by.predictor.support.model_ids for target in compared)
    ]
    if seen:
        lines.append(
            f"Learned from: {' and '.join(seen)}. The interval is that of two unseen designs, so a little wide."
        )
    lines.append(answered_by([target.by for target in compared]))
    return lines
