"""Where a design that a command asks about comes from: a model's config.json, a file with one design, a known model,
and the shares of a data mixture."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.catalogue import FEATURES
from features.encoding import encoding_with
from features.hf_config import architecture_columns, class_of, language_model
from features.raw import read_raw
from features.schema import MODELS
from foretell.errors import DataError
from pipelines.files import read_parquet
from pipelines.params import load_params
from pipelines.paths import DESIGN_TABLE


@dataclass(frozen=True)
class Design:
    """What is asked about: `name` says where `values` (feature -> raw word or number) came from."""

    name: str
    values: Mapping[str, Any]

    def with_given(self, given: Mapping[str, Any]) -> Design:
        """The design with the values that the command line gives for both."""
        return Design(self.name, {**self.values, **given})


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
    if is_config(values):
        return Design(source, _from_config(values))
    name = values.pop("model_id", None)
    return Design(str(name or source), values)


def read_config(source: str) -> Design:
    """A design's architecture from a model's config.json: the file, or the folder that holds it. Raises DataError when
    there is no such file, or it is no configuration of a dense decoder."""
    path = Path(source)
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"--config {source}: no such file; expected a model's config.json, or the folder that holds it")
    values = _mapping(path)
    if not is_config(values):
        raise DataError(
            f"--config {path}: neither model_type nor architectures is given, so it is no config.json of a model; a "
            "design in feature names goes into a table (--designs) or a comparison (--compare)"
        )
    try:
        return Design(source, _from_config(values))
    except DataError as error:
        raise DataError(f"--config {path}: {error}") from None


def read_mixture(path: Path) -> dict[str, Any]:
    """The shares of the pretraining data in a YAML or JSON file: names of features that describe data (pct_code) and
    percent. Raises DataError for another name, a share out of range, or shares that sum to more than 100."""
    if not path.is_file():
        raise DataError(f"--data {path}: no such file; expected shares in percent, one per line (pct_code: 20)")
    values = _mapping(path)
    encoding = encoding_with("verified", {})
    known = [feature.name for feature in encoding.features if feature.group == "data"]
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1, 0.4)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise DataError(f"--data {path}: {name} is no share of the data{meant} Known: {', '.join(known)}")
    try:
        return encoding.check_query(values)
    except DataError as error:
        raise DataError(f"--data {path}: {error}") from None


def is_config(values: Mapping[str, Any]) -> bool:
    """Whether the keys of a file are those of a config.json of transformers."""
    return "model_type" in values or "architectures" in values


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
