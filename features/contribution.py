"""New rows for the raw tables: a language model's design and pretraining facts, and its scores. Pure: facts in, rows
of text out; what is missing or doubled is refused with everything that is wrong at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.schema import MODELS, PRETRAINING, SCORES, Table
from foretell.errors import DataError

SHARE_NAMES = ("web", "code", "books", "reference", "academic", "other")
NAME = 0.25  # relative difference up to which a name may be off; the recorded ones reach 0.21
NOMINAL = 0.01  # relative difference of counts that a rounded name explains


@dataclass(frozen=True)
class Facts:
    """What a configuration cannot say. Counts are numbers (`tokens` and `corpus_tokens` in tokens, `batch_tokens` in
    tokens), shares percent of the pretraining tokens; None = unknown."""

    model_id: str
    family: str | None
    tokens: float | None
    corpus: str | None
    source: str | None
    data_source: str | None
    release: str | None
    official_params: float | None
    official_source: str | None
    shares: Mapping[str, float | None]
    english: float | None = None
    corpus_tokens: float | None = None
    batch_tokens: float | None = None
    base_kind: str = "from_scratch"
    derived_from: str | None = None
    confidence: str = "medium"
    notes: str | None = None

    def missing(self) -> list[str]:
        """The command-line options that must be given and are not."""
        wanted = {
            "--family": self.family,
            "--tokens": self.tokens,
            "--corpus": self.corpus,
            "--source": self.source,
            "--data-source": self.data_source or self.source,
            "--release": self.release,
            "--official-params": self.official_params,
            "--official-source": self.official_source,
        }
        return [option for option, value in wanted.items() if not value]


def check_id(model_id: str, known: Iterable[str]) -> None:
    """Raise DataError unless the id is org/name, and none of the `known` ids written with other capitals."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model_id):
        raise DataError(f"--id {model_id}: expected org/name, as on the Hugging Face hub")
    spelled = {name.lower(): name for name in known}.get(model_id.lower(), model_id)
    if spelled != model_id:
        raise DataError(f"--id {model_id}: {spelled} is there already, with other capitals")


def contexts_of(models: pd.DataFrame, family: str | None) -> list[int]:
    """Contexts of pretraining, in tokens, of the recorded models (the models table as text) of one family."""
    return [int(length) for length in models.loc[models["family"] == family, "sequence_length"]]


def model_rows(
    facts: Facts, architecture: Mapping[str, Any], otherwise_tied: int | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """The rows of models.csv and pretraining.csv, as text. `otherwise_tied` is the count of parameters under the other
    assumption about tied embeddings, where the configuration does not say which holds.

    Raises DataError naming every option that is missing, for a count that is not the makers', and where a makers' count
    fits either assumption about tying."""
    missing = facts.missing()
    if missing:
        raise DataError(f"{facts.model_id}: give {', '.join(missing)} too (what is unknown stays out, these may not)")
    counted, official = int(architecture["total_params"]), float(facts.official_params or 0)
    check = params_check(counted, official)
    if otherwise_tied is not None and _fits(otherwise_tied, official):
        raise DataError(
            f"the configuration does not say whether input and output embedding are one matrix (tie_word_embeddings), "
            f"and --official-params {official:,.0f} fits both: {counted:,} and {otherwise_tied:,} parameters. Write it "
            "into the configuration, or give the makers' exact count"
        )
    design = {
        **architecture,
        "model_id": facts.model_id,
        "family": facts.family,
        "batch_tokens_millions": None if facts.batch_tokens is None else facts.batch_tokens / 1e6,
        "official_params": int(official),
        "official_params_source": facts.official_source,
        "params_check": check,
        "release_month": facts.release,
        "is_base": "true" if facts.base_kind.startswith("from_scratch") else "false",
        "base_kind": facts.base_kind,
        "derived_from": facts.derived_from,
        "count_method": "counted from the configuration (features/architecture.py)",
        "design_source": facts.source,
        "design_confidence": facts.confidence,
        "design_notes": facts.notes,
    }
    data = {
        "model_id": facts.model_id,
        "tokens_billions": float(facts.tokens or 0) / 1e9,
        "corpus_tokens_billions": None if facts.corpus_tokens is None else facts.corpus_tokens / 1e9,
        **{f"pct_{name}": facts.shares.get(name) for name in SHARE_NAMES},
        "pct_english": facts.english,
        "corpus": facts.corpus,
        "data_source": facts.data_source or facts.source,
        "data_confidence": facts.confidence,
        "data_notes": None,
    }
    return cells(MODELS, design), cells(PRETRAINING, data)


def params_check(counted: int, official: float) -> str:
    """How the derived count compares with the makers': exact, within 1 %, or further off. A makers' count of at most
    three significant digits is a name (7B) and not a count, and may be off by a quarter, as recorded names are."""
    if counted == official:
        return "exact"
    nominal = len(f"{official:.0f}".rstrip("0")) <= 3
    if abs(counted - official) <= NOMINAL * official:
        return "within_1pct_nominal" if nominal else "within_1pct"
    if nominal and abs(counted - official) <= NAME * official:
        return "over_1pct_nominal"
    apart = f"{100 * NAME:g} % (a rounded name)" if nominal else f"{100 * NOMINAL:g} %"
    raise DataError(
        f"the configuration has {counted:,} parameters, --official-params says {official:,.0f}: more than {apart} "
        "apart, one of them is wrong"
    )


def _fits(counted: int, official: float) -> bool:
    try:
        params_check(counted, official)
    except DataError:
        return False
    return True


def score_rows(model_id: str, scores: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of scores.csv from records of its columns (`benchmark`, `score`, `source`, ...) with a finite score; what a
    record does not have stays empty."""
    return [cells(SCORES, {**score, "model_id": model_id}) for score in scores]


def appended(table: Table, text: str, rows: list[dict[str, str]]) -> str:
    """`text` (the CSV as it is) with `rows` put behind it, the lines before left as they are, byte for byte.

    Raises DataError naming the rows whose key is there already.
    """
    present = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    keys = set(map(tuple, present[list(table.key)].to_numpy().tolist()))
    double = [row for row in rows if tuple(row[name] for name in table.key) in keys]
    if double:
        shown = "; ".join(" / ".join(row[name] for name in table.key) for row in double[:3])
        more = f" and {len(double) - 3} more" if len(double) > 3 else ""
        raise DataError(f"{table.path}: there already: {shown}{more}; change the row in the file instead")
    out = io.StringIO()
    writer = csv.DictWriter(out, table.names, lineterminator="\n")
    writer.writerows(rows)
    return text + ("" if text.endswith("\n") else "\n") + out.getvalue()


def cells(table: Table, values: Mapping[str, Any]) -> dict[str, str]:
    """A row of `table` as text, in its columns; what `values` does not have is empty."""
    return {name: _cell(values.get(name)) for name in table.names}


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
