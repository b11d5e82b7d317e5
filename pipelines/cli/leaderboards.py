"""What `foretell add-leaderboard` does: a table of Open LLM Leaderboard v1 or v2 becomes scores, and witnesses of the
scores that are recorded already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.contribution import cells, score_rows
from features.raw import read_text
from features.schema import MODELS, SCORES, WITNESSES
from features.score_selection import complete
from features.targets import Target, read_targets
from foretell.errors import DataError
from pipelines.cli.contributions import NEXT, append_rows
from pipelines.cli.score_files import recorded_keys

# A column's name, in lower-case letters and digits -> target and subtask. The second leaderboard rescales the columns
# without "Raw" so that chance is 0; for a mean over tasks of different chance levels that cannot be undone.
VERSIONS: tuple[dict[str, tuple[str, str]], ...] = (
    {
        "arc": ("arc_challenge_norm_25shot", "arc_challenge"),
        "hellaswag": ("hellaswag_norm_10shot", "hellaswag"),
        "mmlu": ("mmlu_5shot", "mmlu"),
        "truthfulqa": ("truthfulqa_mc2_0shot", "truthfulqa_mc2"),
        "winogrande": ("winogrande_5shot", "winogrande"),
        "gsm8k": ("gsm8k_plain_5shot", "gsm8k"),
    },
    {
        "ifevalraw": ("ifeval_0shot", "leaderboard_ifeval"),
        "bbhraw": ("bbh_3shot", "leaderboard_bbh"),
        "mathlvl5raw": ("math_hard_4shot", "leaderboard_math_hard"),
        "gpqaraw": ("gpqa_0shot", "leaderboard_gpqa"),
        "musrraw": ("musr_0shot", "leaderboard_musr"),
        "mmluproraw": ("mmlu_pro_5shot", "leaderboard_mmlu_pro"),
    },
)
MODEL_COLUMNS = ("model", "modelid", "modelname", "fullname")


@dataclass(frozen=True)
class Origin:
    """Where a leaderboard's scores come from: who measured, when (YYYY-MM-DD), in which number format ("" unknown)."""

    source: str
    date: str
    precision: str = ""


@dataclass(frozen=True)
class Cell:
    """One score of a leaderboard, as a fraction."""

    model_id: str
    benchmark: str
    subtask: str
    n_shot: int
    metric: str
    score: float


def add_leaderboard(path: Path, origin: Origin, scale: str, dry_run: bool) -> None:
    """Append a leaderboard's scores and witnesses; models that are not recorded are named and skipped."""
    targets = read_targets(Path())
    table, columns = _read(path)
    factor = _factor(path, table, list(columns.values()), scale)
    known = {str(name) for name in read_text(MODELS)["model_id"]}
    names = [str(name) for name in table["model"]]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"  skipped, not in {MODELS.path}: {', '.join(unknown)}")
    scores: list[dict[str, str]] = []
    witnesses: list[dict[str, str]] = []
    for row in table[table["model"].isin(known)].to_dict("records"):
        new = _cells(row, columns, targets, factor)
        recorded = recorded_keys(str(row["model"]))
        for cell in new:
            key = (cell.benchmark, cell.subtask, cell.n_shot, cell.metric)
            if key not in recorded and key in complete([key], recorded, targets)[0]:
                lineage = {"source": origin.source, "date": origin.date, "precision": origin.precision}
                scores += score_rows(cell.model_id, [{**asdict(cell), **lineage}])
            else:
                role = "mean" if cell.subtask in _whole(targets, cell.benchmark) else cell.subtask
                values = {**asdict(cell), "subtask": role, "source": origin.source, "date": origin.date}
                witnesses.append(cells(WITNESSES, {**values, "same_setting": True}))
    witnesses = _new_witnesses(witnesses)
    if not scores and not witnesses:
        raise DataError(f"{path}: nothing to add: every score of a recorded model is there already from this source")
    append_rows({SCORES: scores, WITNESSES: witnesses}, "", dry_run)
    print(f"{'would add' if dry_run else 'added'} {len(scores)} scores and {len(witnesses)} witnesses")
    if not dry_run:
        print(NEXT.format(paths=f"{SCORES.path} {WITNESSES.path}"))


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    # The table, with the model's column called `model`, and (canonical name -> its name) of the six columns.
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable CSV table ({error})") from None
    names = {re.sub("[^a-z0-9]", "", str(name).lower()): str(name) for name in table.columns}
    model = next((names[name] for name in MODEL_COLUMNS if name in names), None)
    if model is None:
        raise DataError(f"{path}: no column `model`; it has {', '.join(map(str, table.columns))}")
    for version in VERSIONS:
        if set(version) <= set(names):
            table = table.rename(columns={model: "model"})
            double = table.loc[table["model"].duplicated(), "model"]
            if len(double):
                raise DataError(f"{path}: {double.iloc[0]} has several rows; keep the one to be recorded")
            return table, {name: names[name] for name in version}
    raise DataError(
        f"{path}: expected the columns ARC, HellaSwag, MMLU, TruthfulQA, Winogrande, GSM8K (v1), or IFEval Raw, "
        "BBH Raw, MATH Lvl 5 Raw, GPQA Raw, MUSR Raw, MMLU-PRO Raw (v2; its other columns are rescaled by chance)"
    )


def _factor(path: Path, table: pd.DataFrame, columns: list[str], scale: str) -> float:
    # Percent or fraction: multiple choice scores of at most 1 percent do not exist, so the largest value tells.
    values = table[columns].replace("", "nan").apply(pd.to_numeric, errors="coerce")
    bad = values.isna() & ~table[columns].isin(["", "nan", "NaN"])
    if bad.to_numpy().any():
        row, column = next((r, c) for c in columns for r in table.index[bad[c]])
        raise DataError(f"{path}: line {row + 2}, column {column}: {table.loc[row, column]!r} is not a number")
    largest = float(values.max(axis=None))
    certain = "percent" if largest > 1 else "fraction"
    if scale not in ("", "percent", "fraction"):
        raise DataError(f"--scale {scale}: expected percent or fraction")
    if scale and scale != certain:
        raise DataError(f"{path}: --scale {scale}, but the largest score is {largest:g}: that is {certain}")
    return 0.01 if certain == "percent" else 1.0


def _cells(row: Mapping[Any, Any], columns: dict[str, str], targets: dict[str, Target], factor: float) -> list[Cell]:
    mapping = {**VERSIONS[0], **VERSIONS[1]}
    found = []
    for name, column in columns.items():
        slug, subtask = mapping[name]
        if str(row[column]).lower() in ("", "nan"):
            print(f"  left out: {row['model']}, {column}: empty")
            continue
        target = targets[slug]
        score = round(float(row[column]) * factor, 6)
        found.append(Cell(row["model"], target.benchmark, subtask, target.n_shot, target.metric, score))
    return found


def _whole(targets: dict[str, Target], benchmark: str) -> set[str]:
    return {name for target in targets.values() if target.benchmark == benchmark for name in target.whole}


def _new_witnesses(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those whose key no recorded witness has, and that do not repeat a recorded score of the same source."""
    keys = set(map(tuple, read_text(WITNESSES)[list(WITNESSES.key)].to_numpy().tolist()))
    scores = read_text(SCORES)
    key = list(WITNESSES.key)
    keys |= set(map(tuple, scores[key].to_numpy().tolist()))
    wholes = scores[scores["subtask"] == scores["benchmark"]].assign(subtask="mean")
    keys |= set(map(tuple, wholes[key].to_numpy().tolist()))
    return [row for row in rows if tuple(row[name] for name in key) not in keys]
