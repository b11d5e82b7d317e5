"""How many bad scores the auditor finds, and how many good ones it objects to. Reads the raw tables; prints two
Markdown tables and writes reports/audit_recall.csv.

    python -m benchmarks.audit_recall

Known bad scores and scores that a second measurement with the same settings confirms are those of the recorded tables,
each held against trees that did not see it. Faults are injected into models that are held out whole: a zero, the
chance level, percent for a share (one benchmark each), two benchmarks swapped, a sibling's whole row. A fault counts
where it moves the score by more than 0.05; a smaller one is no harm and cannot be told from noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from features.targets import Target
from foretell.markdown import markdown_table
from models.audit.auditing import audit, audit_recorded
from models.audit.expectation import Expectations, Known
from pipelines.auditing import Recorded, read_recorded
from pipelines.files import write_csv
from pipelines.paths import REPORTS
from pipelines.progress import Progress
from pipelines.stage import run_stage

HELD_OUT, AT_LEAST, MOVES, CONFIRMED = 0.25, 6, 0.05, 0.02
BY_RULE = ("percent for a share", "a sibling's row")  # caught by a rule, whatever is expected
Results = dict[str, float]
Fault = Callable[[Results, dict[str, Target], np.random.Generator], Iterator[tuple[Results, list[str]]]]


def one_replaced(value_of: Callable[[float, Target], float]) -> Fault:
    """Faults that replace one benchmark's score."""

    def inject(
        results: Results, targets: dict[str, Target], rng: np.random.Generator
    ) -> Iterator[tuple[Results, list[str]]]:
        for slug in rng.permutation(list(results)):
            wrong = value_of(results[slug], targets[slug])
            if abs(wrong - results[slug]) > MOVES:
                yield {**results, slug: wrong}, [slug]
                return

    return inject


def two_swapped(
    results: Results, targets: dict[str, Target], rng: np.random.Generator
) -> Iterator[tuple[Results, list[str]]]:
    """Two benchmarks of one kind of metric have each other's score."""
    slugs = [slug for slug in rng.permutation(list(results)) if not targets[slug].lower_is_better]
    for first, second in zip(slugs[::2], slugs[1::2], strict=False):
        if abs(results[first] - results[second]) > MOVES:
            yield {**results, first: results[second], second: results[first]}, [first, second]
            return


FAULTS: dict[str, Fault] = {
    "a zero": one_replaced(lambda score, target: 0.0 if not target.lower_is_better else target.chance),
    "the chance level": one_replaced(lambda score, target: target.chance),
    "percent for a share": one_replaced(lambda score, target: 100 * score),
    "two benchmarks swapped": two_swapped,
}


def injected(recorded: Recorded, families: pd.Series) -> tuple[pd.DataFrame, list[int]]:
    """Tried and found per kind of fault, on models held out whole; and of their own scores, without a fault, how many
    were audited and objected to."""
    rng = np.random.default_rng(0)
    scores, targets = recorded.known.scores, recorded.targets
    measured = scores.index[scores.notna().sum(axis=1) >= AT_LEAST]
    out = sorted(rng.choice(measured, int(HELD_OUT * len(measured)), replace=False))
    known = Known(recorded.known.design.drop(index=out), scores.drop(index=out))
    expectations = Expectations.fit(known, targets, list(targets))
    counts = {kind: [0, 0] for kind in (*FAULTS, "a sibling's row")}
    clean = [0, 0]
    progress = Progress("injected faults", total=len(out))
    for model_id in out:
        design = recorded.known.design_of(str(model_id))
        results = {str(slug): float(score) for slug, score in scores.loc[model_id].dropna().items()}

        def note(kind: str, wrong: Results, slugs: list[str], against: Known, design: pd.Series = design) -> None:
            found = {f.slug for f in audit(wrong, design, against, expectations, targets) if f.objected}
            counts[kind][0] += 1
            counts[kind][1] += bool(found & set(slugs))

        unchanged = audit(results, design, known, expectations, targets)
        clean[0] += len(unchanged)
        clean[1] += sum(finding.objected for finding in unchanged)
        for kind, inject in FAULTS.items():
            for wrong, slugs in inject(results, targets, rng):
                note(kind, wrong, slugs, known)
        siblings = [name for name in known.scores.index if families[name] == families[model_id]]
        row = known.scores.loc[siblings[0]].dropna() if siblings else pd.Series(dtype=float)
        if len(row) >= AT_LEAST:
            note("a sibling's row", {str(k): float(v) for k, v in row.items()}, list(row.index), known)
        progress.advance(model_id)
    rows = [{"fault": kind, "tried": tried, "found": found} for kind, (tried, found) in counts.items()]
    return pd.DataFrame(rows), clean


def main() -> None:
    """Print recall and false alarms."""
    from features.raw import read_raw
    from features.schema import MODELS

    recorded = read_recorded()
    expectations = Expectations.fit(recorded.known, recorded.targets, list(recorded.targets))
    table = audit_recorded(recorded.every, recorded.known, expectations, recorded.targets, recorded.witnesses)
    believed = recorded.known.scores.stack().dropna().index
    doubted = ~pd.MultiIndex.from_frame(table[["model_id", "target"]]).isin(believed)
    confirmed = ~doubted & ((table["witness"] - table["score"]).abs() <= CONFIRMED)
    objected = table["cause"] != ""
    families = read_raw(MODELS).set_index("model_id")["family"]
    faults, clean = injected(recorded, families)
    known_bad = {
        "fault": "recorded and left out as doubtful",
        "tried": doubted.sum(),
        "found": (doubted & objected).sum(),
    }
    faults = pd.concat([pd.DataFrame([known_bad]), faults], ignore_index=True)
    by_range = faults[~faults["fault"].isin(BY_RULE)]
    totals = [
        {"fault": name, "tried": rows["tried"].sum(), "found": rows["found"].sum()}
        for name, rows in (("all kinds together", faults), ("without percent and copies", by_range))
    ]
    faults = pd.concat([faults, pd.DataFrame(totals)], ignore_index=True)
    write_csv(REPORTS / "audit_recall.csv", faults)
    faults["recall"] = [f"{found / tried:.0%}" for found, tried in zip(faults["found"], faults["tried"], strict=True)]
    print(markdown_table([{str(k): v for k, v in row.items()} for row in faults.to_dict("records")]))
    counts = {
        "of models held out whole": (clean[0], clean[1]),
        "recorded, confirmed by a second measurement": (int(confirmed.sum()), int((confirmed & objected).sum())),
        "recorded, all that are believed": (int((~doubted).sum()), int((~doubted & objected).sum())),
    }
    alarms = [
        {"scores": name, "audited": audited, "objected to": wrong, "share": f"{wrong / audited:.1%}"}
        for name, (audited, wrong) in counts.items()
    ]
    print("\n" + markdown_table(alarms))


if __name__ == "__main__":
    run_stage(main)
