"""What `foretell add-model` does: read, derive, show, validate with the tables' own rules, append."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from features.contribution import Facts, appended, check_id, contexts_of, model_rows
from features.hf_config import architecture_columns, assumed_tying, check_context, class_of, language_model
from features.raw import read_text
from features.schema import MODELS, PRETRAINING, RAW_TABLES, Table
from foretell.errors import DataError
from foretell.files import atomic

NEXT = "next: dvc add {paths} && foretell repro"


def read_config(source: str) -> dict[str, Any]:
    """A config.json from a path, or of a model on the Hugging Face hub (org/name, with huggingface_hub installed)."""
    path = Path(source)
    if path.is_dir():
        path = path / "config.json"
    if not path.is_file():
        path = _from_hub(source)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(config, dict):
        raise DataError(f"{path}: a JSON object is expected, as in a model's config.json")
    return config


def _from_hub(source: str) -> Path:
    if source.count("/") != 1 or source.endswith(".json"):
        raise DataError(f"{source}: no such file, and no id on the hub (org/name)")
    if find_spec("huggingface_hub") is None:
        raise DataError(f"{source}: no such file; to fetch it from the hub: pip install huggingface_hub")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(source, "config.json"))
    except (HfHubHTTPError, OSError, ValueError) as error:
        words = " ".join(str(error).split())[:200]
        raise DataError(f"{source}: its config.json cannot be fetched from the hub: {words}") from None


@dataclass(frozen=True)
class Given:
    """What a person says about a configuration: its class, the context of the main pretraining stage and the longest
    one that was trained, in tokens; None or "" where the file says it."""

    config_class: str = ""
    context: int | None = None
    context_final: int | None = None


def add_model(values: dict[str, Any], facts: Facts, given: Given, dry_run: bool) -> None:
    """Append one language model to models.csv and pretraining.csv, shown first; DataError when a rule is broken. With
    `dry_run` the record is shown and validated, and nothing is written."""
    recorded = read_text(MODELS)
    check_id(facts.model_id, [str(name) for name in recorded["model_id"]])
    config = language_model(values)
    config_class = class_of(config, given.config_class)
    check_context(config, given.context, contexts_of(recorded, facts.family))
    columns = architecture_columns(config, config_class, given.context)
    columns |= {"context_final": given.context_final} if given.context_final else {}
    design, data = model_rows(facts, columns, assumed_tying(config, columns))
    for name, value in {**design, **data}.items():
        if value and name != "config_json":
            print(f"  {name:24} {value}")
    empty = [name for row in (design, data) for name, value in row.items() if not value]
    print(f"  unknown: {', '.join(empty) or 'nothing'}")
    append_rows({MODELS: [design], PRETRAINING: [data]}, facts.model_id, dry_run)
    if dry_run:
        print(f"not added (--dry-run): {facts.model_id}: {int(design['total_params']):,} parameters, all rules hold")
        return
    print(f"added {facts.model_id}: {int(design['total_params']):,} parameters ({design['params_check']})")
    print(NEXT.format(paths=f"{MODELS.path} {PRETRAINING.path}"))


def append_rows(rows: dict[Table, list[dict[str, str]]], model_id: str, dry_run: bool = False) -> None:
    """Validate copies of every raw table with the rows added, then replace the files: all of them or none."""
    texts = {table: appended(table, _text(table), new) for table, new in rows.items()}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for table in RAW_TABLES.values():
            (root / table.path).parent.mkdir(parents=True, exist_ok=True)
            if table in texts:
                (root / table.path).write_text(texts[table], encoding="utf-8")
            else:
                shutil.copyfile(table.path, root / table.path)
        _check(root, model_id)
    if dry_run:
        return
    with ExitStack() as stack:
        for table, text in texts.items():
            stack.enter_context(atomic(table.path)).write_text(text, encoding="utf-8", newline="\n")


def _text(table: Table) -> str:
    if not table.path.is_file():
        raise DataError(f"{table.path}: no such file; `dvc pull {table.path}.dvc` fetches it")
    return table.path.read_text(encoding="utf-8")


def _check(root: Path, model_id: str) -> None:
    from expectations.run import validate

    problems = validate(root).problems
    if problems:
        of_model = [str(problem) for problem in problems if model_id in problem.row] or [str(p) for p in problems]
        raise DataError(f"{model_id}: not added: {'; '.join(of_model[:5])}")
