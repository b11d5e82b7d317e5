"""Controlled runs beside what the registered predictors claim: for two designs, for one, for a change of a share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from features.controlled import read_controlled
from features.targets import Target, read_targets
from foretell.controlled import SHARES, Agreement, Claim, disagreement, evidence, measured_sentence
from foretell.controlled.curves import ControlledTables, Share
from foretell.controlled.evidence import MEASURED
from foretell.errors import DataError
from pipelines.boundary import LOG
from pipelines.cli.answers import RegisteredAnswer, RegisteredPredictor
from pipelines.cli.compare_designs import Compared
from pipelines.cli.designs import Design

NONE: Mapping[Share, float] = {"pct_code": 0.0, "pct_web": 100.0}  # what one design's share is held against
HEADING = "Controlled runs (they differ in that share alone; other prompts and metrics)"


@dataclass(frozen=True)
class Change:
    """A change of one share, in percent of the training tokens."""

    share: Share
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.share} {self.start:g} to {self.end:g} %"


@dataclass(frozen=True)
class Held:
    """A predictor's claim about a change, held against the `rows` of evidence on its target's benchmark."""

    change: Change
    target: Target
    claim: Claim
    agreement: Agreement
    rows: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; what is not known is None."""
        return {
            **asdict(self.change),
            "benchmark": self.target.slug,
            "claim": {**asdict(self.claim), "direction": self.claim.direction},
            **asdict(self.agreement),
            "runs": rows_as_dicts(self.rows),
        }


def rows_as_dicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of evidence as plain values; NaN becomes None."""
    return [
        {str(name): None if isinstance(value, float) and pd.isna(value) else value for name, value in row.items()}
        for row in rows.to_dict("records")
    ]


def hold(
    predictors: Sequence[RegisteredPredictor], base: Mapping[str, Any], change: Change, rows: pd.DataFrame
) -> list[Held]:
    """Every predictor's claim about `change`, at the design `base` with that share alone changed, against the measured
    rows on its benchmark. Predictors of benchmarks that no row is about are left out."""
    targets = read_targets()
    held = []
    for registered in predictors:
        target = targets[registered.predictor.card.benchmark]
        about = rows[rows["benchmark"] == target.benchmark]
        if about.empty:
            continue
        before, after = ({**base, change.share: share} for share in (change.start, change.end))
        difference = registered.predictor.compare(before, after).difference
        claim = Claim(difference.difference, difference.low, difference.high, target.lower_is_better, target.chance)
        held.append(Held(change, target, claim, disagreement(claim, about), about))
    return held


def held_for_designs(compared: Sequence[Compared], first: Design, second: Design) -> dict[str, list[Held]]:
    """Target -> claims against controlled runs, one per share of code or web text that both designs give and that
    differs. The claim is about that share alone: the first design's, with its other shares left out where the designs
    differ in more (the shares of a mixture cannot change one by one)."""
    changes = [
        Change(share, float(first.values[share]), float(second.values[share]))
        for share in SHARES
        if _known(first, share) and _known(second, share) and first.values[share] != second.values[share]
    ]
    found: dict[str, list[Held]] = {}
    if not changes:
        return found
    tables = _tables()
    if tables is None:
        return found
    for change in changes:
        shares = set(compared[0].by.predictor.card.encoding.shares)
        rest = {name: value for name, value in first.values.items() if name != change.share}
        alone = rest == {name: value for name, value in second.values.items() if name != change.share}
        base = rest if alone else {name: value for name, value in rest.items() if name not in shares}
        rows = evidence(tables, change.share, change.start, change.end)
        for held in hold([target.by for target in compared], base, change, rows):
            found.setdefault(held.target.slug, []).append(held)
    return found


def _tables() -> ControlledTables | None:
    """The tables, or None with a warning where they were not pulled: a prediction does not depend on them."""
    try:
        return read_controlled()
    except DataError as error:
        LOG.warning(f"controlled runs are not shown: {error}")
        return None


def _known(design: Design, share: Share) -> bool:
    return not pd.isna(design.values.get(share))


def controlled_block(held: Mapping[str, Sequence[Held]]) -> list[str]:
    """The lines under a table of comparisons: one per target and share with evidence; none where there is none."""
    lines = [
        f"  {one.target.title}, {one.change}: {one.agreement.verdict}. {one.agreement.sentence}"
        for several in held.values()
        for one in several
        if one.agreement.measured != "not measured"
    ]
    return [f"{HEADING}:", *lines] if lines else []


def measured_for_answer(answer: RegisteredAnswer, given: Mapping[str, Any], tables: ControlledTables) -> list[str]:
    """What controlled runs measured for the shares that the words on an answer name: from no code, or from web text
    alone, to the design's share."""
    benchmark = read_targets()[answer.answer.benchmark].benchmark
    lines = []
    for share in SHARES:
        named = any(f"{share} " in sentence for sentence in answer.answer.words)
        value = given.get(share)
        if not named or value is None or value == NONE[share]:
            continue
        rows = evidence(tables, share, NONE[share], float(value))
        rows = rows[(rows["benchmark"] == benchmark) & rows["sign"].isin(MEASURED)]
        if not rows.empty:
            lines.append(f"Controlled runs, {share} {NONE[share]:g} to {value:g} %: {measured_sentence(rows)}.")
    return lines


def measured_for_answers(answers: Sequence[RegisteredAnswer], given: Mapping[str, Any]) -> dict[str, list[str]]:
    """`measured_for_answer` of every answer that has any, by benchmark; empty where the design gives neither share."""
    if not any(given.get(share) is not None for share in SHARES):
        return {}
    tables = _tables()
    if tables is None:
        return {}
    lines = {answer.answer.benchmark: measured_for_answer(answer, given, tables) for answer in answers}
    return {benchmark: found for benchmark, found in lines.items() if found}


def reference_design(rows: pd.DataFrame, params: float | None, tokens: float | None) -> dict[str, float]:
    """The size and tokens that claims are made at: those given, or of the largest run that measured the change. Raises
    DataError where no run measured it and one of them is not given."""
    measured = rows[rows["sign"].isin(MEASURED)]
    if measured.empty and (params is None or tokens is None):
        raise DataError("no controlled run measured this change; --params and --tokens say what to predict it for")
    largest = measured.sort_values(["total_params", "tokens"]).iloc[-1] if len(measured) else None
    chosen = [
        float(given if given is not None else largest[column])  # type: ignore[index]
        for given, column in ((params, "total_params"), (tokens, "tokens"))
    ]
    return {"total_params": chosen[0], "tokens_billions": chosen[1] / 1e9}
