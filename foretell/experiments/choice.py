"""How choice accuracy rises over the checkpoints of a run: through lower losses of the right options, through higher
losses of the wrong ones, or through the gap between them (Xia et al. 2023, section 6). From losses of every option to
`choice_split`, and the verdict over many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from foretell.arrays import Floats, fraction
from foretell.errors import DataError
from foretell.trajectories.steering import ChoiceSplit, choice_split
from foretell.trajectories.verdict import NOT_TESTABLE, XIA, Finding, verdict

COLUMNS = ("step", "item", "option", "is_right", "loss_nats_per_token")
MINIMUM_CHECKPOINTS = 5  # of a run, for an R-squared over them to say anything
CLAIM = (
    "Choice accuracy improves through the gap between right and wrong options' losses, not through lower losses of "
    "wrong or right options alone."
)


@dataclass(frozen=True)
class ChoiceLosses:
    """What `choice_split` takes: `steps` (n_checkpoints,), increasing; `right_nats` (n_checkpoints, n_items), the loss
    per token of each item's best right option; `wrong_nats` (n_checkpoints, n_items, n_wrong)."""

    steps: Floats
    right_nats: Floats
    wrong_nats: Floats


def choice_losses(table: pd.DataFrame) -> ChoiceLosses:
    """One run's option losses (COLUMNS, and `task` where items are numbered within tasks; one row per step, item and
    option) as arrays.

    Where items differ in their number of wrong options, a missing one is filled with the mean of the item's wrong
    options, which changes neither the item's best wrong loss nor its mean. Raises DataError on missing columns, an
    option that is there twice or not at every step, or an item without a right and a wrong option.
    """
    missing = sorted(set(COLUMNS) - set(table.columns))
    if missing or table.empty:
        raise DataError(f"option losses: {f'no columns {missing}' if missing else 'no rows'}; expected {list(COLUMNS)}")
    key = ["task", "item"] if "task" in table.columns else ["item"]
    options = table.set_index(["step", *key, "is_right", "option"]).loss_nats_per_token
    if options.index.duplicated().any():
        raise DataError(f"option losses: an option is there twice, at {options.index[options.index.duplicated()][0]}")
    wide = options.unstack("step").sort_index(axis=1).sort_index()
    if wide.isna().to_numpy().any():
        where = wide.index[wide.isna().any(axis=1)][0]
        raise DataError(f"option losses: (item, is_right, option) {where} is not there at every step")
    is_right = wide.index.get_level_values("is_right").to_numpy(dtype=bool)
    right = wide[is_right].groupby(level=key).min()
    wrong = wide[~is_right].groupby(level=key)
    means = wrong.mean()
    if len(right) == 0 or not means.index.equals(right.index):
        raise DataError("option losses: every item needs a right and a wrong option")
    n_wrong = int(wrong.size().max())
    wrong_nats = np.repeat(means.to_numpy()[:, None, :], n_wrong, axis=1)  # (items, wrong options, steps)
    wrong_nats[wrong.ngroup().to_numpy(), wrong.cumcount().to_numpy()] = wide[~is_right].to_numpy()
    steps = wide.columns.to_numpy(dtype=float)
    return ChoiceLosses(steps, right.to_numpy().T, np.moveaxis(wrong_nats, 2, 0))


