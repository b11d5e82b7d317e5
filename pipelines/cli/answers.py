"""Asking the registered predictors: `foretell predict` and `foretell status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from features.encoding import encoding_with
from features.raw import read_raw
from features.schema import BENCHMARKS, MODELS
from foretell.answering.encoding import Encoding
from foretell.answering.predictor import Predictor
from foretell.errors import ConfigError, TrackingError
from models.registry import CANDIDATE, CHAMPION, ModelVersion, Store
from pipelines.files import read_json
from pipelines.params import Params, load_params
from pipelines.paths import ENCODING, LINEAGE

NOT_PREDICTABLE = "not predictable from design"


@dataclass(frozen=True)
class Answer:
    """One benchmark's answer, with the version that gave it."""

    benchmark: str
    version: str
    alias: str
    level: float
    lower_is_better: bool
    row: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON: scores, interval, support and contributions."""
        about = {"benchmark": self.benchmark, "version": self.version, "alias": self.alias, "level": self.level}
        return {**about, "lower_is_better": self.lower_is_better, **self.row}


def answers(query: Mapping[str, Any], benchmarks: Sequence[str], level: float | None) -> list[Answer]:
    """Ask the champion, or else the candidate, of each benchmark (default: every one in params.yaml).

    Raises ConfigError for an unknown benchmark, DataError for a wrong query, TrackingError when nothing is registered.
    """
    unknown = [name for name in benchmarks if name not in BENCHMARKS]
    if unknown:
        raise ConfigError(f"--benchmark: unknown {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
    _encoding().check_query(query)  # a wrong question is told before anything is looked up
    asked = list(benchmarks or load_params().benchmarks)  # outside a workspace this says so, before a store is made
    store, found = Store(), []
    for benchmark in asked:
        name = f"foretell-{benchmark}"
        for alias in (CHAMPION, CANDIDATE):
            version = store.alias(name, alias)
            if version is None:
                continue
            predictor = Predictor.load(store.download(version))
            check = predictor.encoding.check_query(query)
            known = {feature: check.get(feature) for feature in predictor.features}
            row = predictor.predict(pd.DataFrame([known]), level).to_dict("records")[0]
            plain = {str(key): value for key, value in row.items()}
            lower = bool(predictor.card["lower_is_better"])
            used = float(predictor.card["level"]) if level is None else level
            found.append(Answer(benchmark, str(version.version), alias, used, lower, plain))
            break
    if not found:
        raise TrackingError(f"no predictor is registered in {store.uri}; `make repro` registers them")
    return found


def _encoding() -> Encoding:
    """The encoding of this workspace's tables, or the words of the schema where no table was made yet."""
    if ENCODING.is_file():
        return Encoding.from_dict(read_json(ENCODING))
    return encoding_with("verified", {})


def print_answers(found: Sequence[Answer]) -> None:
    """A table: benchmark, score, interval, support, nearest models."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    interval = f"{found[0].level:.0%} interval"
    for heading, justify in (("benchmark", "left"), ("by", "left"), ("score", "right"), (interval, "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("support")
    table.add_column("nearest known models")
    for answer in found:
        row = answer.row
        title = BENCHMARKS[answer.benchmark].title
        support = row["support"] + (f": {row['support_reason']}" if row["support_reason"] else "")
        if not row["predictable"]:
            support = f"{NOT_PREDICTABLE}; {support}"
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        by = f"{answer.alias} v{answer.version}"
        table.add_row(title, by, f"{row['score']:.3f}", interval, support, row["nearest"])
    console = _console()
    console.print(table)
    lower = [BENCHMARKS[a.benchmark].title for a in found if a.lower_is_better]
    if lower:
        console.print(f"Brier scores (lower is better): {', '.join(lower)}", soft_wrap=True)
    outside = [a for a in found if a.row["support"] == "outside"]
    if outside:
        console.print(f"Outside what the models show on {len(outside)} of {len(found)} benchmarks: do not rely on it.")


def print_status() -> None:
    """A table of what is registered, and where the language models' figures come from."""
    params = load_params()
    store = Store()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("benchmark", "version", "is", "MAE", "new families", "coverage", "data", "note"):
        table.add_column(heading, justify="right" if heading in ("MAE", "new families", "coverage") else "left")
    for benchmark in params.benchmarks:
        title, shown = BENCHMARKS[benchmark].title, _aliased(store, f"foretell-{benchmark}")
        if not shown:
            table.add_row(title, "-", "-", "", "", "", "", "not registered")
        for version, aliases in shown:
            metrics = store.client.get_run(str(version.run_id)).data.metrics
            table.add_row(
                title,
                f"v{version.version}",
                " and ".join(aliases),
                f"{metrics['mae_mean']:.4f}",
                f"{metrics.get('family_mae', float('nan')):.4f}",
                f"{metrics.get('coverage', float('nan')):.1%}",
                version.tags.get("data.version", "?"),
                "" if metrics.get("predictable", 1.0) > 0 else NOT_PREDICTABLE,
            )
            title = ""
    console = _console()
    console.print(f"store: {store.uri}", soft_wrap=True, highlight=False)
    console.print(table)
    for line in _language_models(params):
        console.print(line, soft_wrap=True, highlight=False)


def _aliased(store: Store, name: str) -> list[tuple[ModelVersion, list[str]]]:
    """Champion and candidate of a registered model, each version once with all it is."""
    found: dict[str, tuple[ModelVersion, list[str]]] = {}
    for alias in (CHAMPION, CANDIDATE):
        version = store.alias(name, alias)
        if version is not None:
            found.setdefault(str(version.version), (version, []))[1].append(alias)
    return list(found.values())


def _language_models(params: Params) -> list[str]:
    """How many language models stand on recorded, regenerated or stale figures, and how to mend the stale ones."""
    from lms.status import language_model_states

    model_ids = read_raw(MODELS)["model_id"].astype(str).tolist()
    states = language_model_states(model_ids, params.record, params.score, params.sample, params.tag, LINEAGE)
    by_state = states.groupby("state")["model_id"].nunique() if len(states) else {"recorded": len(model_ids)}
    counts = [f"{by_state.get(state, 0)} {state}" for state in ("recorded", "regenerated", "stale")]
    lines = [f"language models: {', '.join(counts)}"]
    for row in states[states["state"] == "stale"].to_dict("records") if len(states) else []:
        mend = f"`dvc repro {row['job']}@<slug>` on a GPU machine, then `dvc push`"
        lines.append(f"  stale: {row['model_id']} ({row['job']}); {mend}")
    return lines


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)
