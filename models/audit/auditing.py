"""Auditing one model's results: which scores are objected to, by how much, and what is likely behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import pandas as pd

from features.targets import Target
from models.audit.causes import Case, all_guesses, copied_from, likeliest_cause, looks_guessed
from models.audit.expectation import Expectation, Expectations, Expected, Known

CONFIRMED = 0.02  # how near a second measurement must be
EVERY_RUN = "at chance on everything: broken checkpoint or tokenizer"


@dataclass(frozen=True)
class Finding:
    """One audited score: `low` and `high` are the 0.5 % and 99.5 % points of what is expected from the design and the
    other scores; `distance` is how far beyond the nearer one it lies, in mean misses (0: inside); `cause` is "" where
    nothing is objected to; `witness` is another measurement with the same settings (None: there is none)."""

    slug: str
    score: float
    expected: float
    low: float
    high: float
    distance: float
    cause: str
    witness: float | None = None

    @property
    def confirmed(self) -> bool:
        """Whether another measurement with the same settings gave (nearly) the same."""
        return self.witness is not None and abs(self.score - self.witness) <= CONFIRMED

    @property
    def objected(self) -> bool:
        """Whether the score is not believed."""
        return bool(self.cause) and not self.confirmed


def audit(
    results: Mapping[str, float],
    design: pd.Series,
    known: Known,
    expectations: Expectations,
    targets: Mapping[str, Target],
    witnesses: Mapping[str, float] | None = None,
) -> list[Finding]:
    """Audit one model's `results` (slug -> score). `design` is its row of `describe`; neither `known` nor what the
    expectations were fitted on may hold the model itself. `witnesses`: slug -> another measurement."""
    own = pd.Series(results, dtype=float)
    believable = own[[slug for slug in own.index if targets[slug].low <= own[slug] <= targets[slug].high]]
    by_all = {slug: expectations.by_all[slug].of(design, believable.drop(slug, errors="ignore")) for slug in results}
    by_design = {slug: expectations.by_design[slug].of(design, own.iloc[:0]) for slug in results}
    found = _findings(results, by_all, by_design, expectations, known, targets)
    return [replace(finding, witness=(witnesses or {}).get(finding.slug)) for finding in found]


def _findings(
    results: Mapping[str, float],
    by_all: Mapping[str, Expected],
    by_design: Mapping[str, Expected],
    expectations: Expectations,
    others: Known,
    targets: Mapping[str, Target],
) -> list[Finding]:
    copied = bool(copied_from(results, others.scores))
    guesses = all_guesses(results, by_design, targets)
    findings = []
    for slug, score in results.items():
        target, expected = targets[slug], by_all[slug]
        limits = expectations.guess_limits if looks_guessed(score, target) else expectations.limits
        beyond = max(_beyond(score, expected, limits["all"]), _beyond(score, by_design[slug], limits["design"]))
        impossible = not target.low <= score <= target.high
        cause = EVERY_RUN if guesses else ""
        if not guesses and (beyond > 0 or impossible or copied):
            cause = likeliest_cause(Case(target, targets, results, by_all, others.scores))
        low, high = (expected.score + limit * expected.spread for limit in expectations.limits["all"])
        findings.append(
            Finding(slug, score, expected.score, max(low, target.low), min(high, target.high), beyond, cause)
        )
    return findings


def audit_recorded(
    every: pd.DataFrame,
    known: Known,
    expectations: Expectations,
    targets: Mapping[str, Target],
    witnesses: Mapping[tuple[str, str], float],
) -> pd.DataFrame:
    """Audit all recorded scores, each against trees that did not see it. `every`: all recorded scores, doubtful ones
    included (index model_id, columns slugs); `known` holds the believed ones, on which the expectations were fitted.
    Columns: model_id, target, score, expected, low, high, distance, cause, witness; every score has a row."""
    rows = []
    for model_id, scores in every.iterrows():
        results = {str(slug): float(score) for slug, score in scores.dropna().items()}
        seen = {slug for slug in results if model_id in expectations.by_all[slug].held_out.index}
        by_all = {slug: _held_out(expectations.by_all[slug], str(model_id)) for slug in seen}
        by_design = {slug: _held_out(expectations.by_design[slug], str(model_id)) for slug in seen}
        for slug in results.keys() - seen:
            design, own = known.design_of(str(model_id)), pd.Series(results, dtype=float).drop(slug)
            by_all[slug] = expectations.by_all[slug].of(design, own)
            by_design[slug] = expectations.by_design[slug].of(design, own.iloc[:0])
        others = known.without(str(model_id))
        for finding in _findings(results, by_all, by_design, expectations, others, targets):
            witness = witnesses.get((str(model_id), finding.slug), float("nan"))
            row = {"model_id": str(model_id), **asdict(finding), "witness": witness}
            rows.append({"target" if name == "slug" else name: value for name, value in row.items()})
    return pd.DataFrame(rows)


def _held_out(expectation: Expectation, model_id: str) -> Expected:
    row = expectation.held_out.loc[[model_id]].iloc[0]
    return Expected(float(row["expected"]), float(row["spread"]))


def _beyond(score: float, expected: Expected, limits: tuple[float, float]) -> float:
    """How far the score lies beyond the nearer limit, in spreads; 0 inside."""
    z = (score - expected.score) / expected.spread
    return max(limits[0] - z, z - limits[1], 0.0)
