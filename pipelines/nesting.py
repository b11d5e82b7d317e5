"""The computation behind stage `nest`, apart from it so that the stage starts quickly when nothing is to be nested."""

from __future__ import annotations

from features.catalogue import SCALE, feature_names
from models.selection import Rule, nested_selection
from pipelines.params import Params
from pipelines.progress import Recorder, inputs_key
from pipelines.tables import read_task


def nested_errors(benchmark: str, params: Params) -> dict[str, list[float]]:
    """Predictor -> MAE of each seed with the selection repeated inside every outer training fold; resumes at the last
    finished fold."""
    cfg, task = params.select, read_task(benchmark)
    out: dict[str, list[float]] = {}
    rule = Rule(params.protocol, cfg.seeds, cfg.threshold)
    for predictor, groups in cfg.groups.items():
        candidates = [name for name in feature_names(task.encoding.view, groups) if name not in SCALE]
        key = inputs_key(task.columns((*SCALE, *candidates)), task.scores, rule, cfg.nested_seeds)
        record = Recorder(f"nest-{benchmark}-{predictor}", key)
        out[predictor] = nested_selection(task, SCALE, candidates, rule, params.parallel, cfg.nested_seeds, record)
        record.clear()
    return out
