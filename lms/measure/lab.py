"""The checkpoints of a laboratory run, measured on passages of held-out text (passages.py): which of several passages
continues this one, by source. Small models are far from any benchmark; this is the choice they can make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.errors import DataError
from lms.measure.job import measure
from lms.measure.passages import Tokens, passage_items
from lms.measure.settings import MeasureSettings
from lms.measure.summary import item_metrics
from lms.pretrain.shards import open_documents
from lms.probe import LabRun, lab_checkpoints

# Metric as it is recorded -> column of `item_metrics`, and its sign: above 0, a gap favours the right option.
RECORDED = {"average_loss": ("average_loss", 1.0), "accuracy": ("accuracy", 1.0), "gap": ("margin_loss", -1.0)}
OPTION_COLUMNS = [
    "experiment", "setting", "seed", "step", "source", "item", "option", "is_right", "loss_nats_per_token",
]  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """`metrics`: experiment, setting, seed, step, tokens, metric (average_loss/<source>, accuracy/<source>,
    gap/<source>; the first and last in nats per token), value. `options`: OPTION_COLUMNS, what
    `foretell.experiments.choice` takes. Floats with 6 significant digits."""

    metrics: pd.DataFrame
    options: pd.DataFrame


def measure_runs(
    experiment: str,
    runs: Sequence[LabRun],
    held_out: Mapping[str, Sequence[Tokens]],
    settings: MeasureSettings,
    work_root: Path,
) -> Measured:
    """All checkpoints after step 0 of `runs` (cells and seeds of `experiment`) on items made from `held_out`: source ->
    token ids of its held-out documents. Every run gets the same items. Finished parts below `work_root` are used.

    Raises DataError when a run has no checkpoints or a source too little text.
    """
    items = [
        item for source, texts in sorted(held_out.items()) for item in passage_items(source, texts, settings.passages)
    ]
    parts = []
    for run in runs:
        checkpoints = lab_checkpoints([run], work_root / "measured_runs" / experiment / run.model)
        table = measure(checkpoints, items, settings.batch_size, work_root)
        named: dict[str, Any] = {"experiment": experiment, "setting": run.setting, "seed": run.seed}
        metrics = _recorded_metrics(table).assign(**named)
        metrics["tokens"] = metrics.step.map(_tokens_of_steps(run))
        parts.append(Measured(metrics, table.rename(columns={"task": "source"}).assign(**named)))
    order = ["experiment", "setting", "seed", "step"]
    metrics = pd.concat([part.metrics for part in parts])[[*order, "tokens", "metric", "value"]]
    options = pd.concat([part.options for part in parts])[OPTION_COLUMNS]
    return Measured(
        _six_digits(metrics.sort_values([*order, "metric"], ignore_index=True), "value"),
        _six_digits(options.sort_values([*order, "source"], kind="stable", ignore_index=True), "loss_nats_per_token"),
    )


def held_out_tokens(tokens: Path, sources: Sequence[str]) -> dict[str, list[NDArray[np.int64]]]:
    """Source -> token ids of each of its held-out documents, from the shards below `tokens` (lms.pretrain.shards).
    Raises DataError when a source is not whole or holds nothing out."""
    opened = {source: open_documents(tokens, source, "held_out") for source in sources}
    return {
        source: [documents.tokens(number, 0, int(length)) for number, length in enumerate(documents.lengths)]
        for source, documents in opened.items()
    }


def _recorded_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Columns step, metric, value: means over the items of a source."""
    means = item_metrics(table).groupby(["step", "task"])[[column for column, _ in RECORDED.values()]].mean()
    rows = []
    for name, (column, sign) in RECORDED.items():
        part = means[column].mul(sign).rename("value").reset_index()
        rows.append(part.assign(metric=f"{name}/" + part.task))
    return pd.concat(rows)[["step", "metric", "value"]]


def _tokens_of_steps(run: LabRun) -> dict[int, int]:
    path = run.folder / "curve.csv"
    if not path.is_file():
        raise DataError(f"{path}: missing; expected the files of a finished run of lms.pretrain")
    curve = pd.read_csv(path)
    return dict(zip(curve["step"], curve["tokens"], strict=True))


def _six_digits(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.assign(**{column: [float(f"{value:.6g}") for value in table[column]]})
