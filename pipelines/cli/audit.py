"""`foretell audit`: are the scores in a results file failures of the run and not of the model?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from features.targets import Target
from foretell.errors import DataError, RefusedError
from models.audit.auditing import Finding, audit
from models.audit.expectation import Expectations
from pipelines.auditing import Recorded, read_recorded


def audit_results(model_id: str, results: Mapping[str, float], recorded: Recorded | None = None) -> list[Finding]:
    """Audit a model's `results` (slug -> score). Raises DataError where its design is not recorded: what a score is
    expected to be follows from the design."""
    recorded = recorded or read_recorded()
    if model_id not in recorded.known.design.index:
        raise DataError(f"{model_id}: its design is not recorded; `foretell add-model` first")
    unknown = sorted(set(results) - set(recorded.targets))
    if unknown:
        raise DataError(f"unknown benchmark {unknown[0]}; known: {', '.join(recorded.targets)}")
    # Of other models only the scores that this one has too: what is not measured must not tell anything.
    known = recorded.known.without(model_id).on(list(results))
    expectations = Expectations.fit(known, recorded.targets, list(results))
    witnesses = {slug: score for (model, slug), score in recorded.witnesses.items() if model == model_id}
    design = recorded.known.design_of(model_id)
    return audit(results, design, known, expectations, recorded.targets, witnesses)


def target_scores(rows: pd.DataFrame, targets: Mapping[str, Target]) -> dict[str, float]:
    """Slug -> score of every target whose needed subtasks are all among `rows` (benchmark, subtask, n_shot, metric,
    score of one model)."""
    scores = {}
    for slug, target in targets.items():
        same = (rows["benchmark"] == target.benchmark) & (rows["n_shot"] == target.n_shot)
        own = rows[same & (rows["metric"] == target.metric)].set_index("subtask")["score"].dropna()
        parts = own[[name for name in own.index if name in (*target.needed, *target.optional)]]
        whole = own[[name for name in own.index if name in target.whole]]
        if set(target.needed) <= set(parts.index):
            scores[slug] = float(parts.mean())
        elif len(whole):
            scores[slug] = float(whole.iloc[0])
    return scores


def print_audit(path: Path, model_id: str, as_json: bool) -> None:
    """Audit a results file of lm-evaluation-harness and print a row per benchmark. Raises RefusedError where a score is
    objected to, DataError where none of its scores makes a benchmark."""
    from lms.results_file import read_results_file

    recorded = read_recorded()
    found = read_results_file(path, recorded.targets, model_id)
    rows = pd.DataFrame([vars(row) for row in found.rows])
    scores = target_scores(rows, recorded.targets) if len(rows) else {}
    if not scores:
        raise DataError(f"{path}: no benchmark is measured whole in it; known: {', '.join(recorded.targets)}")
    findings = audit_results(found.rows[0].model_id, scores, recorded)
    if as_json:
        print(json.dumps([asdict(finding) | {"objected": finding.objected} for finding in findings], indent=1))
    else:
        print_findings(findings, recorded.targets)
    refuse_objections(found.rows[0].model_id, findings, "")


def print_findings(findings: Sequence[Finding], targets: Mapping[str, Target]) -> None:
    """A table that fits 80 columns, and below it the likeliest cause of each score that is objected to."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, justify in (
        ("benchmark", "left"),
        ("score", "right"),
        ("expected, 99 %", "right"),
        ("verdict", "left"),
    ):
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=True)
    for finding in findings:
        verdict = "LOOKS WRONG" if finding.objected else "unusual, confirmed" if finding.cause else "as expected"
        span = f"{finding.low:.3f} to {finding.high:.3f}"
        title = targets[finding.slug].title
        table.add_row(title, f"{finding.score:.3f}", span, verdict)
    console = Console(highlight=False) if Console().is_terminal else Console(width=80, highlight=False)
    console.print(table)
    for finding in findings:
        witness = "" if finding.witness is None else f"; measured elsewhere: {finding.witness:.3f}"
        if finding.objected:
            console.print(f"{targets[finding.slug].title}: {finding.cause}{witness}")


def refuse_objections(model_id: str, findings: Sequence[Finding], accepted: str) -> None:
    """Raise RefusedError naming the scores that are objected to, unless `accepted` says why they are taken."""
    objected = [finding.slug for finding in findings if finding.objected]
    if objected and not accepted:
        raise RefusedError(f"{model_id}: {len(objected)} of {len(findings)} scores look wrong: {', '.join(objected)}")
