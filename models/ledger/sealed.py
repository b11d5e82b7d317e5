"""A record whose text carries the SHA-256 of its contents, so that a later change of either is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from foretell.errors import DataError

HASH = "sha256"


def canonical(contents: Mapping[str, Any]) -> str:
    """The one text of `contents` as JSON: sorted keys, no spaces, every float in the fewest digits that give it back.

    Raises ValueError for NaN and infinity, which JSON does not have, and TypeError for what is no plain value.
    """
    return json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(contents: Mapping[str, Any]) -> str:
    """The SHA-256 (64 hexadecimal digits) of the canonical text of `contents`."""
    return hashlib.sha256(canonical(contents).encode()).hexdigest()


def sealed(contents: Mapping[str, Any]) -> str:
    """The text of a file that holds `contents` and, under the key `sha256`, their digest."""
    whole = {**contents, HASH: digest(contents)}
    return json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def opened(text: str, path: str) -> tuple[dict[str, Any], str]:
    """The contents of a sealed `text`, read from `path`, and their digest.

    Raises DataError when the text is no sealed record, or its contents are not those that it was sealed with.
    """
    mend = f"`git log -- {path}` shows what changed it, `git checkout COMMIT -- {path}` brings an earlier state back"
    try:
        whole = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
        named = str(whole.pop(HASH))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a whole record of a forecast ({type(error).__name__}: {error}); {mend}") from None
    found = digest(whole)
    if named != found:
        raise DataError(
            f"{path}: changed since it was written: its contents have the SHA-256 {found[:16]}..., it was sealed with "
            f"{named[:16]}...; a record never changes; {mend}"
        )
    return whole, found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that is there twice would show one value and mean another."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key is there twice")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
