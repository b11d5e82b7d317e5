"""The computation behind stage `nest`, apart from it so that the stage starts quickly when nothing is to be nested."""

from __future__ import annotations

from models.selection import Rule, nested_selection
from pipelines.params import Params
from pipelines.progress import Recorder, inputs_key
from pipelines.tables import read_task


def nested_errors(benchmark: str, params: Params) -> dict[str, list[float]]:
    """Selection -> MAE of each seed with the selection repeated inside every outer training fold; resumes at the last
    finished fold."""
    cfg, task = params.select, read_task(benchmark)
    errors: dict[str, list[float]] = {}
    for selection, groups in cfg.groups.items():
        rule = Rule.among(task.view, groups, params.protocol, cfg.seeds, cfg.threshold)
        columns = task.columns((*rule.start, *rule.candidates))
        record = Recorder(f"nest-{benchmark}-{selection}", inputs_key(columns, task.scores, rule, cfg.nested_seeds))
        errors[selection] = nested_selection(task, rule, params.parallel, cfg.nested_seeds, record)
        record.clear()
    return errors
