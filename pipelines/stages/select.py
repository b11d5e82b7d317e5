"""Stage `select`: choose one benchmark's features by forward selection, twice: among design features only (usable
before training) and among all features (the paper's all-features predictor needs the trained model's generations).

Reads the design table and the benchmark's scores; writes data/selected/<benchmark>.json: both paths with every
candidate's error at every step. Interrupted, it resumes at the last finished step. A sample is checked against
XGBoost; the stage fails where the engine differs.
"""

from collections.abc import Sequence

from models.selection import Rule, Step, forward_select, recheck, selected, stability
from pipelines.files import write_json
from pipelines.params import load_params
from pipelines.paths import SELECTED
from pipelines.progress import Recorder, inputs_key
from pipelines.stage import argument, run_stage
from pipelines.tables import read_task


def main() -> None:
    """Write the path that each selection took."""
    benchmark, params = argument(), load_params()
    cfg, spread, task = params.select, params.parallel, read_task(benchmark)
    choices = {}
    for selection, groups in cfg.groups.items():
        rule = Rule.among(task.view, groups, params.protocol, cfg.seeds, cfg.threshold)
        columns = task.columns((*rule.start, *rule.candidates))
        record = Recorder(f"select-{benchmark}-{selection}", inputs_key(columns, task.scores, rule))

        def keep(steps: Sequence[Step], record: Recorder = record) -> None:
            last = steps[-1]
            text = f"step {len(steps)}: MAE {last.mae:.5f}, {len(last.candidates)} tried, {last.added or 'none'} added"
            record.keep([step.to_dict() for step in steps], text)

        done = [Step.from_dict(step) for step in record.done]
        path = forward_select(task, rule, spread, done, keep, record.progress.scored)
        recheck(task, path, rule, spread)
        resampled = stability(task, rule, spread, cfg.stability_resamples)
        steps = [step.to_dict() for step in path]
        choices[selection] = {"features": selected(path), "path": steps, "stability": resampled}
        record.clear()
    write_json(SELECTED / f"{benchmark}.json", choices)


if __name__ == "__main__":
    run_stage(main)
