"""What came of a forecast: its scores as they were measured, and how far the forecast was off. The record itself stays
as it is; what came stands beside it and names the record by its hash."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from foretell.errors import DataError
from models.ledger.entries import LOSE, RECORDED, UNCERTAIN, WIN, Forecast, Outlook, TargetForecast
from models.ledger.scores import SCORED, scored

FORMAT = 1
TIE = "tie"
TARGET_COLUMNS = ("target", "benchmark")


@dataclass(frozen=True)
class Measured:
    """A measured score, and the day it was measured or published ("" = not said)."""

    score: float
    date: str = ""


@dataclass(frozen=True)
class RivalOutcome:
    """What was said about a rival, its score (None while it is not known), and the outcome: win, lose or tie."""

    verdict: str
    score: float | None
    outcome: str | None


@dataclass(frozen=True)
class SettledTarget:
    """One target's measured `score`, its `date` ("" = not given), the day it was `settled`, the forecast's absolute
    `error`, whether the score lay `inside` the interval, the interval score (Winkler) and the CRPS, in the unit of the
    score; `rivals` by name."""

    score: float
    date: str
    settled: str
    error: float
    inside: bool
    interval_score: float
    crps: float
    rivals: Mapping[str, RivalOutcome]


@dataclass(frozen=True)
class Settlement:
    """What came of the forecast `name`, whose record has the hash `forecast_sha256`; `targets` by slug."""

    name: str
    forecast_sha256: str
    targets: Mapping[str, SettledTarget]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: str) -> Settlement:
        """The inverse of `to_dict`; `path` is where `values` were read. Raises DataError for another format."""
        if values.get("format") != FORMAT:
            raise DataError(f"{path}: format {values.get('format')!r}; this foretell reads format {FORMAT}")
        try:
            targets = {
                slug: SettledTarget(
                    **{**row, "rivals": {name: RivalOutcome(**rival) for name, rival in row["rivals"].items()}}
                )
                for slug, row in values["targets"].items()
            }
            return cls(values["name"], values["forecast_sha256"], targets)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"{path}: not a settled forecast ({type(error).__name__}: {error})") from None


def measured_scores(table: pd.DataFrame, forecast: Forecast, path: str, today: date) -> dict[str, Measured]:
    """The measured scores in a table read as text from `path`: columns target (or benchmark), score, and if wanted
    date.

    Raises DataError, naming file and row, for a missing column, a target that was not forecast or is there twice, a
    score that is no number or impossible on its target, and a date that is none, lies in the future, or before the day
    on which the forecast was registered.
    """
    column = next((name for name in TARGET_COLUMNS if name in table), None)
    if column is None or "score" not in table or not len(table):
        raise DataError(
            f"{path}: columns {', '.join(map(str, table.columns)) or 'none'}, {len(table)} rows; expected the columns "
            "target, score and if wanted date, with one row per measured target"
        )
    scores: dict[str, Measured] = {}
    for number, row in enumerate(table.to_dict("records"), start=2):
        where, slug = f"{path}, line {number}", str(row[column]).strip()
        if slug not in forecast.targets:
            raise DataError(f"{where}: {_not_forecast(slug, forecast)}")
        if slug in scores:
            raise DataError(f"{where}: target {slug} is there twice; give each measured score once")
        score = _possible_score(str(row["score"]), forecast.targets[slug], f"{where}: {slug}")
        given = row.get("date")
        dated = "" if given is None or pd.isna(given) else str(given).strip()
        scores[slug] = Measured(score, _possible_date(dated, forecast, f"{where}: {slug}", today) if dated else "")
    return scores


def _not_forecast(slug: str, forecast: Forecast) -> str:
    close = difflib.get_close_matches(slug, forecast.targets, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"target {slug!r} was not forecast for {forecast.name}; there are: {', '.join(forecast.targets)}{hint}"


def _possible_score(text: str, target: TargetForecast, where: str) -> float:
    lowest, highest = target.bounds
    try:
        score = float(text)
    except ValueError:
        raise DataError(f"{where}: score {text!r} is not a number") from None
    if not (math.isfinite(score) and lowest <= score <= highest):
        percent = highest < score <= 100 * highest
        hint = f"; a percentage? Scores are fractions: write {score / 100:g}" if percent else ""
        raise DataError(f"{where}: score {score:g} is not between {lowest:g} and {highest:g} ({target.metric}){hint}")
    return score


def _possible_date(text: str, forecast: Forecast, where: str, today: date) -> str:
    try:
        measured = date.fromisoformat(text)
    except ValueError:
        raise DataError(f"{where}: date {text!r}; expected a day like 2026-11-28") from None
    registered = date.fromisoformat(forecast.registered[:10])
    if measured < registered:
        raise DataError(
            f"{where}: the score is of {text}, the forecast was registered on {registered}: a score that was known "
            "before is no test of it"
        )
    if measured > today:
        raise DataError(f"{where}: date {text} lies in the future (today is {today})")
    return text


def settle(
    forecast: Forecast,
    forecast_sha256: str,
    scores: Mapping[str, Measured],
    others: Mapping[str, Settlement],
    before: Settlement | None,
    today: date,
) -> Settlement:
    """The settlement of `forecast` with `scores` (by target), added to what was settled `before`.

    `others` are the settlements of other forecasts, by the hash of their records, for rivals that are forecasts
    themselves. Targets settled before keep their numbers and days; the outcomes against rivals that have been settled
    meanwhile are filled in.

    Raises DataError where a target was settled with another score, and where `before` belongs to another record.
    """
    if before is not None and before.forecast_sha256 != forecast_sha256:
        raise DataError(
            f"{forecast.name}: what is settled names the record {before.forecast_sha256[:16]}..., the record has "
            f"{forecast_sha256[:16]}...: it was replaced; `git log` of the record shows when"
        )
    known = dict(before.targets) if before is not None else {}
    for slug, measured in scores.items():
        if slug in known and known[slug].score != measured.score:
            raise DataError(
                f"{forecast.name}: {slug} was settled with {known[slug].score:g} on {known[slug].settled}, now "
                f"{measured.score:g} is given; what is settled stays: leave the row out"
            )
    rows = {}
    for slug, target in forecast.targets.items():
        if slug not in known and slug not in scores:
            continue
        row = known.get(slug) or _settled(target, scores[slug], today)
        outcomes = {
            name: _outcome(outlook, _rival_score(slug, outlook, others), row.score, target.lower_is_better)
            for name, outlook in target.rivals.items()
        }
        rows[slug] = replace(row, rivals=outcomes)
    return Settlement(forecast.name, forecast_sha256, rows)


def _settled(target: TargetForecast, measured: Measured, today: date) -> SettledTarget:
    ends = {"predicted": target.point, "low": target.low, "high": target.high, "level": target.level}
    figures = scored(pd.DataFrame([{**ends, "actual": measured.score}])).iloc[0]
    return SettledTarget(
        score=measured.score,
        date=measured.date,
        settled=today.isoformat(),
        error=float(figures["error"]),
        inside=bool(figures["inside"]),
        interval_score=float(figures["interval_score"]),
        crps=float(figures["crps"]),
        rivals={},
    )


def _rival_score(slug: str, outlook: Outlook, others: Mapping[str, Settlement]) -> float | None:
    if outlook.kind == RECORDED:
        return outlook.score
    other = others.get(outlook.rival_sha256)
    return other.targets[slug].score if other is not None and slug in other.targets else None


def _outcome(outlook: Outlook, rival: float | None, score: float, lower_is_better: bool) -> RivalOutcome:
    if rival is None:
        return RivalOutcome(outlook.verdict, None, None)
    if score == rival:
        return RivalOutcome(outlook.verdict, rival, TIE)
    return RivalOutcome(outlook.verdict, rival, WIN if (score > rival) != lower_is_better else LOSE)


def settled_rows(forecasts: Mapping[str, tuple[Forecast, Settlement]], source: str) -> pd.DataFrame:
    """One row per settled target, ready for `calibration`: source, target, model_id (the forecast's name), day (of the
    score, else of its settlement), support, level, actual, predicted, low, high, error, inside, interval_score, crps.
    `forecasts` by slug."""
    rows = []
    for forecast, settlement in forecasts.values():
        for slug, row in settlement.targets.items():
            target = forecast.targets[slug]
            said = {"support": target.support, "level": target.level, "predicted": target.point}
            ends = {"low": target.low, "high": target.high, "actual": row.score}
            about = {"source": source, "target": slug, "model_id": forecast.name, "day": row.date or row.settled}
            rows.append({**about, **said, **ends, **{name: getattr(row, name) for name in SCORED}})
    columns = ["source", "target", "model_id", "day", "support", "level", "predicted", "low", "high", "actual", *SCORED]
    return pd.DataFrame(rows, columns=columns)


def verdicts_kept(settlements: Mapping[str, Settlement]) -> dict[str, tuple[int, int]]:
    """Of each verdict against rivals (win, lose, uncertain): (how many have an outcome, how many of them are wins)."""
    counts = dict.fromkeys((WIN, LOSE, UNCERTAIN), (0, 0))
    for settlement in settlements.values():
        for row in settlement.targets.values():
            for rival in row.rivals.values():
                if rival.outcome is not None:
                    known, won = counts[rival.verdict]
                    counts[rival.verdict] = known + 1, won + (rival.outcome == WIN)
    return counts
