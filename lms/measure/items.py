"""Items a model is measured on: a question with its options, or a prompt with its solution."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from foretell.errors import DataError

Text = str | tuple[int, ...]
"""Text, or the ids of its tokens where an item is cut by tokens."""
Kind = Literal["choice", "solution"]


@dataclass(frozen=True)
class Option:
    """A text that is scored after a prompt, and whether it is a right one. Prompt and text are put together as they
    are: the space between them belongs to one of the two. Of one kind: both strings, or both token ids."""

    prompt: Text
    text: Text
    is_right: bool


@dataclass(frozen=True)
class Item:
    """`options` of a `choice`: all of them, at least one right and one wrong; of a `solution`: the solution alone.
    `item` is its key within `task`; a benchmark may have several tasks (its subtasks)."""

    benchmark: str
    task: str
    item: str
    kind: Kind
    options: tuple[Option, ...]


def items_sha256(items: Sequence[Item]) -> str:
    """64 hex digits that change with any item or their order."""
    return hashlib.sha256(json.dumps([asdict(item) for item in items]).encode()).hexdigest()


def by_benchmark(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The items of each benchmark, benchmarks by name. Raises DataError if two items of a task share their key."""
    groups: dict[str, list[Item]] = {}
    keys = set()
    for item in items:
        key = (item.benchmark, item.task, item.item)
        if key in keys:
            raise DataError(f"item {item.item!r} of {item.task} ({item.benchmark}) is there twice; give it another id")
        keys.add(key)
        groups.setdefault(item.benchmark, []).append(item)
    return dict(sorted(groups.items()))


def read_items(path: Path) -> list[Item]:
    """The items of a file of JSON lines, each {"prompt", "options", "answer"} or {"prompt", "solution"}; the file's
    name without its ending is their benchmark and task, `id` (optional) an item's key, else its line's number.

    `answer` is the right option's index, its words, or a list of these where several are right. Raises DataError
    naming the line: not such an object, an empty option or solution, an answer that is none of the options, options
    that are all right or occur twice; or the file: missing, not UTF-8, without items.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: not readable ({error})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})") from None
    items = [_item_of_line(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not items:
        raise DataError(f"{path}: no items; expected one JSON object per line")
    return items


def _item_of_line(path: Path, number: int, line: str) -> Item:
    where = f"{path}, line {number}"
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error})") from None
    keys = set(value) - {"id"} if isinstance(value, dict) else set()
    if keys not in ({"prompt", "options", "answer"}, {"prompt", "solution"}):
        raise DataError(f'{where}: expected an object with "prompt", "options", "answer" or with "prompt", "solution"')
    kind: Kind = "choice" if "options" in keys else "solution"
    texts = value["options"] if kind == "choice" else [value["solution"]]
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise DataError(f"{where}: expected {'options' if kind == 'choice' else 'solution'} of at least one character")
    if not isinstance(value["prompt"], str):
        raise DataError(f"{where}: expected the prompt as text")
    right = _right_options(where, texts, value["answer"]) if kind == "choice" else {0}
    options = tuple(Option(value["prompt"], text, index in right) for index, text in enumerate(texts))
    return Item(path.stem, path.stem, str(value.get("id", number)), kind, options)


def _right_options(where: str, options: list[str], answer: Any) -> set[int]:
    if len(set(options)) < len(options):
        raise DataError(f"{where}: an option is there twice")
    right = set()
    for one in answer if isinstance(answer, list) else [answer]:
        if isinstance(one, str) and one in options:
            right.add(options.index(one))
        elif isinstance(one, int) and not isinstance(one, bool) and 0 <= one < len(options):
            right.add(one)
        else:
            raise DataError(
                f"{where}: answer {one!r} is neither an index (from 0) nor one of the {len(options)} options"
            )
    if not 0 < len(right) < len(options):
        raise DataError(f"{where}: {len(right)} of {len(options)} options are right; expected a right and a wrong one")
    return right