def split_curve(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`choice_split` of each group of `keys` over its checkpoints: keys, step, accuracy (of loss per token),
    right_nats, best_wrong_nats, wrong_nats, gap_nats (means over items). Raises DataError as `choice_losses`."""
    parts = []
    for named, losses, split in _splits(table, keys):
        curves = {name: getattr(split, name) for name in _CURVES}
        part = pd.DataFrame({"step": losses.steps.astype(np.int64), **curves})
        for place, (name, value) in enumerate(named.items()):
            part.insert(place, name, value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


_CURVES = ("accuracy", "right_nats", "best_wrong_nats", "wrong_nats", "gap_nats")


def split_table(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """One row per group of `keys`: n_checkpoints, n_items; accuracy_first, accuracy_last and gain_stderr, the standard
    error of their difference over items; the gap's gain from first to last checkpoint and its two parts (nats); and
    R-squared over checkpoints of accuracy on the right, the best wrong loss and the gap (NaN where one does not vary).
    Raises DataError as `choice_losses`."""
    rows = []
    for named, losses, split in _splits(table, keys):
        chosen = losses.right_nats < losses.wrong_nats.min(axis=2)
        change = chosen[-1].astype(float) - chosen[0]
        rows.append(
            named
            | {
                "n_checkpoints": len(losses.steps),
                "n_items": len(change),
                "accuracy_first": split.accuracy[0],
                "accuracy_last": split.accuracy[-1],
                "gain_stderr": float(stats.sem(change)) if len(change) > 1 else float("nan"),
                "gain_gap_nats": split.gain_gap_nats,
                "gain_from_right_nats": split.gain_from_right_nats,
                "gain_from_wrong_nats": split.gain_from_wrong_nats,
                "r2_right": split.r2_right,
                "r2_wrong": split.r2_wrong,
                "r2_gap": split.r2_gap,
            }
        )
    return pd.DataFrame(rows)


def _splits(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[dict[str, Any], ChoiceLosses, ChoiceSplit]]:
    if table.empty:
        raise DataError("option losses: no rows")
    found = []
    for values, rows in table.groupby(list(keys), sort=True):
        losses = choice_losses(rows)
        named: dict[str, Any] = dict(zip(keys, values, strict=True))
        found.append((named, losses, choice_split(losses.right_nats, losses.wrong_nats)))
    return found


def accuracy_through_gap(splits: pd.DataFrame, run: Sequence[str], scale: str, alpha: float = 0.05) -> Finding:
    """The verdict on the claim from `split_table`'s rows, several (sources) per run; `run` names the columns that tell
    runs apart; `scale` says in words how large the models and data were.

    Rule: only rows of at least MINIMUM_CHECKPOINTS whose accuracy rose by more than two standard errors speak. Within a
    run R-squared is averaged over its rows. Confirmed if the gap's R-squared exceeds the right option's, and the best
    wrong option's, in more runs than chance would give: two one-sided sign tests, each at alpha / 2. Not testable with
    fewer than 6 such runs, where no count reaches that level at alpha 0.05. Raises DataError on missing columns or a
    level outside 0-1.
    """
    level = fraction("alpha", alpha) / 2
    needed = {*run, "n_checkpoints", "accuracy_first", "accuracy_last", "gain_stderr", "r2_right", "r2_wrong", "r2_gap"}
    if not needed <= set(splits.columns):
        raise DataError(f"splits: no columns {sorted(needed - set(splits.columns))}; expected those of split_table")
    gain = splits.accuracy_last - splits.accuracy_first
    enough = (splits.n_checkpoints >= MINIMUM_CHECKPOINTS) & (gain > 2 * splits.gain_stderr)
    rose = splits[enough & splits[["r2_right", "r2_wrong", "r2_gap"]].notna().all(axis=1)]
    runs = rose.groupby(list(run))[["r2_right", "r2_wrong", "r2_gap"]].mean()
    rule = (
        "R-squared of accuracy over a run's checkpoints on the mean loss of the right option, of the best wrong one "
        f"and on their gap, averaged over the run's sources with at least {MINIMUM_CHECKPOINTS} checkpoints whose "
        "accuracy rose by more than two standard errors; confirmed if the gap's is larger than each of the others in "
        f"more runs than chance gives (sign tests, {level:g} each). Accuracy is the share of items with a gap above "
        "0, which favours the gap; runs share items."
    )
    if len(runs) < 6:
        reason = f"Accuracy rose in {len(runs)} runs ({scale}); at least 6 are needed. {rule}"
        return Finding("accuracy_through_gap", XIA, CLAIM, NOT_TESTABLE, "", reason)
    wins = {side: int((runs.r2_gap > runs[f"r2_{side}"]).sum()) for side in ("right", "wrong")}
    p = {side: stats.binomtest(count, len(runs), alternative="greater").pvalue for side, count in wins.items()}
    means = runs.mean()
    parts = rose[["gain_from_right_nats", "gain_from_wrong_nats"]].mean()
    figure = (
        f"R-squared of accuracy, mean of {len(runs)} runs: gap {means.r2_gap:.2f}, right option {means.r2_right:.2f}, "
        f"best wrong option {means.r2_wrong:.2f}; the gap's is larger than the right option's in {wins['right']} runs, "
        f"than the wrong one's in {wins['wrong']}; over training the right option's loss fell by "
        f"{parts.gain_from_right_nats:.2f} nats per token, the best wrong one's by {-parts.gain_from_wrong_nats:.2f} "
        f"({scale})"
    )
    holds = max(p.values()) <= level
    return Finding("accuracy_through_gap", XIA, CLAIM, verdict(holds), figure, rule)
