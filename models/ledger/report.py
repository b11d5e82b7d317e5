"""The ledger in words and tables (Markdown): calibration over time, and what the replay said and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from foretell.markdown import markdown_table
from models.ledger.replay import SOURCE, farthest_outside
from models.ledger.scores import ALL

N_FARTHEST = 15
TITLE = "What foretell would have said, and what came"
NOTHING = "No cut-off leaves enough models on both sides: nothing could be replayed."
REGISTERED_SOURCE = "registered"
MEANING = """\
*Inside* is the share of measured scores that lay in the interval, to be held against its nominal level, with the 95 %
Wilson interval of that share; one model's scores on many benchmarks are not independent, so that it is narrow.
The interval score (Winkler) is the width plus 2 / (1 - level) times the distance by which a score lay outside; the CRPS
compares the score with the two-piece normal that forecast and interval state. Lower is better for both, and both are in
the unit of the scores.""".replace("\n", " ")
HINDSIGHT = """\
Each forecast was made with models released before its quarter alone: features, settings, blend and interval were chosen
on those. Two things were known later than the replay pretends: the facts about designs are those recorded today, and
scores of older models count from the month the model was released, also where they were measured after it.""".replace(
    "\n", " "
)


def calibration_table(table: pd.DataFrame) -> str:
    """Calibration over time, as `models.ledger.scores.calibration` gives it, in Markdown ("" where it has no row)."""
    rows = [
        {
            "period": row["period"],
            "models": row["n_models"],
            "scores": row["n"],
            "nominal": f"{row['level']:.0%}",
            "inside": f"{row['inside']:.1%}",
            "95 % interval": f"{row['inside_low']:.1%} to {row['inside_high']:.1%}",
            **_means(row),
        }
        for row in table.to_dict("records")
    ]
    return markdown_table(rows, right=set(rows[0]) - {"period"}) if rows else ""


def _means(row: Mapping[Any, Any]) -> dict[str, str]:
    return {"MAE": f"{row['mae']:.3f}", "interval score": f"{row['interval_score']:.3f}", "CRPS": f"{row['crps']:.3f}"}


def calibration_words(table: pd.DataFrame, source: str) -> str:
    """One sentence on whether the intervals of `source` hold ("" where the table has no row of it)."""
    whole = table[(table["source"] == source) & (table["period"] == ALL)]
    if whole.empty:
        return ""
    row = whole.iloc[0]
    low, high = row["inside_low"], row["inside_high"]
    if low <= row["level"] <= high:
        verdict = "which agrees with it"
    else:
        verdict = "so they are too narrow" if high < row["level"] else "so they are wider than they need to be"
    return (
        f"Of {row['n']:.0f} scores of {row['n_models']:.0f} models, {row['inside']:.1%} lay inside their interval "
        f"(nominal {row['level']:.0%}; {low:.1%} to {high:.1%}), {verdict}. Mean absolute error: {row['mae']:.3f}."
    )


def calibration_page(table: pd.DataFrame, figure: str, verdicts: Mapping[str, tuple[int, int]]) -> str:
    """The report of the ledger: a section per source, `figure` (a file beside the page), and how the verdicts against
    rivals turned out (`verdicts_kept`)."""
    parts = ["# Forecasts on record", MEANING, f"![share inside by quarter]({figure})"]
    for source, heading in ((REGISTERED_SOURCE, "Registered forecasts"), (SOURCE, "The replay of past releases")):
        own = table[table["source"] == source]
        words = calibration_words(table, source) or "None is settled yet."
        parts += [f"## {heading}", words, calibration_table(own)]
        if source == REGISTERED_SOURCE:
            parts.append(_verdict_words(verdicts))
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict_words(verdicts: Mapping[str, tuple[int, int]]) -> str:
    known = [f"{verdict}: {won} of {n} won" for verdict, (n, won) in verdicts.items() if n]
    return f"Against rivals, by what was said before: {'; '.join(known)}." if known else ""


def replay_page(rows: pd.DataFrame, table: pd.DataFrame, titles: Mapping[str, str], figure: str) -> str:
    """What foretell would have said each quarter, and what came.

    Args:
        rows: as `models.ledger.replay.replay` gives them.
        table: their calibration, with that of registered forecasts where there are any.
        titles: a target's slug -> its title.
        figure: the figure's file, beside the page.
    """
    cutoffs = list(dict.fromkeys(rows["cutoff"]))
    registered = _registered_section(table)
    if not cutoffs:
        return "\n\n".join([f"# {TITLE}", NOTHING, *registered]) + "\n"
    parts = [
        f"# {TITLE}",
        f"{len(cutoffs)} cut-offs from {cutoffs[0]} to {cutoffs[-1]}; every model released afterwards was forecast "
        f"once, at the last cut-off before it. {calibration_words(table, SOURCE)}",
        HINDSIGHT,
        f"![forecasts against what came]({figure})",
        "## By quarter",
        MEANING,
        calibration_table(table[table["source"] == SOURCE]),
        "## By benchmark",
        _grouped(rows.assign(target=rows["target"].map(titles)), "target", "benchmark"),
        "## By verdict",
        _grouped(rows, "support", "verdict"),
        "## Farthest outside",
        _farthest(rows, titles),
        *registered,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _registered_section(table: pd.DataFrame) -> list[str]:
    own = table[table["source"] == REGISTERED_SOURCE]
    if own.empty:
        return []
    words = calibration_words(table, REGISTERED_SOURCE)
    return ["## Registered forecasts that are settled", words, calibration_table(own)]


def _grouped(rows: pd.DataFrame, key: str, heading: str) -> str:
    means = rows.groupby(key, sort=False).agg(
        models=("model_id", "nunique"),
        scores=("error", "count"),
        inside=("inside", "mean"),
        mae=("error", "mean"),
        interval_score=("interval_score", "mean"),
        crps=("crps", "mean"),
    )
    cells: list[dict[str, object]] = [
        {
            heading: str(name),
            "models": row["models"],
            "scores": row["scores"],
            "inside": f"{row['inside']:.1%}",
            **_means(row),
        }
        for name, row in zip(means.index, means.to_dict("records"), strict=True)
    ]
    return markdown_table(sorted(cells, key=lambda cell: str(cell[heading])), right=set(cells[0]) - {heading})


def _farthest(rows: pd.DataFrame, titles: Mapping[str, str]) -> str:
    farthest: Sequence[Mapping[str, object]] = [
        {
            "model": row["model_id"],
            "benchmark": titles[row["target"]],
            "cut-off": row["cutoff"],
            "predicted": f"{row['predicted']:.3f}",
            "interval": f"{row['low']:.3f} to {row['high']:.3f}",
            "came": f"{row['actual']:.3f}",
            "support": row["support"],
        }
        for row in farthest_outside(rows, N_FARTHEST).to_dict("records")
    ]
    return markdown_table(farthest, right={"predicted", "interval", "came"}) if farthest else "No score lay outside."
