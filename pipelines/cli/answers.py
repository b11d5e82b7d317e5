"""What `foretell predict` and `foretell status` print: the registered predictors' answers, and which there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from features.raw import read_raw
from features.schema import MODELS
from features.targets import in_group, known_target, read_targets
from foretell.answering.answer import Answer
from foretell.answering.predictor import Predictor
from foretell.errors import TrackingError
from foretell.loading import load_folders, registered_files
from pipelines.answering_versions import answering_versions, store_address
from pipelines.cli.doubts import doubts_line
from pipelines.cli.screen import console
from pipelines.params import Params, load_params
from pipelines.paths import LINEAGE

NOT_PREDICTABLE = "not predictable from design"
MOST_REASONS, MOST_NAMED = 3, 6  # reasons listed one by one; parts and features named of many


@dataclass(frozen=True)
class RegisteredPredictor:
    """A predictor, the group of its target, its registered version, the alias it was found by, and the version's tags
    (where it comes from)."""

    predictor: Predictor
    group: str
    version: str
    alias: str
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Who answers, as plain values for JSON."""
        return {"group": self.group, "version": self.version, "alias": self.alias}


@dataclass(frozen=True)
class RegisteredAnswer:
    """An answer, the group of its target, the registered version that gave it and the alias it was found by."""

    answer: Answer
    group: str
    version: str
    alias: str

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON: score, interval, support, contributions, and who answered."""
        return {**self.answer.to_dict(), "group": self.group, "version": self.version, "alias": self.alias}


def answers(
    design: Mapping[str, Any], benchmarks: Sequence[str], groups: Sequence[str], level: float | None
) -> list[RegisteredAnswer]:
    """The answer of every one of `registered_predictors`. Raises as it does, and DataError for a wrong design."""
    return [
        RegisteredAnswer(by.predictor.predict(design, level), by.group, by.version, by.alias)
        for by in registered_predictors(benchmarks, groups)
    ]


def registered_predictors(benchmarks: Sequence[str], groups: Sequence[str]) -> list[RegisteredPredictor]:
    """Each benchmark's champion, or else its candidate: of `benchmarks` and of those of `groups` that params.yaml names
    (default: every one that it names).

    Raises ConfigError for an unknown benchmark or group, TrackingError when nothing is registered.
    """
    known = read_targets()
    for name in benchmarks:
        known_target(name, known)
    predicted = load_params().benchmarks  # raises outside a workspace, before a store is made
    grouped = [slug for slug in in_group(known, groups) if slug in predicted]
    slugs = list(dict.fromkeys([*benchmarks, *grouped])) or list(predicted)
    address = store_address()
    versions = answering_versions(address, slugs)
    if not versions:
        raise TrackingError(f"no predictor is registered in {address}; `make repro` registers them")
    predictors = load_folders([registered_files(address, version) for version in versions.values()])
    return [
        RegisteredPredictor(predictor, known[slug].group, version.number, version.alias, dict(version.tags))
        for (slug, version), predictor in zip(versions.items(), predictors, strict=True)
    ]


def print_answers(
    answered: Sequence[RegisteredAnswer], explain: bool = False, measured: Mapping[str, Sequence[str]] | None = None
) -> None:
    """A table that fits 80 columns (benchmark, score, interval, support), by groups; below it why an answer is not
    inside of what the models show, and the nearest known models; with `explain`, or of one benchmark, what raises and
    lowers the score, and the sentences of `measured` (benchmark -> what controlled runs say of it)."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    level = f"{answered[0].answer.level:.0%} interval"
    for heading, justify in (("benchmark", "left"), ("score", "right"), (level, "right"), ("support", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    for group, members in groupby(answered, key=lambda registered: registered.group):
        table.add_section()
        table.add_row(f"[bold]{group}[/bold]")
        for registered in members:
            answer = registered.answer
            mark = "" if answer.predictable else " (*)"
            interval = f"{answer.low:.3f} to {answer.high:.3f}"
            table.add_row(answer.title, f"{answer.score:.3f}", interval, f"{answer.support}{mark}")
    screen = console()
    screen.print(table)
    for line in _remarks(answered):
        screen.print(line, highlight=False)
    for registered in answered if explain or len(answered) == 1 else ():
        extra = (measured or {}).get(registered.answer.benchmark, ())
        print_words(screen, registered.answer.title, [*registered.answer.words, *extra])


def print_words(screen: Console, title: str, words: Sequence[str]) -> None:
    """The sentences on one target, below its title."""
    screen.print(f"\n[bold]{title}[/bold]")
    for sentence in words:
        screen.print(f"  {sentence}", highlight=False, soft_wrap=True)


def print_lines(lines: Sequence[str]) -> None:
    """Lines as they are, on the screen that tables are printed on."""
    for line in lines:
        console().print(line, highlight=False, soft_wrap=True)


def _remarks(answered: Sequence[RegisteredAnswer]) -> list[str]:
    """What is said below the table of answers, once for all benchmarks that it holds for."""
    answers = [registered.answer for registered in answered]
    lines = []
    not_predictable = [answer.title for answer in answers if not answer.predictable]
    if not_predictable:
        lines.append(f"(*) {NOT_PREDICTABLE}: on new families no better than the median.")
    lower = [answer.title for answer in answers if answer.lower_is_better]
    if lower:
        lines.append(f"Lower is better: {', '.join(lower)}.")
    for verdict in ("outside", "edge"):
        lines += _reasons(verdict, [answer.support_reason for answer in answers if answer.support == verdict])
    n_outside = sum(answer.support == "outside" for answer in answers)
    if n_outside:
        lines.append(f"Outside what the models show on {n_outside} of {len(answers)} benchmarks: do not rely on it.")
    nearest = Counter(name for answer in answers for name in answer.nearest)
    shown = [name if len(answers) == 1 else f"{name} ({count})" for name, count in nearest.most_common(5)]
    where = "" if len(answers) == 1 else " (on how many benchmarks)"
    lines.append(f"Nearest known models{where}: {', '.join(shown)}.")
    lines.append(answered_by(answered))
    return lines


def _reasons(verdict: str, reasons: Sequence[str]) -> list[str]:
    """Why benchmarks have a verdict: a line per reason, or, where nearly every benchmark has one of its own, how many
    share each part of them, and which unknown features are named most often."""
    counted = Counter(reasons)
    if len(counted) <= MOST_REASONS:
        return [f"{verdict} on {count}: {reason}" for reason, count in counted.most_common()]
    parts = [part for reason in reasons for part in reason.split("; ")]
    unknown = [part.partition(": ")[2] for part in parts if ": " in part]
    features = Counter(name for names in unknown for name in names.partition(" and ")[0].split(", "))
    said = Counter(re.sub(r" is \S+ times the", " is above the", part.partition(": ")[0]) for part in parts)
    lines = [f"{verdict} on {len(reasons)}:"]
    for words, count in said.most_common(MOST_NAMED):
        named = [f"{name} ({times})" for name, times in features.most_common(MOST_NAMED)]
        most = f": most often {', '.join(named)}" if any(part.startswith(f"{words}: ") for part in parts) else ""
        lines.append(f"  {count}: {words}{most}")
    return lines


def answered_by(registered: Sequence[RegisteredAnswer | RegisteredPredictor]) -> str:
    """Which versions answered, and on how many benchmarks."""
    by = Counter(f"{version.alias} v{version.version}" for version in registered)
    return f"Answered by {', '.join(f'{name} ({count})' for name, count in by.most_common())}."


def print_status() -> None:
    """A table of what is registered, and where the language models' figures come from."""
    from models.registry.champions import aliased_versions
    from models.registry.store import Store

    params, targets = load_params(), read_targets()
    store = Store()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("benchmark", "version", "is", "MAE", "new families", "coverage", "data", "note"):
        table.add_column(heading, justify="right" if heading in ("MAE", "new families", "coverage") else "left")
    for benchmark in params.benchmarks:
        title, shown = targets[benchmark].title, aliased_versions(store, benchmark)
        if not shown:
            table.add_row(title, "-", "-", "", "", "", "", "not registered")
        for registered in shown:
            metrics = store.client.get_run(str(registered.version.run_id)).data.metrics
            table.add_row(
                title,
                f"v{registered.number}",
                " and ".join(registered.aliases),
                f"{metrics['mae_mean']:.4f}",
                f"{metrics.get('family_mae', float('nan')):.4f}",
                f"{metrics.get('coverage', float('nan')):.1%}",
                registered.version.tags.get("data.version", "?"),
                "" if metrics.get("predictable", 1.0) > 0 else NOT_PREDICTABLE,
            )
            title = ""
    screen = console()
    screen.print(f"store: {store.uri}", soft_wrap=True, highlight=False)
    screen.print(table)
    for line in [*_language_models(params), doubts_line()]:
        screen.print(line, soft_wrap=True, highlight=False)


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
