"""The study of controlled runs: what each change of a share did to every task that a target measures, as tables."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from foretell.controlled.agreement import measured_direction
from foretell.controlled.curves import SHARES, ControlledTables, curves
from foretell.controlled.evidence import EFFECT_COLUMNS, effect_of, evidence

CODE_CHANGES = ((0.0, 20.0), (20.0, 50.0), (50.0, 80.0), (0.0, 50.0), (60.0, 90.0))
WEB_CHANGES = ((40.0, 80.0), (85.0, 100.0))
LEVEL = 0.95


def study_controlled(tables: ControlledTables) -> dict[str, pd.DataFrame]:
    """Name -> table: `points` (every measured score with its error), `code_share` and `web` (evidence on the changes
    above, of every task), `web_range` (each web curve over the whole range that it measures), `together` (what the runs
    say of each benchmark and change)."""
    effects = {
        name: pd.concat([_asked(tables, share, change) for change in changes], ignore_index=True)
        for name, share, changes in (("code_share", "pct_code", CODE_CHANGES), ("web", "pct_web", WEB_CHANGES))
    }
    whole = [
        asdict(effect_of(curve, float(curve.shares[0]), float(curve.shares[-1]), LEVEL))
        for curve in curves(tables, "pct_web")
    ]
    return {
        "points": points_table(tables),
        **effects,
        "web_range": pd.DataFrame(whole, columns=list(EFFECT_COLUMNS)),
        "together": together(pd.concat(effects.values(), ignore_index=True)),
    }


def _asked(tables: ControlledTables, share: str, change: tuple[float, float]) -> pd.DataFrame:
    known = next(name for name in SHARES if name == share)
    rows = evidence(tables, known, *change, LEVEL)
    rows.insert(0, "share", share)
    rows.insert(1, "asked_from", change[0])
    rows.insert(2, "asked_to", change[1])
    return rows


def points_table(tables: ControlledTables) -> pd.DataFrame:
    """One row per curve and measured share: study, replaced text, size, task, share, score and standard error."""
    rows = [
        {"share": name, **{column: getattr(curve, column) for column in (*EFFECT_COLUMNS[:7], "unit")}, "percent": at,
         "score": score, "stderr": error}
        for name in SHARES
        for curve in curves(tables, name)
        for at, score, error in zip(curve.shares, curve.scores, curve.stderrs, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def together(effects: pd.DataFrame) -> pd.DataFrame:
    """What the runs say of each benchmark and change: the direction, the range of the effects, and how many rows."""
    about = effects[effects["benchmark"] != ""]
    rows = []
    for (share, start, end, benchmark), several in about.groupby(["share", "asked_from", "asked_to", "benchmark"]):
        measured = several[several["effect"].notna()]
        rows.append(
            {"share": share, "asked_from": start, "asked_to": end, "benchmark": benchmark,
             "measured": measured_direction(several), "lowest": measured["effect"].min(),
             "highest": measured["effect"].max(), "n_measured": len(measured), "n_all": len(several)}
        )  # fmt: skip
    return pd.DataFrame(rows)
