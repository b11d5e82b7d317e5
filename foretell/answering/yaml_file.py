"""Reading a predictor's YAML quickly. ruamel.yaml takes 40 ms for one card, nearly all of it for the descriptions of
features, which are the same in all predictors of one table: each top-level entry is parsed by itself, equal ones once.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ENTRY = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)  # where a top-level key begins: what belongs to it is indented


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, as `YAML(typ="safe").load` gives it. Raises YAMLError, OSError or UnicodeError."""
    text = path.read_text(encoding="utf-8")
    first, *entries = ENTRY.split(text)
    if first.strip() or not entries:
        return _parsed(text)
    try:
        parts = [_entry(entry) for entry in entries]
    except YAMLError:  # entries that refer to each other, or that are wrong: the whole file says what and where
        return _parsed(text)
    keys = [key for part in parts if isinstance(part, dict) for key in part]
    if len(keys) != len(entries) or len(set(keys)) != len(keys):
        return _parsed(text)
    return deepcopy({key: value for part in parts for key, value in part.items()})


@lru_cache(maxsize=256)
def _entry(text: str) -> Any:
    return _parsed(text)


def _parsed(text: str) -> Any:
    return YAML(typ="safe").load(text)
